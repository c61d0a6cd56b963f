"""Filled orbitals of geometries computed before, as a start for others of the same charge order."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.data.queue import Queue
from redoxmc.data.runner import Orbitals
from redoxmc.io.extxyz import COLUMN

if TYPE_CHECKING:
    from ase import Atoms

_NEAR = 1.2  # Å; half of what separates two sites


def known_orbitals(
    atoms: "Atoms", candidates: "Iterable[tuple[Atoms, str]]", queue: Queue
) -> Orbitals:
    """Return the orbitals of the nearest geometry that is computed; none where there is none.

    candidates: structures and their keys in the queue. One counts where it has the same charge
    states and every atom near its place. A calculation that starts from its orbitals needs fewer
    iterations, and the geometries of an order get one orbital order.
    """
    wanted, near = list(atoms.arrays[COLUMN]), []
    for other, key in candidates:
        if list(other.arrays[COLUMN]) == wanted:
            moved = other.get_scaled_positions() - atoms.get_scaled_positions()
            distances = np.linalg.norm((moved - np.round(moved)) @ atoms.cell.array, axis=1)
            if distances.max() < _NEAR:
                near.append((float((distances**2).sum()), key))
    for _, key in sorted(near):
        for frame in queue.result(key):
            if "orbitals" in frame.info:
                rows: Orbitals = np.asarray(frame.info["orbitals"]).tolist()
                return rows
    return []
