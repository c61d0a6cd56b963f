"""From cells of several sizes to the infinite crystal."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LEAST_ERROR = 1e-9  # of a value known exactly: it weighs much, and not without limit

Floats = NDArray[np.float64]


def infinite_size(
    sizes: Sequence[float], values: ArrayLike, errors: ArrayLike
) -> tuple[Floats, Floats]:
    """Return the values at infinite size, [...], and their standard errors, of fits linear in 1/N.

    sizes: [n], two or more distinct numbers N of formula units. values, errors: [n, ...], per
    formula unit, and the standard errors, of independent runs. Weighted least squares; where three
    sizes or more scatter about the line by more than their errors say, the error of the result is
    that much larger. Two sizes cannot show that the line is none.

    What is left of a free energy per unit at 1/N: away from phase transitions, in a periodic cell
    with fixed numbers, F/N = f + k_B T ln(2π N χ)/(2N) + O(1/N²) for each number, χ being its
    reduced susceptibility. The ideal entropy that the cell lacks is the same with x(1 − x) for χ:
    once it is given to the cell, the rest is linear in 1/N. Where an order is frozen in, F/N =
    f − k_B T ln(g)/N for g ground states, which is linear without it.
    """
    table, spread = (np.asarray(v, dtype=np.float64) for v in (values, errors))
    shape = (len(table),) + (1,) * (table.ndim - 1)
    inverse = (1.0 / np.asarray(sizes, dtype=np.float64)).reshape(shape)
    if len(np.unique(inverse)) < 2 or table.shape != spread.shape:
        raise ValueError("values and errors of two or more sizes are needed")
    weights = 1.0 / np.maximum(spread, _LEAST_ERROR) ** 2
    total = weights.sum(axis=0)
    centre = (weights * inverse).sum(axis=0) / total
    mean = (weights * table).sum(axis=0) / total
    squares = (weights * (inverse - centre) ** 2).sum(axis=0)
    slope = (weights * (inverse - centre) * table).sum(axis=0) / squares
    limit = mean - slope * centre
    variance = 1.0 / total + centre**2 / squares
    if len(table) > 2:
        chi_square = (weights * (table - limit - slope * inverse) ** 2).sum(axis=0)
        variance = variance * np.maximum(chi_square / (len(table) - 2), 1.0)
    return limit, np.sqrt(variance)
