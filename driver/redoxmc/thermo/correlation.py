"""How much a correlated series knows: autocorrelation time, effective samples, errors, R-hat."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

MIN_EFFECTIVE = 20.0  # samples, below which the error of a mean is not known
_STEPS_PER_DEGREE = 4.0  # effective samples that one degree of freedom of the error costs


def statistical_inefficiency(series: ArrayLike) -> float:
    """Return g = 1 + 2 Σ_t ρ(t) ≥ 1: how many steps one independent sample costs.

    series: [n_steps] of one chain, or [n_chains, n_steps] of chains of the same distribution, whose
    disagreement then counts as correlation. The sum is cut by Geyer's initial monotone sequence,
    which is made for reversible chains.

    A series that never changes carries no information about its own correlation: its g is n_steps
    (or n_chains × n_steps). So is the g of fewer than 4 steps.

    Sources: Geyer, Statist. Sci. 7, 473 (1992); Vehtari et al., Bayesian Anal. 16, 667 (2021), eq.
    10.
    """
    chains = _as_chains(series)
    n_chains, n = chains.shape
    if n < 4:
        return float(chains.size)
    covariance = np.mean([_autocovariance(chain) for chain in chains], axis=0)
    within = covariance[0] * n / (n - 1)
    between = float(np.var(chains.mean(axis=1), ddof=1)) if n_chains > 1 else 0.0
    total = covariance[0] + between
    if not total > 1e-24 * float(np.max(np.abs(chains))) ** 2:  # rounding noise of a constant
        return float(chains.size)
    rho = 1.0 - (within - covariance * n / (n - 1)) / total if n_chains > 1 else covariance / total
    pairs = rho[: 2 * (n // 2)].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0.0)
    if len(negative):
        pairs = pairs[: negative[0]]
    g = 2.0 * float(np.minimum.accumulate(pairs).sum()) - 1.0 if len(pairs) else 1.0
    return min(max(g, 1.0), float(chains.size))


def effective_samples(series: ArrayLike) -> float:
    """Return the number of independent samples the series is worth: its size over g.

    A series that never changes is worth 1, however long it is.
    """
    return float(np.size(series)) / statistical_inefficiency(series)


def standard_error(series: ArrayLike) -> float:
    """Return the standard error of the mean of a correlated series, in its unit.

    NaN where it cannot be known: fewer than 20 effective samples, or a series that never changes.
    (The mean of a system with a single state is exact; that is for the caller to know.) The
    autocorrelation is estimated from the same series, so that the error itself is uncertain: it is
    widened by student_widening with a degree of freedom for every four effective samples. Two of
    these errors then cover the true mean in 92 to 97 % of chains, from 20 effective samples on
    (tested at g = 2, 15 and 60); without it 88 to 91 % at 20, 93 % at 40.
    """
    chains = _as_chains(series)
    n_effective = effective_samples(chains)
    spread = float(np.std(chains))
    if n_effective < MIN_EFFECTIVE or spread == 0.0:
        return math.nan
    plain = spread / math.sqrt(n_effective - 1.0)
    return plain * student_widening(n_effective / _STEPS_PER_DEGREE)


def student_widening(degrees: float) -> float:
    """Return the factor by which an error of so many degrees of freedom is widened.

    Two widened errors cover as often as two of a known Gaussian (95.45 %).
    """
    return float(stdtrit(degrees, 0.977249868)) / 2.0


def split_r_hat(chains: ArrayLike) -> float:
    """Return the split R-hat of [n_chains, n_steps] (or [n_steps]); 1 where all halves agree.

    Each chain is cut in two, so that a drift inside one chain shows as well. Infinite where every
    half stands still, but not at the same value; 1 where nothing ever changes; NaN for fewer than
    4 steps.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., eq. 11.4.
    """
    values = _as_chains(chains)
    half = values.shape[1] // 2
    if half < 2:
        return math.nan
    halves = np.concatenate([values[:, :half], values[:, -half:]])
    within = float(np.mean(np.var(halves, axis=1, ddof=1)))
    between = float(np.var(halves.mean(axis=1), ddof=1))
    noise = 1e-24 * float(np.max(np.abs(halves))) ** 2
    if within <= noise:
        return 1.0 if between <= noise else math.inf
    return math.sqrt((half - 1) / half + between / within)


def _as_chains(series: ArrayLike) -> NDArray[np.float64]:
    values = np.atleast_2d(np.asarray(series, dtype=np.float64))
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"a series is [n_steps] or [n_chains, n_steps], got shape {values.shape}")
    return values


def _autocovariance(chain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Biased autocovariance at all lags, through the Fourier transform."""
    n = len(chain)
    spectrum = np.fft.rfft(chain - chain.mean(), 2 * n)
    return np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[:n] / n
