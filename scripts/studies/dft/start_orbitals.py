"""Give frames that are to be labelled the orbitals that ions of like surroundings ended with.

python scripts/studies/dft/start_orbitals.py potentials/data/dft/frames.extxyz \
    --host lammps_inputs/olivine_nafepo4/host.cif \
    --of potentials/data/dft/wanted.extxyz potentials/data/dft/held_out.extxyz

Which orbital of a partly filled shell is lowest is decided by the ions around, and calculations
that find it by themselves end in another one now and then. So every ion starts with what most ions
ended with that have the same species on the sites around: `orbitals` in the `info` of the frames
of --of. Sites and their symmetry are those of the host. --list shows how far each labelled frame
is from what is usual.
"""

import argparse
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
import spglib
from ase import Atoms

from redoxmc.data.gpaw.shells import from_triangle, to_triangle
from redoxmc.io.extxyz import COLUMN, read_labelled
from redoxmc.io.files import write_atomically

REACH = 5.5  # Å
SAME = 0.05  # Å; two sites of the host
Floats = np.ndarray
Ion = tuple[str, int, int]  # species, spin channel, electrons


@dataclass
class Around:
    """What is around an ion, in the frame of the first site of its kind; symmetry leaves a choice.

    names: species on the sites around, from near to far. rotation: (5, 5), from that frame.
    """

    names: tuple[str, ...]
    rotation: Floats


def rotated_d(rotation: Floats) -> Floats:
    """How a rotation, (3, 3), turns the real d harmonics xy, yz, 3z^2-r^2, zx, x^2-y^2."""
    forms = np.zeros((5, 3, 3))
    for index, (i, j) in ((0, (0, 1)), (1, (1, 2)), (3, (0, 2))):
        forms[index, i, j] = forms[index, j, i] = np.sqrt(0.5)
    forms[2] = np.diag([-1, -1, 2]) / np.sqrt(6)
    forms[4] = np.diag([1, -1, 0]) / np.sqrt(2)
    result: Floats = np.einsum("mij,jk,nkl,il->mn", forms, rotation, forms, rotation)
    return result


class Sites:
    """The sites of a host, and which of them symmetry makes alike."""

    def __init__(self, host: Atoms) -> None:
        self.cell, self.scaled = host.cell.array, host.get_scaled_positions()
        self.numbers = host.numbers
        found = spglib.get_symmetry((self.cell, self.scaled, host.numbers), symprec=1e-3)
        kinds = spglib.get_symmetry_dataset((self.cell, self.scaled, host.numbers), symprec=1e-3)
        self.first = np.asarray(kinds.equivalent_atoms)
        self.rotations: dict[int, list[Floats]] = defaultdict(list)
        turn = self.cell.T
        for rotation, shift in zip(found["rotations"], found["translations"], strict=True):
            images = self.scaled[self.first] @ rotation.T + shift
            away = images - self.scaled
            for site in np.flatnonzero(self._short(away) < SAME):
                self.rotations[int(site)].append(turn @ rotation @ np.linalg.inv(turn))

    def _short(self, away: Floats) -> Floats:
        result: Floats = np.linalg.norm((away - np.round(away)) @ self.cell, axis=-1)
        return result

    def around(self, site: int) -> Floats:
        """Vectors to the sites around the first site of a kind, (n, 3) Å, from near to far."""
        shifts = np.array(list(np.ndindex(5, 5, 5))) - 2
        vectors = (self.scaled[None] + shifts[:, None] - self.scaled[self.first[site]]) @ self.cell
        flat = vectors.reshape(-1, 3)
        lengths = np.linalg.norm(flat, axis=1)
        near = flat[(lengths > SAME) & (lengths < REACH)]
        result: Floats = near[np.argsort(np.linalg.norm(near, axis=1).round(2), kind="stable")]
        return result

    def occupied(self, atoms: Atoms) -> tuple[list[tuple[int, tuple[int, ...]]], list[int]]:
        """The site and cell of every atom, and how often the host is repeated.

        ValueError where two atoms are nearest to one site.
        """
        repeats = np.rint(np.diag(atoms.cell.array @ np.linalg.inv(self.cell))).astype(int)
        scaled, shift = atoms.get_scaled_positions() * repeats, np.zeros(3)
        for _ in range(3):  # the crystal may lie elsewhere in its cell
            away = scaled[:, None] - shift - self.scaled[None]
            lengths = self._short(away) + 1e3 * (atoms.numbers[:, None] != self.numbers[None])
            sites = lengths.argmin(axis=1)
            mine = away[np.arange(len(atoms)), sites]
            shift = shift + (mine - np.round(mine)).mean(axis=0)
        cells = np.round(mine).astype(int) % repeats
        places = [
            (int(s), tuple(int(c) for c in cell)) for s, cell in zip(sites, cells, strict=True)
        ]
        if len(set(places)) < len(places):
            raise ValueError("two atoms are nearest to one site of the host")
        return places, [int(r) for r in repeats]


def surroundings(sites: Sites, atoms: Atoms, ions: set[int]) -> dict[int, list[Around]]:
    """What is around each of the ions, by index of the atom, as each operation shows it."""
    places, repeats = sites.occupied(atoms)
    species = dict(zip(places, atoms.arrays[COLUMN].tolist(), strict=True))
    result: dict[int, list[Around]] = {}
    for ion in ions:
        site, cell = places[ion]
        result[ion] = []
        for rotation in sites.rotations[site]:
            ends = sites.scaled[site] + sites.around(site) @ rotation.T @ np.linalg.inv(sites.cell)
            names = []
            for end in ends:
                away = end - sites.scaled
                other = int(sites._short(away).argmin())
                there = (np.round(away[other]).astype(int) + cell) % repeats
                names.append(species.get((other, tuple(there.tolist())), ""))
            result[ion].append(Around(tuple(names), rotated_d(rotation)))
    return result


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=Path, help="labelled frames with orbitals")
    parser.add_argument("--host", type=Path, required=True, help="CIF file")
    parser.add_argument("--of", type=Path, nargs="*", default=[], help="frames to label")
    parser.add_argument("--list", action="store_true", help="overlap with the usual, by frame")
    arguments = parser.parse_args()
    labelled = [f for f in read_labelled(arguments.frames) if f.info.get("order_kept", True)]
    usual = Usual(Sites(ase.io.read(arguments.host)), labelled)
    if arguments.list:
        for number, frame in enumerate(labelled):
            print(
                f"{overlap(usual, frame, number):.2f}", frame.info.get("key"), frame.info["source"]
            )
    ions = {ion[0]: ion for ion in usual.known}
    for path in arguments.of:
        frames = read_labelled(path)
        rows = [start(usual, ions, frame) for frame in frames]
        put_into(path, [len(frame) for frame in frames], rows)
        print(f"{path}: orbitals for {sum(map(bool, rows))} of {len(frames)} frames")


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


if __name__ == "__main__":
    main()
