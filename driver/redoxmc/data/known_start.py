"""What geometries computed before give as a start for others of the same charge order."""

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.data.queue import Queue
from redoxmc.data.runner import Start, waves_file
from redoxmc.io.extxyz import COLUMN

if TYPE_CHECKING:
    from ase import Atoms

_NEAR = 1.2  # Å; half of what separates two sites


def known_start(atoms: "Atoms", candidates: "Iterable[tuple[Atoms, str]]", queue: Queue) -> Start:
    """Return the orbitals to begin with, and the waves of the nearest geometry that has some.

    candidates: structures and their keys in the queue. One counts where it has the same charge
    states and every atom near its place. A calculation that starts from another needs fewer
    iterations, and the geometries of an order get one orbital order. Orbitals that the structure
    brings itself (`orbitals` in `info`) come before those of the queue.
    """
    near = sorted(
        (distance, key)
        for other, key in candidates
        if (distance := _distance(atoms, other)) is not None
    )
    files = (waves_file(queue.folder, key) for _, key in near)
    waves = next((file for file in files if file.is_file()), None)
    # files of the queue are read one by one, and the nearest mostly has them
    computed = (frame for _, key in near for frame in queue.result(key))
    for frame in chain([atoms], computed):
        if "orbitals" in frame.info:
            return Start(np.asarray(frame.info["orbitals"]).tolist(), waves)
    return Start(waves=waves)


def _distance(atoms: "Atoms", other: "Atoms") -> float | None:
    """Sum of squared displacements (Å^2); None where an ion differs or an atom is not near."""
    if list(other.arrays[COLUMN]) != list(atoms.arrays[COLUMN]):
        return None
    moved = other.get_scaled_positions() - atoms.get_scaled_positions()
    moved -= np.round(moved)
    moved -= moved.mean(axis=0)  # where the whole crystal lies is no difference
    distances = np.linalg.norm(moved @ atoms.cell.array, axis=1)
    return float((distances**2).sum()) if distances.max() < _NEAR else None
