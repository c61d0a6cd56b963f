"""Radial functions as B-splines on a uniform grid: tables that fit into a processor's first cache.

The quintics of radial.py have six numbers on each of a thousand intervals; here neighbouring
intervals share all but one of theirs, and an order of eight needs few of them. Value and slope come
from the same spline, which has seven continuous derivatives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.probe import Array

ORDER = 8  # even: the middle of each interval is a good point to interpolate at
COEFFICIENTS = ORDER + 1  # that matter at a point
MIN_INTERVALS, MORE, MAX_INTERVALS = 64, 32, 2048
TOLERANCE = 3e-10  # largest error of a slope relative to the largest slope
NEAREST = 0.5  # Å; shorter distances do not occur in matter
_MARGIN = 60  # intervals beyond both ends; what is left out there is forgotten on the way

Functions = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True)
class SplineTable:
    """On interval i the functions are sum_j B_j(t) coefficients[i + j], j < COEFFICIENTS."""

    coefficients: Array  # [intervals + ORDER, n_functions]
    step: float  # width of an interval in Å
    intervals: int  # from 0 to r_cut
    error: float  # largest error of the slope relative to the largest


def basis() -> Array:
    """The B-splines on one interval, t from 0 to 1: [COEFFICIENTS, power], B_j = sum_n b_jn t^n.

    By the recursion of Cox and de Boor on a uniform grid.
    """
    pieces = [np.array([1.0])]  # of one B-spline, by interval from its left end
    for p in range(1, ORDER + 1):
        zero = np.zeros(p)
        pieces = [
            (
                np.polynomial.polynomial.polymul([m, 1.0], pieces[m] if m < p else zero)
                + np.polynomial.polynomial.polymul([p + 1 - m, -1.0], pieces[m - 1] if m else zero)
            )
            / p
            for m in range(p + 1)
        ]
    return np.array(pieces[::-1])


def tabulate(
    function: Functions,
    r_cut: float,
    at_least: int = MIN_INTERVALS,
    *,
    nearest: float = NEAREST,
    vanishing: bool = True,
) -> SplineTable:
    """Tabulate functions (values and slopes [n, n_functions] at distances [n]) up to r_cut.

    The function must be smooth beyond both ends, too. Takes more intervals than at_least until the
    slope is within TOLERANCE from `nearest` on. Raises CannotGenerateError where functions that
    should be `vanishing` at the cutoff are not.
    """
    value, _ = function(np.array([0.5 * r_cut, r_cut]))
    if vanishing and np.abs(value[1]).max() > 1e-9 * max(np.abs(value).max(), 1e-30):
        raise CannotGenerateError("radial functions that do not vanish at the cutoff")
    intervals = at_least
    while True:
        table = _interpolate(function, r_cut, intervals, nearest)
        if table.error <= TOLERANCE or intervals >= MAX_INTERVALS:
            return table
        intervals += MORE if intervals < 512 else intervals


def _interpolate(
    function: Functions, r_cut: float, intervals: int, nearest: float
) -> SplineTable:
    step, splines = r_cut / intervals, basis()
    n = intervals + 2 * _MARGIN
    # the middle of each interval: 0 is none of them
    points: Array = (np.arange(n, dtype=np.float64) - _MARGIN + 0.5) * step
    weights = splines @ 0.5 ** np.arange(COEFFICIENTS)
    # at the ends fewer splines than points would need: those beyond are taken for zero
    half = COEFFICIENTS // 2
    matrix: Any = np.zeros((n, n))
    for j, weight in enumerate(weights.tolist()):
        matrix += weight * np.eye(n, k=j - half)
    values: Any = function(points)[0]
    coefficients = np.linalg.solve(matrix, values)
    first = _MARGIN - half
    table = coefficients[first : first + intervals + ORDER]
    return SplineTable(table, step, intervals, _error(function, table, step, intervals, nearest))


def _error(
    function: Functions, table: Array, step: float, intervals: int, nearest: float
) -> float:
    start = int(nearest / step)
    rows = np.arange(start, intervals)
    largest, scale = 0.0, 0.0
    slopes = np.polynomial.polynomial.polyder(basis(), axis=1)
    for t in np.linspace(0.0, 1.0, 6):
        exact = function(np.minimum((rows + t) * step, rows[-1] * step + step))[1]
        weights = np.polynomial.polynomial.polyval(t, slopes.T) / step
        found = sum(w * table[start + j : intervals + j] for j, w in enumerate(weights))
        largest = max(largest, float(np.abs(found - exact).max()))
        scale = max(scale, float(np.abs(exact).max()))
    return largest / scale if scale else 0.0
