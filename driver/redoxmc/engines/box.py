"""The box that LAMMPS wants: lower-triangular, for any cell, and the rotation between the two."""

import numpy as np

from redoxmc.errors import InputError
from redoxmc.structures.lattice import Floats


def lammps_axes(cell: Floats) -> tuple[Floats, Floats]:
    """The lower-triangular box of a cell and the rotation R with cell = box @ R.

    cell: (3, 3) Å, rows are vectors, right-handed.
    """
    q, r = np.linalg.qr(cell.T)
    sign = np.diag(np.where(np.diag(r) < 0, -1.0, 1.0))
    box, rotation = (sign @ r).T, (q @ sign).T
    if np.linalg.det(rotation) < 0:
        raise InputError("the cell is left-handed; LAMMPS needs a right-handed one.")
    box[np.abs(box) < 1e-12] = 0.0
    return box, rotation


def prism(box: Floats) -> dict[str, float]:
    """Lengths and tilts of a lower-triangular box (Å), by LAMMPS' names."""
    return {
        "lx": float(box[0, 0]),
        "ly": float(box[1, 1]),
        "lz": float(box[2, 2]),
        "xy": float(box[1, 0]),
        "xz": float(box[2, 0]),
        "yz": float(box[2, 1]),
    }
