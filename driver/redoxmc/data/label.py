"""From DFT results to labelled frames: read, assign, check, and say what was dropped and why."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.data.assign import Rules, Site, assign, choose, prepare
from redoxmc.data.bader import attach_acf
from redoxmc.data.clusters import Division
from redoxmc.data.readers import file_kind, read_frames
from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN, species_of
from redoxmc.io.frames import FrameError
from redoxmc.species import Species

if TYPE_CHECKING:
    from ase import Atoms

_CLOSEST = 0.5  # Å; nearer atoms, or the magnitudes below, are a damaged file
_LARGEST = {"forces": 1e3, "magmoms": 15.0, "stress": 1e2}  # eV/Å, µB, eV/Å^3


@dataclass(frozen=True)
class Dropped:
    """A frame that was not labelled."""

    file: str
    frame: int  # number in the file, from 0
    reason: str


@dataclass
class Labelled:
    """The result of `label_files`."""

    frames: "list[Atoms]" = field(default_factory=list)  # labelled, in the order of the files
    read: int = 0  # how many frames were met
    dropped: list[Dropped] = field(default_factory=list)
    # for each element with several charge states, how its values were divided
    assignment: dict[str, dict[str, Any]] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Return what `redoxmc label --json` writes."""
        dropped = [{"file": d.file, "frame": d.frame, "reason": d.reason} for d in self.dropped]
        return {
            "read": self.read,
            "written": len(self.frames),
            "dropped": dropped,
            "assignment": self.assignment,
        }


def label_files(paths: Sequence[Path | str], rules: Rules | None = None) -> Labelled:
    """Read all frames of all files and give every atom a charge state.

    Frames that already have the column `charge_state` keep it. A frame is dropped, with the
    reason, where it is damaged, lacks energy or forces, has ambiguous values, or is not neutral;
    the others are still processed. The divisions are found from all files together. Raises
    InputError for a file that does not exist.
    """
    for path in paths:
        if not Path(path).is_file():
            raise InputError(f"{path} does not exist, or is no file.")
    entries = (
        (str(path), number, frame)
        for path in paths
        for number, frame in enumerate(_frames_of(Path(path)))
    )
    return label_frames(entries, rules)


def label_frames(
    entries: "Iterable[tuple[str, int, Atoms | FrameError]]", rules: Rules | None = None
) -> Labelled:
    """Label frames that are already read: (file, number in the file, frame or why there is none).

    The frames are changed in place. Otherwise as `label_files`.
    """
    rules = rules or Rules()
    result = Labelled()
    waiting: list[tuple[int, str, int, Atoms, Site]] = []
    dropped: list[tuple[int, Dropped]] = []
    for file, number, frame in entries:
        try:
            if isinstance(frame, FrameError):
                raise frame
            _check(frame)
            frame.info.setdefault("source", f"{Path(file).name}#{number}")
            waiting.append((result.read, file, number, frame, _site(frame, rules)))
        except FrameError as error:
            dropped.append((result.read, Dropped(file, number, str(error))))
        result.read += 1
    options = choose([entry[-1] for entry in waiting], rules)
    count = max((len(divisions) for divisions in options.values()), default=1)
    ways = [{e: divisions[k] for e, divisions in options.items()} for k in range(count)]
    sites = []
    for place, file, number, frame, site in waiting:
        answer = _agreed(site, ways if rules.source == "bader" else ways[:1])
        if isinstance(answer, FrameError):
            dropped.append((place, Dropped(file, number, str(answer))))
            continue
        frame.arrays[COLUMN] = np.array([str(one) for one in answer])
        result.frames.append(frame)
        sites.append(site)
    result.assignment = {e: _report(e, division, sites) for e, division in ways[0].items()}
    result.dropped = [entry for _, entry in sorted(dropped, key=lambda pair: pair[0])]
    return result


def _frames_of(path: Path) -> "Iterator[Atoms | FrameError]":
    """Yield the frames of a file; a file of another kind is one bad frame."""
    try:
        outcar = file_kind(path) == "outcar"
        last: Atoms | FrameError | None = None
        for frame in read_frames(path):
            if last is not None:
                yield _without_valences(last)
            last = frame
        if last is None:
            yield FrameError("the file holds no frame")
            return
        if outcar and not isinstance(last, FrameError):
            attach_acf(last, path)  # a Bader analysis belongs to the last density
        yield _without_valences(last)
    except InputError as error:
        yield FrameError(str(error).removeprefix(f"{path} ").rstrip("."))


def _without_valences(frame: "Atoms | FrameError") -> "Atoms | FrameError":
    if not isinstance(frame, FrameError):
        frame.info.pop("valence_electrons", None)
    return frame


def _check(frame: "Atoms") -> None:
    """Raise FrameError where a frame lacks what a label is, or has what no calculation gives."""
    results = frame.calc.results if frame.calc is not None else {}
    for name in ("energy", "forces"):
        if name not in results:
            raise FrameError(f"it has no {name}")
    for name, limit in _LARGEST.items():
        if name in results and np.abs(results[name]).max() > limit:
            raise FrameError(f"its {name} reach {np.abs(results[name]).max():.3g}")
    if len(frame) > 1:
        distances = frame.get_all_distances(mic=bool(frame.pbc.any()))
        nearest = distances[np.triu_indices(len(frame), 1)].min()
        if nearest < _CLOSEST:
            raise FrameError(f"two of its atoms are {nearest:.2f} Å apart")


def _site(frame: "Atoms", rules: Rules) -> Site:
    if COLUMN not in frame.arrays:
        return prepare(frame, rules)
    try:
        frame.arrays[COLUMN] = frame.arrays[COLUMN].astype(str)
        species = species_of(frame)
    except InputError as error:
        raise FrameError(str(error).rstrip(".")) from None
    return Site(tuple(frame.symbols), tuple(species), np.full(len(frame), np.nan))


def _agreed(site: Site, ways: Sequence[dict[str, Division]]) -> list[Species] | FrameError:
    answers = [assign(site, divisions) for divisions in ways]
    if any(answer != answers[0] for answer in answers if not isinstance(answer, FrameError)):
        return FrameError("its Bader charges allow more than one neutral assignment")
    return answers[0]


def _report(element: str, division: Division, sites: Sequence[Site]) -> dict[str, Any]:
    """Describe a division by the values that were assigned with it; gap: between the extremes."""
    atoms = [(site, site.open_atoms(element)) for site in sites]
    values = np.concatenate([site.values[a] for site, a in atoms]) if atoms else np.zeros(0)
    codes = division.codes(values)
    clusters: list[dict[str, Any]] = []
    for k, charge in enumerate(division.charges, start=1):
        members = values[codes == k]
        clusters.append(
            {
                "species": str(Species(element, charge)),
                "atoms": int(members.size),
                "mean": float(members.mean()) if members.size else None,
                "min": float(members.min()) if members.size else None,
                "max": float(members.max()) if members.size else None,
            }
        )
    ends = [(c["max"], d["min"]) for c, d in pairwise(clusters)]
    gaps = [d - c if c is not None and d is not None else None for c, d in ends]
    return {"clusters": clusters, "thresholds": list(division.thresholds), "gaps": gaps}
