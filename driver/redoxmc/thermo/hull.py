"""Formation energies, the lower convex hull, and the two-phase regions between its vertices."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray


def formation_energies(
    x: ArrayLike,
    energies: ArrayLike,
    energy_at_0: float,
    energy_at_1: float,
    ends: tuple[float, float] = (0.0, 1.0),
) -> NDArray[np.float64]:
    """Return E(x) − (1−f) E(0) − f E(1), [n], in the unit of the energies (eV per formula unit).

    x: [n], ions per redox site. energies: [n], per formula unit. ends: x of the two end members,
    whose energies are those at 0 and 1; f is the share of the way from the first to the second.
    Works for free energies of one temperature as well.
    """
    fraction = (np.asarray(x, dtype=np.float64) - ends[0]) / (ends[1] - ends[0])
    values = np.asarray(energies, dtype=np.float64)
    return values - (1.0 - fraction) * energy_at_0 - fraction * energy_at_1


def hull_vertices(x: ArrayLike, energies: ArrayLike) -> list[int]:
    """Return the indices of the vertices of the lower convex hull, ascending in x.

    x, energies: [n], any order; several energies at one x are allowed and only a lowest one can be
    a vertex. A point on the straight line between two others is a vertex only if it lies below that
    line by more than rounding. Source: Andrew, Inf. Process. Lett. 9, 216 (1979).
    """
    fraction, values = _pairs(x, energies)
    order = np.lexsort((values, fraction))
    lowest = [int(i) for n, i in enumerate(order) if n == 0 or fraction[i] > fraction[order[n - 1]]]
    scale = 1e-12 * max(1.0, float(np.max(np.abs(values))))
    hull: list[int] = []
    for i in lowest:
        while len(hull) > 1 and _height(fraction, values, hull[-2], hull[-1], i) >= -scale:
            hull.pop()
        hull.append(i)
    return hull


def on_hull(x: ArrayLike, energies: ArrayLike, tolerance: float = 1e-6) -> NDArray[np.bool_]:
    """Flag the points that are stable: vertices of the lower hull, and ties with them.

    tolerance: in the unit of the energies; a point at the x of a vertex and no higher than this
    above it counts as on the hull. Points that merely lie on a tie line are not stable phases.
    """
    fraction, values = _pairs(x, energies)
    flags = np.zeros(len(values), dtype=np.bool_)
    for vertex in hull_vertices(fraction, values):
        flags |= (fraction == fraction[vertex]) & (values <= values[vertex] + tolerance)
    return flags


def two_phase_regions(
    x: ArrayLike, energies: ArrayLike, spacing: float = 0.0
) -> list[tuple[float, float]]:
    """Return (x_low, x_high) of each hull segment: there the two end phases coexist.

    Common-tangent construction on sampled compositions. spacing: where the x sample a continuous
    solid solution, segments no longer than this are neighbours on the grid and not coexistence.
    """
    fraction, values = _pairs(x, energies)
    vertices = hull_vertices(fraction, values)
    ends = [float(fraction[i]) for i in vertices]
    return [(low, high) for low, high in pairwise(ends) if high - low > spacing + 1e-9]


def _height(
    x: NDArray[np.float64], y: NDArray[np.float64], left: int, middle: int, right: int
) -> float:
    """Return the height of the middle point above the line from left to right."""
    slope = (y[right] - y[left]) / (x[right] - x[left])
    return float(y[middle] - y[left] - slope * (x[middle] - x[left]))


def _pairs(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fraction, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if fraction.ndim != 1 or fraction.shape != values.shape or not fraction.size:
        raise ValueError(f"x and energies are [n], got {fraction.shape} and {values.shape}")
    if not (np.all(np.isfinite(fraction)) and np.all(np.isfinite(values))):
        raise ValueError("a hull needs finite compositions and energies")
    return fraction, values
