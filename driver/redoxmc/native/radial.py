"""Radial functions as piecewise cubics: value and derivative come from the same polynomial."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.probe import Array

MIN_INTERVALS = 1024
MAX_INTERVALS = 16384
# Largest error of a radial derivative relative to the largest derivative. Forces are the exact
# derivative of the tabulated energy whatever it is; this bounds the distance to the model's own.
TOLERANCE = 3e-6
_NEAR_ZERO = 1e-6  # Å; the basis functions are quotients at r = 0


@dataclass(frozen=True)
class RadialTable:
    """Cubic Hermite interpolation on a uniform grid from 0 to r_cut.

    coefficients: [intervals + 1, 4, n_functions]; on interval i and t in [0, 1) the value is
    c0 + c1 t + c2 t^2 + c3 t^3. The last interval is zero: it serves distances at the cutoff.
    step: width of an interval in Å. error: largest error of the derivative relative to the largest.
    """

    coefficients: Array
    step: float
    error: float


def tabulate(function: Callable[[Array], tuple[Array, Array]], r_cut: float) -> RadialTable:
    """Tabulate functions (values and derivatives [n, n_functions] at distances [n]) up to r_cut.

    Doubles the grid from 1,024 intervals until the derivative is within TOLERANCE. Raises
    CannotGenerateError where the functions do not vanish at the cutoff.
    """
    intervals = MIN_INTERVALS
    while True:
        table = _hermite(function, r_cut, intervals)
        if table.error <= TOLERANCE or intervals >= MAX_INTERVALS:
            return table
        intervals *= 2


def _hermite(
    function: Callable[[Array], tuple[Array, Array]], r_cut: float, intervals: int
) -> RadialTable:
    step = r_cut / intervals
    knots: Array = step * np.arange(intervals + 1, dtype=np.float64)
    knots[0], knots[-1] = _NEAR_ZERO, r_cut * (1 - 1e-12)
    value, slope = function(knots)
    if np.abs(value[-1]).max() > 1e-9 * np.abs(value).max():
        raise CannotGenerateError("radial functions that do not vanish at the cutoff")
    value[-1] = slope[-1] = 0.0
    slope = slope * step
    rise = np.diff(value, axis=0)
    table = np.zeros((intervals + 1, 4, value.shape[1]))
    table[:-1, 0] = value[:-1]
    table[:-1, 1] = slope[:-1]
    table[:-1, 2] = 3 * rise - 2 * slope[:-1] - slope[1:]
    table[:-1, 3] = slope[:-1] + slope[1:] - 2 * rise
    # distances below 0.5 Å do not occur in matter, and some transforms are singular at 0
    start = int(0.5 / step)
    t = 0.21  # the error of a Hermite derivative is largest at (3 ± sqrt 3) / 6 of an interval
    _, exact = function(step * (np.arange(start, intervals, dtype=np.float64) + t))
    c = table[start:-1]
    found = (c[:, 1] + 2 * t * c[:, 2] + 3 * t * t * c[:, 3]) / step
    scale = np.abs(exact).max()
    return RadialTable(table, step, float(np.abs(found - exact).max() / scale) if scale else 0.0)
