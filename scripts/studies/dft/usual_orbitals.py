"""What orbitals ions ended with, by what is around them, as starts for frames to label."""

import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from ase import Atoms

from dft.surroundings import Around, Floats, Sites, surroundings
from redoxmc.data.gpaw.shells import from_triangle, to_triangle
from redoxmc.io.extxyz import COLUMN
from redoxmc.io.files import write_atomically

Ion = tuple[str, int, int]  # species, spin channel, electrons


def orbitals_of(frame: Atoms) -> dict[tuple[int, int], Floats]:
    """The projectors in the `info` of a labelled frame, by atom and spin channel."""
    result = {}
    for atom, spin, *numbers in np.asarray(frame.info.get("orbitals", []), dtype=float).tolist():
        diagonal = [numbers[k] for k in (0, 5, 9, 12, 14)]
        result[int(atom), int(spin)] = from_triangle(np.array(numbers), round(sum(diagonal)))
    return result


class Usual:
    """What ions ended with, by what they are and what is around them."""

    def __init__(self, sites: Sites, frames: list[Atoms]) -> None:
        self.sites = sites
        self.known: dict[Ion, dict[tuple[str, ...], list[tuple[int, Floats]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for number, frame in enumerate(frames):
            orbitals = orbitals_of(frame)
            try:
                around = surroundings(sites, frame, {atom for atom, _ in orbitals})
            except ValueError:
                continue
            for (atom, spin), projector in orbitals.items():
                ion = str(frame.arrays[COLUMN][atom]), spin, round(float(np.trace(projector)))
                first = min(around[atom], key=lambda one: one.names)
                seen = first.rotation.T @ projector @ first.rotation
                self.known[ion][first.names].append((number, seen))

    def of(self, ion: Ion, around: list[Around], without: int = -1) -> Floats | None:
        """The orbitals that most ions ended with whose surroundings differ least; None: no ion.

        without: number of a frame that does not count.
        """
        best, found = np.inf, None
        for names, seen in self.known[ion].items():
            others = [projector for number, projector in seen if number != without]
            for one in around if others else []:
                # how many sites differ, the near ones more
                weights = 1.0 / np.arange(2, len(names) + 2)
                apart = float(weights @ (np.array(names) != np.array(one.names)))
                if apart < best:
                    mean = one.rotation @ np.mean(others, axis=0) @ one.rotation.T
                    vectors = np.linalg.eigh(mean)[1][:, len(mean) - ion[2] :]
                    best, found = apart, vectors @ vectors.T
        return found


def overlap(usual: Usual, frame: Atoms, number: int) -> float:
    """The least overlap of an ion's orbitals with those of other frames, 0 to 1."""
    orbitals, least = orbitals_of(frame), 1.0
    try:
        around = surroundings(usual.sites, frame, {atom for atom, _ in orbitals})
    except ValueError:
        return float("nan")
    for (atom, spin), projector in orbitals.items():
        electrons = round(float(np.trace(projector)))
        ion = str(frame.arrays[COLUMN][atom]), spin, electrons
        expected = usual.of(ion, around[atom], number)
        if expected is not None:
            least = min(least, float(np.trace(expected @ projector)) / electrons)
    return least


def start(usual: Usual, ions: dict[str, Ion], frame: Atoms) -> list[list[float]]:
    """Rows of atom, spin channel and triangle of the projector; none where not all are known."""
    species = frame.arrays[COLUMN].tolist()
    choosing = {index for index, name in enumerate(species) if name in ions}
    try:
        around = surroundings(usual.sites, frame, choosing)
    except ValueError:
        return []
    rows: list[list[float]] = []
    for atom in sorted(choosing):
        found = usual.of(ions[species[atom]], around[atom])
        if found is None:
            return []
        rows.append([atom, ions[species[atom]][1], *to_triangle(found)])
    return rows


def put_into(path: Path, sizes: list[int], rows: list[list[list[float]]]) -> None:
    """Write orbitals into the second line of each frame of a file; nothing else changes."""
    lines, at = path.read_text(encoding="utf-8").splitlines(), 1
    for size, one in zip(sizes, rows, strict=True):
        text = re.sub(r' orbitals="[^"]*"', "", lines[at])
        lines[at] = text + (f' orbitals="_JSON {json.dumps(one)}"' if one else "")
        at += size + 2
    write_atomically(path, "\n".join(lines) + "\n")
