"""Radial functions as polynomials of high order on few intervals: tables that stay in a cache.

The quintics of radial.py have some hundred intervals for each of these. Value and slope are
continuous, and forces the exact derivative of the energy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.probe import Array

COEFFICIENTS = 10
MIN_INTERVALS, MAX_INTERVALS = 32, 512
TOLERANCE = 1e-10  # largest error of a slope relative to the largest slope
_NEAREST = 0.5  # Å; shorter distances do not occur in matter

Functions = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True)
class PolynomialTable:
    """Polynomials on a uniform grid from 0 to r_cut."""

    # [intervals + 1, COEFFICIENTS, n_functions]; on interval i the value is c0 + c1 t + ..., with t
    # from -1 to 1. The last interval is zero: it serves distances at the cutoff
    coefficients: Array
    step: float  # width of an interval in Å
    error: float  # largest error of the slope relative to the largest


def tabulate(function: Functions, r_cut: float) -> PolynomialTable:
    """Tabulate smooth functions (values and slopes [n, n_functions] at distances [n]) up to r_cut.

    Doubles the intervals until the slope is within TOLERANCE. Raises CannotGenerateError where the
    functions do not vanish at the cutoff.
    """
    value, _ = function(np.array([0.5 * r_cut, r_cut * (1 - 1e-12)]))
    if np.abs(value[1]).max() > 1e-9 * max(np.abs(value).max(), 1e-30):
        raise CannotGenerateError("radial functions that do not vanish at the cutoff")
    intervals = MIN_INTERVALS
    while True:
        table = _fit(function, r_cut, intervals)
        if table.error <= TOLERANCE or intervals >= MAX_INTERVALS:
            return table
        intervals *= 2


def _fit(function: Functions, r_cut: float, intervals: int) -> PolynomialTable:
    step = r_cut / intervals
    centres = (np.arange(intervals, dtype=np.float64) + 0.5) * step

    def at(t: Array) -> tuple[Array, Array]:
        """Values and slopes by t, [intervals, points, functions]."""
        r = np.clip(centres[:, None] + 0.5 * step * t, 1e-6, r_cut * (1 - 1e-12))
        parts = [part.reshape(intervals, len(t), -1) for part in function(r.ravel())]
        return parts[0], parts[1] * (0.5 * step)

    ends, end_slopes = at(np.array([-1.0, 1.0]))
    nodes = np.cos(np.pi * (np.arange(3 * COEFFICIENTS) + 0.5) / (3 * COEFFICIENTS))
    # values and slopes at the ends by a cubic; the rest is (1 - t^2)^2 times a polynomial
    cubic = np.linalg.solve(
        np.array([[1, -1, 1, -1], [1, 1, 1, 1], [0, 1, -2, 3], [0, 1, 2, 3]], dtype=np.float64),
        np.concatenate([ends, end_slopes], axis=1),
    )
    rest = at(nodes)[0] - np.einsum("tk,ikf->itf", np.vander(nodes, 4, increasing=True), cubic)
    free = COEFFICIENTS - 4
    bump = (1 - nodes**2) ** 2
    basis = bump[:, None] * np.polynomial.chebyshev.chebvander(nodes, free - 1)
    fitted = np.einsum("kt,itf->ikf", np.linalg.pinv(basis), rest)
    powers = np.zeros((free, COEFFICIENTS))
    for k in range(free):
        polynomial = np.polynomial.chebyshev.cheb2poly(np.eye(free)[k])
        product = np.polynomial.polynomial.polymul(polynomial, [1.0, 0.0, -2.0, 0.0, 1.0])
        powers[k, : len(product)] = product
    table = np.zeros((intervals + 1, COEFFICIENTS, ends.shape[2]))
    table[:-1] = np.einsum("ikf,kc->icf", fitted, powers)
    table[:-1, :4] += cubic
    return PolynomialTable(table, step, _error(at, table, step))


def _error(at: Functions, table: Array, step: float) -> float:
    t = np.linspace(-1.0, 1.0, 9)
    exact = at(t)[1]
    slopes = np.array([[n * x ** (n - 1) for n in range(1, COEFFICIENTS)] for x in t])
    found = np.einsum("tn,inf->itf", slopes, table[:-1, 1:])
    start, scale = int(_NEAREST / step), np.abs(exact).max()
    return float(np.abs(found - exact)[start:].max() / scale) if scale else 0.0
