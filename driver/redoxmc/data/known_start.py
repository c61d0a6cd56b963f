"""What geometries computed before give as a start for others of the same charge order."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.data.queue import Queue
from redoxmc.data.runner import Start, waves_file
from redoxmc.io.extxyz import COLUMN

if TYPE_CHECKING:
    from ase import Atoms

_NEAR = 1.2  # Å; half of what separates two sites


def known_start(atoms: "Atoms", candidates: "Iterable[tuple[Atoms, str]]", queue: Queue) -> Start:
    """Return the filled orbitals of the nearest geometry that has them, and the nearest waves.

    candidates: structures and their keys in the queue. One counts where it has the same charge
    states and every atom near its place. A calculation that starts from another needs fewer
    iterations, and the geometries of an order get one orbital order.
    """
    wanted, near = list(atoms.arrays[COLUMN]), []
    for other, key in candidates:
        if list(other.arrays[COLUMN]) == wanted:
            moved = other.get_scaled_positions() - atoms.get_scaled_positions()
            moved -= np.round(moved)
            moved -= moved.mean(axis=0)  # where the whole crystal lies is no difference
            distances = np.linalg.norm(moved @ atoms.cell.array, axis=1)
            if distances.max() < _NEAR:
                near.append((float((distances**2).sum()), key))
    keys = [key for _, key in sorted(near)]
    files = (waves_file(queue.folder, key) for key in keys)
    waves = next((file for file in files if file.is_file()), None)
    for key in keys:
        for frame in queue.result(key):
            if "orbitals" in frame.info:
                return Start(np.asarray(frame.info["orbitals"]).tolist(), waves)
    return Start(waves=waves)
