"""Errors by leaving out blocks of time: honest for chains whose memory is shorter than a block."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from redoxmc.thermo.mbar import DensityOfStates, density_of_levels, integrated_free_energies
from redoxmc.units import KB

_BLOCKS = 20
_MANY_LEVELS = 20_000


def densities_without_blocks(
    temperatures: Sequence[float], series: Sequence[NDArray[np.float64]], log_n_states: float
) -> tuple[DensityOfStates, list[DensityOfStates]]:
    """Estimate the density of states from all samples, and without each of 20 blocks of time.

    temperatures: [n_T] in K; series: for each [n_chains, n_steps] energies in eV, of which the same
    block of time is left out; log_n_states: see density_of_states, whose errors apply.
    """
    if len(temperatures) != len(series) or any(s.size == 0 for s in series):
        raise ValueError("every temperature needs samples")
    levels, index = _levels(np.concatenate([s.ravel() for s in series]), min(temperatures))
    ends = np.cumsum([s.size for s in series])[:-1]
    indices = [i.reshape(s.shape) for i, s in zip(np.split(index, ends), series, strict=True)]

    def count(parts: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        flat = np.concatenate([part.ravel() for part in parts])
        return np.bincount(flat, minlength=len(levels)), np.array([part.size for part in parts])

    counts, samples = count(indices)
    start = integrated_free_energies(temperatures, [float(s.mean()) for s in series])
    full, f = density_of_levels(temperatures, levels, counts, samples, log_n_states, start)
    blocks = min([_BLOCKS, *(s.shape[1] for s in series)])
    partial = []
    for block in range(blocks if blocks > 1 else 0):
        cut = [np.array_split(i, blocks, axis=1)[block] for i in indices]
        left_out, lost = count(cut)
        kept = counts - left_out, samples - lost
        partial.append(density_of_levels(temperatures, levels, *kept, log_n_states, f)[0])
    return full, partial


def jackknife_error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error of each column of delete-one-block estimates [n_blocks, n].

    NaN from fewer than two blocks. Widened by Student's factor, so that two of these errors cover
    as often as two of a known Gaussian in spite of the few blocks.
    """
    blocks = len(values)
    if blocks < 2:
        return np.full(values.shape[1], np.nan)
    widening = float(student.ppf(0.97725, blocks - 1)) / 2.0
    spread = np.sqrt((blocks - 1) * np.mean((values - values.mean(axis=0)) ** 2, axis=0))
    return np.asarray(widening * spread, dtype=np.float64)


def _levels(
    energies: NDArray[np.float64], coldest: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distinct energies, ascending, and which of them each sample has.

    Very many distinct ones (an energy that is not a function of a small set of states) are put
    into bins of k_B T/100 of the coldest chain first, far below any statistical error.
    """
    levels, index = np.unique(energies, return_inverse=True)
    if len(levels) > _MANY_LEVELS:
        width = 0.01 * KB * coldest
        origin = levels[0]
        steps, index = np.unique(np.rint((energies - origin) / width), return_inverse=True)
        levels = origin + width * steps
    return levels, index.astype(np.int64)
