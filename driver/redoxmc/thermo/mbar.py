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
from scipy.special import logsumexp

from redoxmc.units import KB

_MAX_STEPS = 200
_SHARED = 10.0  # samples; fewer do not tie two temperatures together


class NoOverlapError(ValueError):
    """The samples of neighbouring temperatures have nothing in common."""


@dataclass(frozen=True)
class DensityOfStates:
    """Estimated number of states at each energy.

    energies: [n_levels], eV per cell, ascending.
    log_degeneracies: [n_levels], ln of the estimated number of states at each.
    counts: [n_levels], samples that fell there, over all temperatures.
    """

    energies: NDArray[np.float64]
    log_degeneracies: NDArray[np.float64]
    counts: NDArray[np.int64]

    def effective_samples(self, temperature: float) -> float:
        """Return Kish's (Σw)²/Σw² of the samples reweighted to this temperature (inf allowed).

        A small number means that the samples do not reach the states that matter there. A large one
        is no proof of the opposite: states that were never seen do not enter.
        """
        log_w = self.log_degeneracies - self.energies / (KB * temperature)
        return float(np.exp(2 * logsumexp(log_w) - logsumexp(2 * log_w - np.log(self.counts))))


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
    if len(set(temperatures)) != len(temperatures) or not all(t > 0.0 for t in temperatures):
        raise ValueError(f"temperatures are positive and all different, got {list(temperatures)}")
    seen = counts > 0
    levels, counts = levels[seen], counts[seen]
    exponent = -np.outer(levels - levels[0], [1.0 / (KB * t) for t in temperatures])
    total = float(samples.sum())
    f, p = _solve(exponent, counts / total, samples / total, start)
    if _shared_samples(p, counts, samples) < _SHARED:
        raise NoOverlapError("the samples of the temperatures fall into sets without overlap")
    log_weight = np.log(counts) - logsumexp(exponent + f + np.log(samples), axis=1)
    log_weight += log_n_states - logsumexp(log_weight)
    return DensityOfStates(levels, log_weight, counts.astype(np.int64)), f


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
    f: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minimize Φ(f) = Σ_u n_u ln Σ_k N_k e^(f_k − β_k u) − Σ_k N_k f_k by damped Newton steps.

    Φ is convex; its minimum is the MBAR solution. f[0] stays 0. counts and shares add up to 1.
    Also returns p, [n_levels, n_T]: the probability that a sample at a level came from each
    temperature.
    """

    def objective(f: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        terms = exponent + f + np.log(shares)
        log_sum = logsumexp(terms, axis=1)
        return float(counts @ log_sum - shares @ f), np.exp(terms - log_sum[:, None])

    value, p = objective(f)
    for _ in range(_MAX_STEPS):
        gradient = (counts @ p - shares)[1:]
        if np.max(np.abs(gradient), initial=0.0) < 1e-12:
            return f, p
        weighted = p * counts[:, None]
        hessian = (np.diag(weighted.sum(axis=0)) - p.T @ weighted)[1:, 1:]
        step = np.linalg.lstsq(hessian, -gradient, rcond=1e-14)[0]
        length = 1.0
        while length > 1e-8:
            trial = f.copy()
            trial[1:] += length * step
            trial_value, trial_p = objective(trial)
            if trial_value <= value + 1e-15:
                break
            length /= 2
        else:
            break
        if np.max(np.abs(length * step)) < 1e-13:
            return trial, trial_p
        f, value, p = trial, trial_value, trial_p
    if np.max(np.abs((counts @ p - shares)[1:])) < 1e-8:
        return f, p
    raise NoOverlapError("MBAR did not converge: neighbouring temperatures do not overlap")


def _shared_samples(
    p: NDArray[np.float64], counts: NDArray[np.int64], samples: NDArray[np.int64]
) -> float:
    """Return how many samples hold the most loosely connected sets of temperatures together.

    The overlap matrix O_kl = Σ_u n_u p_k p_l / N_k has the eigenvalue 1 once for each set without
    any overlap; 1 minus the second largest measures the weakest link (Klimovich, Shirts, Mobley,
    J. Comput.-Aided Mol. Des. 29, 397 (2015)).
    """
    if len(samples) == 1:
        return float(counts.sum())
    root = np.sqrt(samples.astype(np.float64))
    symmetric = (p * counts[:, None]).T @ p / np.outer(root, root)
    return float((1.0 - np.linalg.eigvalsh(symmetric)[-2]) * counts.sum())
