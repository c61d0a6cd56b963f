"""Neighbours in a crystal: the one search of the package, by pymatgen's linked cells.

They take 150 MB for 10^5 sites, where ASE's list takes 2 GB.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAME = 1e-3  # Å: nearer than this, two sites are one


@dataclass(frozen=True)
class Pairs:
    """Pairs of a centre and a neighbour: by centre, the nearest neighbour first."""

    centre: Ints  # (n,) index of the centre
    point: Ints  # (n,) index of the neighbour
    offset: Floats  # (n, 3) Å, from the neighbour's position to the periodic image that is meant
    distance: Floats  # (n,) Å

    def __getitem__(self, chosen: Any) -> "Pairs":
        """Some of the pairs. chosen: a mask, or indices in ascending order."""
        return Pairs(
            self.centre[chosen], self.point[chosen], self.offset[chosen], self.distance[chosen]
        )

    def vectors(self, positions: Floats) -> Floats:
        """From each centre to its neighbour, (n, 3) Å. positions: (n_points, 3) Å."""
        result: Floats = positions[self.point] + self.offset - positions[self.centre]
        return result

    def once(self) -> "Pairs":
        """Every neighbour of a centre once, at its nearest image."""
        both = np.column_stack([self.centre, self.point])
        return self[np.sort(np.unique(both, axis=0, return_index=True)[1])]

    def nearest(self, count: int) -> "Pairs":
        """The first `count` neighbours of every centre; fewer where it has fewer."""
        rank = np.arange(len(self.centre)) - np.searchsorted(self.centre, self.centre)
        return self[rank < count]


def neighbours(
    cell: npt.ArrayLike,
    positions: npt.ArrayLike,
    reach: float,
    centres: npt.ArrayLike | None = None,
    periodic: Sequence[bool] = (True, True, True),
) -> Pairs:
    """All pairs of a centre and an image of a point no farther apart than reach (Å).

    cell: (3, 3) Å, rows are vectors. positions: (n, 3) Å, inside the cell or not. centres: indices
    of the points whose neighbours are wanted, in ascending order; all of them by default.
    periodic: along each vector of the cell. A point is not its own neighbour; its images are.
    Distances that agree to 1e-6 Å, by symmetry, are ordered by point and image: on any machine
    alike.
    """
    points = np.asarray(positions, dtype=np.float64)
    chosen = np.arange(len(points)) if centres is None else np.asarray(centres, dtype=np.int64)
    pairs = _search(cell, points[chosen], points, reach, periodic)
    pairs = replace(pairs, centre=chosen[pairs.centre])
    return pairs[(pairs.centre != pairs.point) | pairs.offset.any(axis=1)]


def nearest_sites(
    cell: npt.ArrayLike, sites: npt.ArrayLike, points: npt.ArrayLike, reach: float
) -> tuple[Ints, Floats]:
    """The site nearest to each point, (n,), and how far (Å) it is; -1 and inf beyond reach (Å).

    cell: (3, 3) Å. sites: (m, 3) Å. points: (n, 3) Å.
    """
    around = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    site, distance = np.full(len(around), -1), np.full(len(around), np.inf)
    pairs = _search(cell, around, sites, reach).nearest(1)
    site[pairs.centre], distance[pairs.centre] = pairs.point, pairs.distance
    return site, distance


def _search(
    cell: npt.ArrayLike,
    centres: npt.ArrayLike,
    points: npt.ArrayLike,
    reach: float,
    periodic: Sequence[bool] = (True, True, True),
) -> Pairs:
    """Pairs of two sets, (m, 3) and (n, 3) Å, in the order that `neighbours` describes."""
    from pymatgen.optimization.neighbors import find_points_in_spheres

    box, around, every = (
        np.ascontiguousarray(array, dtype=np.float64) for array in (cell, centres, points)
    )
    if not any(periodic):  # a molecule may come without a cell
        box = np.eye(3) * (np.ptp(every, axis=0).max() + reach)
    i, j, images, d = find_points_in_spheres(
        every, around, reach, np.array(periodic, dtype=np.int64), box, tol=1e-8
    )
    order = np.lexsort((*images.T, j, np.round(d, 6), i))
    return Pairs(i[order], j[order], images[order] @ box, d[order])


def neighbour_shells(
    cell: npt.ArrayLike,
    positions: npt.ArrayLike,
    n_shells: int,
    others: npt.ArrayLike | None = None,
    tolerance: float = 0.1,
) -> tuple[list[Ints], list[float]]:
    """Group the pairs of sites by distance.

    cell: (3, 3), rows are lattice vectors, Å. positions: (n, 3), Å. others: (m, 3), Å, a second
    sublattice (pairs run from the first to the second); without it they run inside the first.
    tolerance: Å; distances closer than this belong to one shell.

    Returns one int64 (n_pairs, 2) per shell, nearest first, and the mean distance of each shell. A
    pair is listed once for each periodic image in the shell and, inside one sublattice, in both
    directions; so in a small cell the same pair may occur several times, and a site may neighbour
    its own image (it is the crystal that is described, not the cell).
    Raises ValueError for fewer than one shell or an empty sublattice.
    """
    first = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    second = first if others is None else np.asarray(others, dtype=np.float64).reshape(-1, 3)
    if n_shells < 1 or not len(first) or not len(second):
        raise ValueError(f"need a shell and a site, got {n_shells} and {len(first)}, {len(second)}")
    radius = 1.5 * float(np.cbrt(abs(np.linalg.det(np.asarray(cell))) / len(second)))
    while True:
        pairs = _search(cell, first, second, radius)
        pairs = pairs[pairs.distance > SAME]  # a site is not its own neighbour
        i, j, distance = pairs.centre, pairs.point, pairs.distance
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
