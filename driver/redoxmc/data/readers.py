"""Reading DFT results of any kind: which reader a file needs is decided by its content."""

import gzip
import warnings
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from redoxmc.data.outcar import outcar_frames
from redoxmc.data.vasprun import sibling_outcar, vasprun_frames
from redoxmc.errors import InputError
from redoxmc.io.frames import FrameError, short, unsound, xyz_frames

if TYPE_CHECKING:
    from ase import Atoms

# Names under which training sets hold results that ASE calls otherwise.
_ENERGY = ("REF_energy", "dft_energy", "energy_dft", "DFT_energy")
_STRESS = ("REF_stress", "dft_stress", "DFT_stress")
_FORCES = ("REF_forces", "dft_forces", "forces_dft", "DFT_forces", "force")
_MOMENTS = ("REF_magmoms", "dft_magmoms", "DFT_magmoms", "magnetic_moments", "moments")
_SMALLEST_FRAME = 64  # bytes; more frames than this allows are a damaged table of contents


def read_frames(path: Path | str) -> "Iterator[Atoms | FrameError]":
    """Yield every frame of a VASP OUTCAR or vasprun.xml, extended XYZ, ASE traj or ASE db file.

    What cannot be used comes as a FrameError that says why. Energies in eV, forces in eV/Å, stress
    in eV/Å^3, site moments in µB, as far as the file has them. Raises InputError where the file
    does not exist, cannot be read, or is of another kind.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind == "extxyz":
        frames = xyz_frames(path)
    elif kind == "outcar":
        frames = _stream(path, kind)
    elif kind == "vasprun":
        frames = _with_moments(_stream(path, kind), sibling_outcar(path))
    else:
        frames = _traj(path) if kind == "traj" else _db(path, kind)
    for frame in frames:
        if isinstance(frame, FrameError):
            yield frame
            continue
        _adopt_results(frame)
        problem = unsound(frame)
        yield FrameError(problem) if problem else frame


def _adopt_results(frame: "Atoms") -> None:
    """Move results that lie under other names in `info` and `arrays` to where ASE has them."""
    from ase.calculators.singlepoint import SinglePointCalculator

    results: dict[str, Any] = dict(frame.calc.results) if frame.calc is not None else {}
    before = len(results)
    for name, aliases, where in (
        ("energy", _ENERGY, frame.info),
        ("stress", _STRESS, frame.info),
        ("forces", _FORCES, frame.arrays),
        ("magmoms", _MOMENTS, frame.arrays),
    ):
        for alias in aliases:
            if name not in results and alias in where:
                results[name] = where.pop(alias)
    if "stress" in results and np.size(results["stress"]) == 9:
        full = np.reshape(results["stress"], (3, 3))
        results["stress"] = full[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    if "energy" not in results and "free_energy" in results:
        results["energy"] = results["free_energy"]
    if len(results) > before:
        frame.calc = SinglePointCalculator(frame, **results)


def file_kind(path: Path) -> str:
    """Return outcar, vasprun, extxyz, traj, db or json (ASE's); InputError for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                head = packed.read(4096)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({short(error)}).") from None
    if head.startswith(b"- of UlmASE-Trajectory"):
        return "traj"
    if head.startswith(b"SQLite format 3\0"):
        return "db"
    if head.lstrip().startswith(b'{"') and b'"unique_id"' in head:
        return "json"
    if b"<modeling>" in head:
        return "vasprun"
    first = head.lstrip().split(b"\n", 1)[0].strip()
    if first.isdigit():
        return "extxyz"
    if first.lower().startswith(b"vasp.") or b"INCAR:" in head:
        return "outcar"
    raise InputError(
        f"{path} is no VASP OUTCAR or vasprun.xml, extended XYZ, ASE trajectory or ASE database."
    )


def _stream(path: Path, kind: str) -> "Iterator[Atoms | FrameError]":
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    opener: Any = gzip.open if packed else open
    try:
        with opener(path, "rb") as binary:
            stream = cast(IO[bytes], binary)
            if kind == "outcar":
                yield from outcar_frames(line.decode("utf-8", "replace") for line in stream)
            else:
                yield from vasprun_frames(stream)
    except (OSError, EOFError, zlib.error) as error:
        yield FrameError(f"the file cannot be read to its end ({short(error)})")


def _with_moments(
    frames: "Iterator[Atoms | FrameError]", outcar: Path | None
) -> "Iterator[Atoms | FrameError]":
    """Give frames without site moments those of the same step of the OUTCAR beside the file."""
    others = iter(_stream(outcar, "outcar")) if outcar else iter(())
    for frame in frames:
        other = next(others, None)
        if (
            not isinstance(frame, FrameError)
            and not isinstance(other, FrameError | None)
            and "magmoms" not in frame.calc.results
            and "magmoms" in other.calc.results
            and list(frame.symbols) == list(other.symbols)
            and abs(frame.calc.results["free_energy"] - other.calc.results["free_energy"]) < 1e-5
        ):
            frame.calc.results["magmoms"] = other.calc.results["magmoms"]
        yield frame


def _traj(path: Path) -> "Iterator[Atoms | FrameError]":
    from ase.io.trajectory import TrajectoryReader

    try:
        reader = TrajectoryReader(str(path))
        count = len(reader)
    except Exception as error:  # ASE raises nearly anything on damaged files
        raise InputError(f"{path} is a damaged ASE trajectory ({short(error)}).") from None
    with closing(reader):
        if count > path.stat().st_size // _SMALLEST_FRAME:
            raise InputError(f"{path} is a damaged ASE trajectory (it announces {count} frames).")
        for index in range(count):
            try:
                yield _plain(reader[index])
            except Exception as error:  # see above
                yield FrameError(f"it is damaged ({short(error)})")


def _db(path: Path, kind: str) -> "Iterator[Atoms | FrameError]":
    from ase.db import connect

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            database = connect(str(path), type=kind, append=True, use_lock_file=False)
            numbers = [row.id for row in database.select(columns=["id"], include_data=False)]
    except Exception as error:  # sqlite3 and ASE raise nearly anything on damaged files
        raise InputError(f"{path} is a damaged ASE database ({short(error)}).") from None
    for number in numbers:
        try:
            yield _plain(database.get_atoms(id=number, add_additional_information=False))
        except Exception as error:  # see above
            yield FrameError(f"it is damaged ({short(error)})")


def _plain(atoms: "Atoms") -> "Atoms":
    """Return the frame without constraints, which would change the forces that it reports."""
    atoms.set_constraint()
    for name, array in atoms.arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")
    return atoms
