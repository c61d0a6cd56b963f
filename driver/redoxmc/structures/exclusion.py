"""Ion sites that are too close to be occupied together."""

import numpy as np
import numpy.typing as npt

from redoxmc.config.campaign import Config
from redoxmc.errors import InputError
from redoxmc.structures.neighbours import Floats, Ints, neighbours


def excluded_pairs(config: Config, cell: Floats, positions: Floats) -> Ints:
    """Pairs of ion sites nearer than ions.minimum_distance, each once, (n_pairs, 2).

    cell: (3, 3) Å. positions: of the ion sites, (n, 3) Å, which the pairs count from 0. InputError
    where a site excludes its own image.
    """
    least = config.ions.minimum_distance if config.ions else None
    if least is None:
        return np.empty((0, 2), dtype=np.int64)
    near = neighbours(cell, positions, least - 1e-6)
    if (near.centre == near.point).any():
        raise InputError(
            f"ions.minimum_distance = {least:g} Å is longer than the supercell, in which an ion "
            "is as near to its own image; take a larger supercell or a smaller distance."
        )
    pairs: Ints = np.unique(np.sort(np.column_stack([near.centre, near.point]), axis=1), axis=0)
    return pairs


def allowed(excluded: Ints, ions: npt.NDArray[np.int8]) -> bool:
    """Whether no two sites that exclude each other are occupied. ions: (n_ion_sites,)."""
    return not bool((ions[excluded[:, 0]] & ions[excluded[:, 1]]).any())
