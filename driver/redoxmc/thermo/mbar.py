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


@dataclass(frozen=True)
class DensityOfStates:
    """Estimated number of states at each energy.

    energies: [n_levels], eV per cell, ascending. log_degeneracies: [n_levels], ln of the estimated
    number of states at each. counts: [n_levels], samples that fell there, over all temperatures.
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

    Raises ValueError for empty samples or repeated temperatures, and where the equations do not
    converge (temperatures whose samples do not overlap at all).
    """
    if len(temperatures) != len(energies) or any(len(e) == 0 for e in energies):
        raise ValueError("every temperature needs samples")
    if len(set(temperatures)) != len(temperatures) or not all(t > 0.0 for t in temperatures):
        raise ValueError(f"temperatures are positive and all different, got {list(temperatures)}")
    beta = np.array([1.0 / (KB * t) for t in temperatures])
    levels, index = np.unique(
        np.concatenate([np.asarray(e) for e in energies]), return_inverse=True
    )
    counts = np.bincount(index, minlength=len(levels))
    excess = levels - levels[0]
    samples = np.array([len(e) for e in energies], dtype=np.float64)
    start = _integrate(beta, np.array([np.mean(e) - levels[0] for e in energies]))
    exponent = -np.outer(excess, beta)
    f = _solve(exponent, counts / samples.sum(), samples / samples.sum(), start)
    log_weight = np.log(counts) - logsumexp(exponent + f + np.log(samples), axis=1)
    log_weight += log_n_states - logsumexp(log_weight)
    return DensityOfStates(levels, log_weight, counts.astype(np.int64))


def _integrate(beta: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give −ln Z of each temperature relative to the first by the trapezoidal rule, as a start."""
    order = np.argsort(beta)
    steps = np.diff(beta[order]) * (means[order][1:] + means[order][:-1]) / 2
    f = np.empty(len(beta))
    f[order] = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(f - f[0], dtype=np.float64)


def _solve(
    exponent: NDArray[np.float64],
    counts: NDArray[np.float64],
    shares: NDArray[np.float64],
    f: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimize Φ(f) = Σ_u n_u ln Σ_k N_k e^(f_k − β_k u) − Σ_k N_k f_k by damped Newton steps.

    Φ is convex; its minimum is the MBAR solution. f[0] stays 0. counts and shares add up to 1.
    """

    def objective(f: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        terms = exponent + f + np.log(shares)
        log_sum = logsumexp(terms, axis=1)
        return float(counts @ log_sum - shares @ f), np.exp(terms - log_sum[:, None])

    value, p = objective(f)
    for _ in range(_MAX_STEPS):
        gradient = (counts @ p - shares)[1:]
        if np.max(np.abs(gradient), initial=0.0) < 1e-12:
            return f
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
            return trial
        f, value, p = trial, trial_value, trial_p
    if np.max(np.abs((counts @ p - shares)[1:])) < 1e-8:
        return f
    raise ValueError("MBAR did not converge: neighbouring temperatures do not overlap")
