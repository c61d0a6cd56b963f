"""Whether a periodic structure can be one: a cell of plausible size, atoms that do not overlap."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.errors import InputError, cut

if TYPE_CHECKING:
    from ase import Atoms

LONGEST = 1e4  # Å, of a cell vector
VOLUME = (2.0, 1e5)  # Å^3 per atom: from denser than diamond to molecules in vacuum
CLOSEST = 0.5  # Å: shorter than any bond


def check_geometry(path: Path, atoms: "Atoms") -> None:
    """Raise InputError, naming the file and the atoms, for a structure that cannot be meant.

    Refused are numbers that are not finite, a cell without volume, one that is left-handed, far
    too large or too small for its atoms, two atoms on one place, and sites that were not filled by
    one ion where the file came from, as far as ASE has kept that.
    """
    cell = np.array(atoms.cell, dtype=float)
    if not np.isfinite(cell).all():
        raise InputError(f"{path}: a length or an angle of the cell is not a finite number.")
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        raise InputError(f"{path}: the position of atom {bad[0]} is not a finite number.")
    lengths = np.linalg.norm(cell, axis=1)
    if lengths.max() > LONGEST:
        raise InputError(
            f"{path}: a cell vector is {lengths.max():.3g} Å long, at most {LONGEST:g} Å can be "
            "meant; are its units Å?"
        )
    volume = float(np.linalg.det(cell))
    if abs(volume) < 1e-6 * max(lengths.prod(), 1e-6):
        raise InputError(f"{path} has no cell with a volume; a periodic structure is needed.")
    if volume < 0:
        raise InputError(
            f"{path}: its cell is left-handed (negative determinant), LAMMPS needs a right-handed "
            "one; exchange two cell vectors, and the coordinates along them."
        )
    per_atom = volume / len(atoms)
    if not VOLUME[0] <= per_atom <= VOLUME[1]:
        raise InputError(
            f"{path}: the cell has {per_atom:.3g} Å^3 for each of its {len(atoms)} atoms, between "
            f"{VOLUME[0]:g} and {VOLUME[1]:g} can be meant; are its units Å?"
        )
    _refuse_overlaps(path, atoms, cell)
    _refuse_partial(path, atoms)


def _refuse_overlaps(path: Path, atoms: "Atoms", cell: np.ndarray) -> None:
    from pymatgen.optimization.neighbors import find_points_in_spheres

    positions = np.ascontiguousarray(atoms.get_scaled_positions(wrap=True) @ cell)
    periodic = np.ones(3, dtype=np.int64)
    first, second, _, distance = find_points_in_spheres(
        positions, positions, CLOSEST, periodic, np.ascontiguousarray(cell), tol=1e-8
    )
    close = np.flatnonzero(first < second)
    if len(close):
        k = close[0]
        a, b = int(first[k]), int(second[k])
        raise InputError(
            f"{path}: atoms {a} ({atoms.symbols[a]}) and {b} ({atoms.symbols[b]}) are "
            f"{distance[k]:.2g} Å apart, as if one place were filled twice; remove one of them."
        )


def _refuse_partial(path: Path, atoms: "Atoms") -> None:
    occupancies = atoms.info.get("occupancy")
    for shares in occupancies.values() if isinstance(occupancies, dict) else ():
        if not isinstance(shares, dict) or len(shares) != 1 or set(shares.values()) != {1}:
            raise InputError(
                f"{path} holds sites that are partly filled or shared ({cut(shares)}); write an "
                "ordered cell, in which each site holds one ion."
            )
