"""What is around an ion of a crystal whose sites are those of a host, whatever sits on them.

Sites that symmetry makes alike are looked at in one frame, so that their surroundings compare, and
so do d orbitals.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import spglib
from ase import Atoms

from redoxmc.io.extxyz import COLUMN

REACH = 5.5  # Å
SAME = 0.05  # Å; two sites of the host
Floats = np.ndarray


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
