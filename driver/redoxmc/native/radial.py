"""Radial functions as piecewise quintics: value and derivative come from the same polynomial."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.probe import Array

MIN_INTERVALS = 1024
MAX_INTERVALS = 8192
COEFFICIENTS = 6
# Largest error of a radial derivative relative to the largest derivative. Forces are the exact
# derivative of the tabulated energy whatever it is; this bounds the distance to the model's own.
TOLERANCE = 1e-8
_NEAR_ZERO = 1e-6  # Å; the basis functions are quotients at r = 0
_STENCIL = 1e-3  # Å


@dataclass(frozen=True)
class RadialTable:
    """Quintic Hermite interpolation on a uniform grid from 0 to r_cut, smooth to second order."""

    # [intervals + 1, 6, n_functions]; on interval i and t in [0, 1) the value is c0 + c1 t + ... +
    # c5 t^5. The last interval is zero: it serves distances at the cutoff
    coefficients: Array
    step: float  # width of an interval in Å
    error: float  # largest error of the derivative relative to the largest


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
    bend = _curvature(function, knots)
    value[-1] = slope[-1] = bend[-1] = 0.0
    f0, d0, b0 = value[:-1], slope[:-1] * step, bend[:-1] * step**2
    f1, d1, b1 = value[1:], slope[1:] * step, bend[1:] * step**2
    rise = f1 - f0
    table = np.zeros((intervals + 1, COEFFICIENTS, value.shape[1]))
    table[:-1, 0] = f0
    table[:-1, 1] = d0
    table[:-1, 2] = b0 / 2
    table[:-1, 3] = 10 * rise - 6 * d0 - 4 * d1 - 1.5 * b0 + 0.5 * b1
    table[:-1, 4] = -15 * rise + 8 * d0 + 7 * d1 + 1.5 * b0 - b1
    table[:-1, 5] = 6 * rise - 3 * (d0 + d1) + 0.5 * (b1 - b0)
    # distances below 0.5 Å do not occur in matter, and some transforms are singular at 0
    start = int(0.5 / step)
    t = 0.28  # where the error of the derivative of a quintic Hermite is largest
    _, exact = function(step * (np.arange(start, intervals, dtype=np.float64) + t))
    powers = np.array([n * t ** (n - 1) for n in range(1, COEFFICIENTS)])
    slopes = np.einsum("n,inf->if", powers, table[start:-1, 1:]) / step
    scale = np.abs(exact).max()
    return RadialTable(table, step, float(np.abs(slopes - exact).max() / scale) if scale else 0.0)


def _curvature(function: Callable[[Array], tuple[Array, Array]], knots: Array) -> Array:
    """Second derivatives from differences of the first ones, good to about 1e-9 of them."""
    centre = np.clip(knots, 3 * _STENCIL, knots[-1] - 3 * _STENCIL)
    shifted = [function(centre + k * _STENCIL)[1] for k in (-2, -1, 1, 2)]
    return np.asarray((shifted[0] - 8 * shifted[1] + 8 * shifted[2] - shifted[3]) / (12 * _STENCIL))
