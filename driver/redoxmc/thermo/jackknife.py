"""Errors by leaving out blocks of time that are longer than the memory of the chains."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redoxmc.thermo.correlation import statistical_inefficiency, student_widening
from redoxmc.thermo.mbar import (
    DensityOfStates,
    densities_of_levels,
    density_of_levels,
    integrated_free_energies,
)
from redoxmc.units import KB

_BLOCKS = 20  # at most
_FEWEST = 5
_MEMORY = 5.0  # statistical inefficiencies that a block holds at least
_MANY_LEVELS = 20_000


@dataclass(frozen=True)
class Blocks:
    """How a set of chains is cut into blocks of time."""

    count: int  # number of blocks; 0 where the chains are too short for them
    memory: float = 0.0  # statistical inefficiency over the length of a block, at most 1/5
    reason: str = ""  # a sentence that says why there are no blocks; empty where there are


def choose_blocks(temperatures: Sequence[float], series: Sequence[NDArray[np.float64]]) -> Blocks:
    """Choose blocks that are longer than the chains remember.

    temperatures: [n_T] in K; series: for each [n_chains, n_steps] energies in eV. The slowest
    temperature decides: a block holds at least 5 of its statistical inefficiencies g (with several
    chains their disagreement counts, see statistical_inefficiency). There are at most 20 blocks and
    at least 5, so that the chains of each temperature hold 25 g together.

    A chain that stands at the lowest of all energies throughout does not count: there is nothing
    else at its temperature, and how it came there the others tell.
    """
    if all(np.ptp(s) == 0.0 for s in series):
        return Blocks(_BLOCKS)
    lowest = min(float(s.min()) for s in series)
    found = Blocks(_BLOCKS)
    for temperature, own in zip(temperatures, series, strict=True):
        if np.ptp(own) == 0.0 and own.flat[0] == lowest:
            continue
        g = statistical_inefficiency(own)
        fitting = int(own.size / (_MEMORY * g))
        if fitting < _FEWEST:
            return Blocks(0, reason=_too_short(temperature, own, g))
        count = min(found.count, fitting)
        found = Blocks(count, max(found.memory, g / own.size))
    return Blocks(found.count, found.memory * found.count)


def _too_short(temperature: float, series: NDArray[np.float64], g: float) -> str:
    needed = _FEWEST * _MEMORY
    if np.ptp(series) == 0.0:
        return f"the chains of {temperature:g} K stand still at an energy that is not the lowest"
    return (
        f"the chains of {temperature:g} K are too short for an error: {series.size} steps remember "
        f"{g:.0f} steps each and hold {series.size / g:.0f} independent samples; "
        f"{needed:.0f} are needed"
    )


def densities_without_blocks(
    temperatures: Sequence[float],
    series: Sequence[NDArray[np.float64]],
    log_n_states: float,
    blocks: int,
) -> tuple[DensityOfStates, list[DensityOfStates]]:
    """Estimate the density of states from all samples, and without each of some blocks of time.

    temperatures: [n_T] in K; series: for each [n_chains, n_steps] energies in eV. Its chains are
    put one after the other and cut into equal blocks: where temperatures exchange and each has one
    chain of every seed, a block is the same time of the same seed at all of them. log_n_states: see
    density_of_states, whose errors apply. blocks: their number; below 2 nothing is left out.
    """
    if len(temperatures) != len(series) or any(s.size == 0 for s in series):
        raise ValueError("every temperature needs samples")
    levels, index = _levels(np.concatenate([s.ravel() for s in series]), min(temperatures))
    ends = np.cumsum([s.size for s in series])[:-1]
    chains = np.split(index, ends)
    start = integrated_free_energies(temperatures, [float(s.mean()) for s in series])
    counts = np.bincount(index, minlength=len(levels))
    samples = np.array([chain.size for chain in chains])
    full, f = density_of_levels(temperatures, levels, counts, samples, log_n_states, start)
    blocks = min([blocks, *(s.size for s in series)])
    if blocks < 2:
        return full, []
    cut = [np.array_split(chain, blocks) for chain in chains]
    left_out = [np.concatenate(block) for block in zip(*cut, strict=True)]
    kept = counts - np.array([np.bincount(block, minlength=len(levels)) for block in left_out])
    rest = samples - np.array([[part.size for part in block] for block in zip(*cut, strict=True)])
    return full, densities_of_levels(temperatures, levels, kept, rest, log_n_states, f)[0]


def jackknife_error(values: NDArray[np.float64], memory: float = 0.0) -> NDArray[np.float64]:
    """Return the standard error of each column of delete-one-block estimates [n_blocks, n].

    NaN from fewer than two blocks. memory: statistical inefficiency over the length of a block, of
    which half is shared with the neighbouring blocks and missing from the scatter: for exponential
    memory the variance is too small by 1 − memory/2 · B/(B − 1), to first order. Widened by
    Student's factor, so that two of these errors cover as often as two of a known Gaussian in spite
    of the few blocks.
    """
    blocks = len(values)
    if blocks < 2:
        return np.full(values.shape[1], np.nan)
    spread = np.sqrt((blocks - 1) * np.mean((values - values.mean(axis=0)) ** 2, axis=0))
    lost = 1.0 - 0.5 * memory * blocks / (blocks - 1)
    return np.asarray(student_widening(blocks - 1) * spread / np.sqrt(lost), dtype=np.float64)


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
