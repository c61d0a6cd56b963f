"""Density of states from canonical samples at several temperatures: MBAR on energy levels.

All samples of one energy weigh the same in every temperature, so that MBAR may be solved on the
distinct energies with their counts. For a campaign whose relaxed energies come from a cache that is
thousands of times smaller than the list of samples, and it is the same estimator: pymbar, given the
same samples, returns the same numbers (tested).

Sources: Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008), eq. 11; the convex objective and its
Newton step: Ding, Vilseck, Brooks, J. Chem. Theory Comput. 15, 799 (2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redoxmc.thermo.logarithms import log_sum_exp
from redoxmc.units import KB

_MAX_STEPS = 200
_SHARED = 10.0  # samples; fewer do not tie two temperatures together


class NoOverlapError(ValueError):
    """The samples of neighbouring temperatures have nothing in common."""


@dataclass(frozen=True)
class DensityOfStates:
    """Estimated number of states at each energy."""

    energies: NDArray[np.float64]  # [n_levels], eV per cell, ascending
    # [n_levels], ln of the estimated number of states at each
    log_degeneracies: NDArray[np.float64]
    counts: NDArray[np.int64]  # [n_levels], samples that fell there, over all temperatures

    def effective_samples(self, temperature: float) -> float:
        """Return Kish's (Σw)²/Σw² of the samples reweighted to this temperature (inf allowed).

        A small number means that the samples do not reach the states that matter there. A large one
        is no proof of the opposite: states that were never seen do not enter.
        """
        log_w = self.log_degeneracies - self.energies / (KB * temperature)
        return float(np.exp(2 * log_sum_exp(log_w) - log_sum_exp(2 * log_w - np.log(self.counts))))


def density_of_states(
    temperatures: Sequence[float], energies: Sequence[NDArray[np.float64]], log_n_states: float
) -> DensityOfStates:
    """Estimate the density of states from samples of the canonical distribution.

    temperatures: [n_T] in K, all different; inf stands for uniformly drawn states. energies: for
    each temperature the sampled energies, eV per cell. log_n_states: ln of the number of all
    states, which fixes the constant that sampling cannot know: Σ g = number of states.

    Raises ValueError for empty samples or repeated temperatures, and NoOverlapError where samples
    of the temperatures hardly overlap.
    """
    if len(temperatures) != len(energies) or any(len(e) == 0 for e in energies):
        raise ValueError("every temperature needs samples")
    levels, index = np.unique(
        np.concatenate([np.asarray(e) for e in energies]), return_inverse=True
    )
    counts = np.bincount(index, minlength=len(levels))
    samples = np.array([len(e) for e in energies])
    start = integrated_free_energies(temperatures, [float(np.mean(e)) for e in energies])
    return density_of_levels(temperatures, levels, counts, samples, log_n_states, start)[0]


def density_of_levels(
    temperatures: Sequence[float],
    levels: NDArray[np.float64],
    counts: NDArray[np.int64],
    samples: NDArray[np.int64],
    log_n_states: float,
    start: NDArray[np.float64],
) -> tuple[DensityOfStates, NDArray[np.float64]]:
    """Do what density_of_states does, from counts.

    levels: [n_levels], eV, ascending; counts: [n_levels], samples of all temperatures at each
    level; samples: [n_T], their number at each temperature. start: [n_T], a guess of −ln Z relative
    to that of the first temperature. Also returns the solution for it: a start for a similar one.
    """
    found, f = densities_of_levels(
        temperatures, levels, counts[None], samples[None], log_n_states, start
    )
    return found[0], f[0]


def densities_of_levels(
    temperatures: Sequence[float],
    levels: NDArray[np.float64],
    counts: NDArray[np.int64],
    samples: NDArray[np.int64],
    log_n_states: float,
    start: NDArray[np.float64],
) -> tuple[list[DensityOfStates], NDArray[np.float64]]:
    """Do what density_of_levels does for several sets of samples of the same levels, at once.

    counts: [n_sets, n_levels]; samples: [n_sets, n_T]. The solution is [n_sets, n_T].
    """
    if len(set(temperatures)) != len(temperatures) or not all(t > 0.0 for t in temperatures):
        raise ValueError(f"temperatures are positive and all different, got {list(temperatures)}")
    seen = counts.any(axis=0)
    levels, counts = levels[seen], counts[:, seen]
    exponent = -np.outer(levels - levels[0], [1.0 / (KB * t) for t in temperatures])
    total = samples.sum(axis=1, keepdims=True).astype(np.float64)
    f, p = _solve(exponent, counts / total, samples / total, start)
    if _shared_samples(p, counts, samples).min() < _SHARED:
        raise NoOverlapError("the samples of the temperatures fall into sets without overlap")
    result = []
    for own_f, own, n in zip(f, counts, samples, strict=True):
        some = own > 0
        log_weight = np.log(own[some])
        log_weight -= log_sum_exp(exponent[some] + own_f + np.log(n), axis=1)
        log_weight += log_n_states - log_sum_exp(log_weight)
        result.append(DensityOfStates(levels[some], log_weight, own[some].astype(np.int64)))
    return result, f


def integrated_free_energies(
    temperatures: Sequence[float], means: Sequence[float]
) -> NDArray[np.float64]:
    """Return −ln Z at each temperature relative to the first, [n_T], by the trapezoidal rule.

    means: [n_T], mean energies in eV, of which only differences matter here.
    """
    beta = np.array([1.0 / (KB * t) for t in temperatures])
    energy = np.array(means) - min(means)
    order = np.argsort(beta)
    steps = np.diff(beta[order]) * (energy[order][1:] + energy[order][:-1]) / 2
    f = np.empty(len(beta))
    f[order] = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(f - f[0], dtype=np.float64)


def _solve(
    exponent: NDArray[np.float64],
    counts: NDArray[np.float64],
    shares: NDArray[np.float64],
    start: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minimize Φ(f) = Σ_u n_u ln Σ_k N_k e^(f_k − β_k u) − Σ_k N_k f_k by damped Newton steps.

    Φ is convex; its minimum is the MBAR solution. counts: [n_sets, n_levels] and shares: [n_sets,
    n_T] add up to 1 in each set; the sets are solved together. f[0] of each stays 0.
    Also returns p, [n_sets, n_levels, n_T]: the probability that a sample at a level came from
    each temperature.
    """

    def objective(f: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        terms = exponent + (f + np.log(shares))[:, None, :]
        top = terms.max(axis=2, keepdims=True)
        p = np.exp(terms - top)
        norm = p.sum(axis=2, keepdims=True)
        p /= norm
        log_sum = (np.log(norm) + top)[:, :, 0]
        return (counts * log_sum).sum(axis=1) - (shares * f).sum(axis=1), p

    def gradient(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((np.einsum("bl,blt->bt", counts, p) - shares)[:, 1:])

    f = np.tile(start, (len(counts), 1))
    value, p = objective(f)
    for _ in range(_MAX_STEPS):
        slope = gradient(p)
        active = np.abs(slope).max(axis=1, initial=0.0) >= 1e-12
        if not active.any():
            return f, p
        weighted = p * counts[:, :, None]
        hessian = -np.swapaxes(p, 1, 2) @ weighted
        diagonal = np.arange(hessian.shape[1])
        hessian[:, diagonal, diagonal] += weighted.sum(axis=1)
        inverse = np.linalg.pinv(hessian[:, 1:, 1:], rcond=1e-14, hermitian=True)
        step = np.zeros_like(f)
        step[:, 1:] = -(inverse @ slope[:, :, None])[:, :, 0]
        length = np.where(active, 1.0, 0.0)[:, None]
        while True:
            trial = f + length * step
            trial_value, trial_p = objective(trial)
            worse = active & (trial_value > value + 1e-15)
            if not worse.any():
                break
            length[worse] /= 2
            length[length < 1e-8] = 0.0  # this set stays where it is
        moved = np.abs(length * step).max()
        f, value, p = trial, trial_value, trial_p
        if moved < 1e-13:
            break
    if np.max(np.abs(gradient(p)), initial=0.0) < 1e-8:
        return f, p
    raise NoOverlapError("MBAR did not converge: neighbouring temperatures do not overlap")


def _shared_samples(
    p: NDArray[np.float64], counts: NDArray[np.int64], samples: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how many samples hold the most loosely connected sets of temperatures together.

    Of each set of samples, [n_sets]; arguments as in _solve, but with numbers instead of shares.
    The overlap matrix O_kl = Σ_u n_u p_k p_l / N_k has the eigenvalue 1 once for each set without
    any overlap; 1 minus the second largest measures the weakest link (Klimovich, Shirts, Mobley,
    J. Comput.-Aided Mol. Des. 29, 397 (2015)).
    """
    total: NDArray[np.float64] = counts.sum(axis=1).astype(np.float64)
    if samples.shape[1] == 1:
        return total
    root = np.sqrt(samples.astype(np.float64))
    overlap = np.swapaxes(p * counts[:, :, None], 1, 2) @ p
    overlap /= root[:, :, None] * root[:, None, :]
    return np.asarray((1.0 - np.linalg.eigvalsh(overlap)[:, -2]) * total, dtype=np.float64)
