"""Where a composition becomes stable or unstable: temperatures of phase boundaries, as brackets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from redoxmc.thermo.hull import hull_vertices

_SURE = 2.0  # standard errors
_FINE = 8  # steps between two temperatures of the grid, in the search for roots

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Boundary:
    """A temperature at which one composition leaves or enters a two-phase region."""

    x: float  # the composition
    temperature: float  # K, where it lies on the line between the stable compositions beside it
    # K, between which its distance to that line is within two standard errors of zero; None where
    # that holds up to the end of the temperatures
    low: float | None
    high: float | None
    stable_above: bool  # whether x is a stable phase above (else below) this temperature


def distance_to_others(
    x: ArrayLike, free_energies: ArrayLike, errors: ArrayLike
) -> tuple[Floats, Floats]:
    """Return how far each x lies above the hull of the others, [n], and the standard error of that.

    x: [n], ascending; free_energies, errors: [n], of independent samples. Negative: x is a stable
    phase. The error is that of the difference at fixed neighbours on the hull. NaN at both ends.
    """
    fraction, values = np.asarray(x, dtype=np.float64), np.asarray(free_energies, dtype=np.float64)
    variances = np.asarray(errors, dtype=np.float64) ** 2
    distance, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for i in range(1, len(values) - 1):
        others = np.delete(np.arange(len(values)), i)
        vertices = others[hull_vertices(fraction[others], values[others])]
        right = vertices[np.searchsorted(fraction[vertices], fraction[i])]
        left = vertices[np.searchsorted(fraction[vertices], fraction[i]) - 1]
        share = (fraction[i] - fraction[left]) / (fraction[right] - fraction[left])
        distance[i] = values[i] - (1 - share) * values[left] - share * values[right]
        spread[i] = np.sqrt(
            variances[i] + (1 - share) ** 2 * variances[left] + share**2 * variances[right]
        )
    return distance, spread


def phase_boundaries(
    x: Sequence[float], temperatures: Sequence[float], free_energies: ArrayLike, errors: ArrayLike
) -> list[Boundary]:
    """Trace the temperatures at which each x becomes stable or unstable, ascending in x and T.

    x: [n_x], ascending. temperatures: [n_T] in K, ascending, two or more. free_energies, errors:
    [n_T, n_x] in eV per formula unit, finite. Between the temperatures both follow cubic splines:
    a free energy has no kinks, its hull has, and is drawn from the splines.

    The bracket holds every temperature next to the boundary at which the distance of x to the line
    below it is within two of its standard errors: errors at neighbouring temperatures may be
    correlated in any way. The true boundary then lies inside in 95 % of runs (tested: 93 of 100 or
    more).
    """
    grid = np.asarray(temperatures, dtype=np.float64)
    free = CubicSpline(grid, np.asarray(free_energies, dtype=np.float64))
    spread = CubicSpline(grid, np.asarray(errors, dtype=np.float64))
    fine = np.unique(np.concatenate([np.linspace(a, b, _FINE + 1) for a, b in pairwise(grid)]))
    table = np.array(
        [distance_to_others(x, free(t), np.maximum(spread(t), 0.0)) for t in fine]
    )  # [n_fine, 2, n_x]

    def level(i: int, sigmas: float) -> Callable[[float], float]:
        def value(t: float) -> float:
            distance, error = distance_to_others(x, free(t), np.maximum(spread(t), 0.0))
            return float(distance[i] + sigmas * error[i])

        return value

    found = []
    for i in range(1, len(x) - 1):
        distance, error = table[:, 0, i], table[:, 1, i]
        roots = np.flatnonzero((distance[:-1] > 0) != (distance[1:] > 0))
        unsure = np.abs(distance) <= _SURE * error
        for root in roots:
            at = brentq(level(i, 0.0), fine[root], fine[root + 1])
            above = bool(distance[root + 1] < 0)
            low = _edge(level, i, fine, unsure, distance, int(root), -1)
            high = _edge(level, i, fine, unsure, distance, int(root) + 1, 1)
            found.append(Boundary(float(x[i]), float(at), low, high, above))
    return found


def _edge(
    level: Callable[[int, float], Callable[[float], float]],
    i: int,
    fine: Floats,
    unsure: NDArray[np.bool_],
    distance: Floats,
    start: int,
    step: int,
) -> float | None:
    """Where the bracket ends in one direction (step −1 or 1), from a point beside the boundary."""
    n = start
    while 0 <= n < len(fine) and unsure[n]:
        n += step
    if not 0 <= n < len(fine):
        return None
    sigmas = -_SURE if distance[n] > 0 else _SURE
    edge = level(i, sigmas)
    inner = fine[n - step]
    if edge(inner) * edge(fine[n]) > 0:  # the boundary itself lies between: no error at all
        return float(fine[n])
    return float(brentq(edge, min(inner, fine[n]), max(inner, fine[n])))
