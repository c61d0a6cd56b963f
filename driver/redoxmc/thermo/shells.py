"""Neighbour shells of a periodic set of sites."""

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree


def neighbour_shells(
    cell: ArrayLike,
    positions: ArrayLike,
    n_shells: int,
    others: ArrayLike | None = None,
    tolerance: float = 0.1,
) -> tuple[list[NDArray[np.int64]], list[float]]:
    """Group the pairs of sites by distance.

    cell: [3, 3], rows are lattice vectors, Å. positions: [n, 3], Å. others: [m, 3], Å, a second
    sublattice (pairs run from the first to the second); without it they run inside the first.
    tolerance: Å; distances closer than this belong to one shell.

    Returns one int64 [n_pairs, 2] per shell, nearest first, and the mean distance of each shell. A
    pair is listed once for each periodic image in the shell and, inside one sublattice, in both
    directions; so in a small cell the same pair may occur several times, and a site may neighbour
    its own image (it is the crystal that is described, not the cell).
    Raises ValueError for fewer than one shell or an empty sublattice.
    """
    lattice = np.asarray(cell, dtype=np.float64).reshape(3, 3)
    first = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    second = first if others is None else np.asarray(others, dtype=np.float64).reshape(-1, 3)
    if n_shells < 1 or not len(first) or not len(second):
        raise ValueError(f"need a shell and a site, got {n_shells} and {len(first)}, {len(second)}")
    radius = 1.5 * float(np.cbrt(abs(np.linalg.det(lattice)) / len(second)))
    while True:
        i, j, distance = _pairs_within(lattice, first, second, radius)
        order = np.lexsort((j, i, np.round(distance, 6)))
        ascending = distance[order]
        groups = np.split(order, np.flatnonzero(np.diff(ascending) > tolerance) + 1)
        if len(order):
            # The outermost shell may reach beyond the radius: it counts once there is room for it.
            complete = len(groups) - (ascending[-1] + tolerance >= radius)
            if complete >= n_shells:
                break
        radius *= 1.3
    shells = [np.stack([i[g], j[g]], axis=1).astype(np.int64) for g in groups[:n_shells]]
    return shells, [float(distance[g].mean()) for g in groups[:n_shells]]


def _pairs_within(
    lattice: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    radius: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Find all pairs (i of first, j of any image of second) no farther apart than radius."""
    inverse = np.linalg.inv(lattice)
    margin = radius * np.linalg.norm(inverse, axis=0)  # radius in units of the cell's heights
    fractional = second @ inverse
    fractional -= np.floor(fractional)
    home = first @ inverse
    home -= np.floor(home)
    reach = np.ceil(margin).astype(int)
    images, owners = [], []
    for shift in itertools.product(*(range(-r, r + 1) for r in reach)):
        image = fractional + np.array(shift)
        near = np.flatnonzero(np.all((image >= -margin) & (image <= 1.0 + margin), axis=1))
        images.append(image[near] @ lattice)
        owners.append(near)
    points, owner = np.concatenate(images), np.concatenate(owners)
    centres = home @ lattice
    lists = cKDTree(points).query_ball_point(centres, radius)
    i = np.repeat(np.arange(len(first)), [len(found) for found in lists])
    k = np.concatenate([np.asarray(found, dtype=np.int64) for found in lists])
    distance = np.linalg.norm(points[k] - centres[i], axis=1)
    apart = distance > 1e-3  # a site is not its own neighbour
    return i[apart], owner[k][apart], distance[apart]
