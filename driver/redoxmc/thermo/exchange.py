"""Exchanges between temperatures: how often they would be accepted, and which ladder would do."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from redoxmc.units import KB

_TARGET = 2.6  # Δβ ΔE of neighbours that accept a quarter of their exchanges
_SAMPLES = 300
_MOST = 200  # temperatures


def expected_acceptance(
    temperatures: Sequence[float], energies: Sequence[ArrayLike]
) -> NDArray[np.float64]:
    """Return the mean acceptance of exchanges between all pairs of temperatures, [n_T, n_T].

    temperatures: [n_T] in K. energies: for each temperature the sampled energies, eV per cell. The
    mean of min(1, exp[(β_i − β_j)(E_i − E_j)]) over all pairs of (up to 300 evenly taken) samples;
    1 on the diagonal, NaN where a temperature has no samples.
    """
    taken = [_evenly(np.asarray(e, dtype=np.float64)) for e in energies]
    n = len(taken)
    matrix = np.eye(n)
    for i in range(n):
        for j in range(i):
            beta = (1.0 / temperatures[i] - 1.0 / temperatures[j]) / KB
            exponent = beta * (taken[i][:, None] - taken[j][None, :])
            ratio = np.exp(np.minimum(exponent, 0.0))
            matrix[i, j] = matrix[j, i] = ratio.mean() if ratio.size else np.nan
    return matrix


def suggest_ladder(temperatures: Sequence[float], energies: Sequence[ArrayLike]) -> list[float]:
    """Return temperatures (K) from the coldest to the hottest that accept about every 4th exchange.

    temperatures: [n_T], at least two, rising; energies as above, of a run that may be short. The
    mean energy is interpolated in ln T between the sampled temperatures, and neighbours are placed
    so that Δβ ΔE is at most 2.6 and the same for all: for Gaussian energies the acceptance is
    erfc(√(Δβ ΔE)/2) (Kofke, J. Chem. Phys. 117, 6911 (2002)), here 0.25. At most 200 of them.
    """
    means = np.maximum.accumulate([float(np.mean(np.asarray(e))) for e in energies])
    grid = np.geomspace(temperatures[0], temperatures[-1], 4001)
    curve = np.interp(np.log(grid), np.log(temperatures), means)
    beta = 1.0 / (KB * grid)
    low, high = 0.0, _TARGET
    n = len(_ladder(beta, curve, high))
    if n >= _MOST:
        return _rounded(np.geomspace(temperatures[0], temperatures[-1], _MOST))
    for _ in range(40):  # the smallest step that needs no more temperatures, so that all are alike
        middle = 0.5 * (low + high)
        if len(_ladder(beta, curve, middle)) <= n:
            high = middle
        else:
            low = middle
    return _rounded(grid[_ladder(beta, curve, high)])


def _ladder(beta: NDArray[np.float64], curve: NDArray[np.float64], step: float) -> list[int]:
    """Indices of the grid from its first to its last point, each as far as the step allows."""
    chosen = [0]
    last = len(beta) - 1
    while chosen[-1] < last and len(chosen) < _MOST:
        i = chosen[-1]
        distance = (beta[i] - beta[i + 1 :]) * (curve[i + 1 :] - curve[i])
        within = int(np.searchsorted(distance, step, side="right"))
        chosen.append(i + max(within, 1))
    return chosen


def _rounded(temperatures: NDArray[np.float64]) -> list[float]:
    return [float(f"{t:.4g}") for t in temperatures]


def _evenly(series: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = series.ravel()
    chosen = np.linspace(0, len(flat) - 1, min(_SAMPLES, len(flat))).round().astype(int)
    return np.asarray(flat[chosen], dtype=np.float64)
