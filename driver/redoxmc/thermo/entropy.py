"""Configurational entropy: the ideal limits, and exact averages over a known spectrum."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from redoxmc.thermo.logarithms import log_sum_exp
from redoxmc.units import KB


def log_binomial(n: int, k: int) -> float:
    """Return ln C(n, k), exact to rounding. Raises ValueError unless 0 ≤ k ≤ n."""
    if not 0 <= k <= n:
        raise ValueError(f"C(n, k) needs 0 <= k <= n, got n = {n} and k = {k}")
    if n < 1000:
        return math.log(math.comb(n, k))
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def ideal_entropy(x: float) -> float:
    """Return −x ln x − (1−x) ln(1−x), the ideal mixing entropy in k_B per site."""
    if not 0.0 <= x <= 1.0:
        raise ValueError(f"a fraction lies between 0 and 1, got {x}")
    return -sum(p * math.log(p) for p in (x, 1.0 - x) if p > 0.0)


def finite_size_entropy(n_sites: int, n_reduced: int) -> float:
    """Return ln C(n_sites, n_reduced)/n_sites: the ideal entropy of the finite cell, k_B per site.

    It lies below ideal_entropy by about ln(2π n x(1−x))/(2n) (Stirling).
    """
    return log_binomial(n_sites, n_reduced) / n_sites


@dataclass(frozen=True)
class CanonicalAverages:
    """Averages of a whole cell at one temperature."""

    temperature: float
    mean_energy: float  # eV
    heat_capacity: float  # k_B
    entropy: float  # k_B
    free_energy: float  # eV
    log_partition: float  # ln Z with the energies as they were given


def canonical_averages(
    energies: ArrayLike, degeneracies: ArrayLike, temperature: float
) -> CanonicalAverages:
    """Return the exact canonical averages over a spectrum.

    energies: [n_levels], eV per cell. degeneracies: [n_levels], number of states of each level (any
    positive number). temperature: K, > 0 (inf allowed; the free energy is then −inf).

    Z = Σ g e^(−βE); F = −k_B T ln Z; S = k_B (ln Z + β⟨E⟩); C = var(E)/(k_B T²). Everything is
    computed relative to the lowest level, so that neither 1 K nor −10^6 eV spoils a digit.
    Raises ValueError for an empty spectrum, a negative temperature or a degeneracy ≤ 0.
    """
    counts = np.asarray(degeneracies, dtype=np.float64)
    if np.any(counts <= 0.0) or not np.all(np.isfinite(counts)):
        raise ValueError("degeneracies are positive numbers")
    return averages_of_levels(energies, np.log(counts), temperature)


def averages_of_levels(
    energies: ArrayLike, log_degeneracies: ArrayLike, temperature: float
) -> CanonicalAverages:
    """Do what canonical_averages does, from logarithms of degeneracies (of 10^5-site cells too)."""
    levels, log_g = _checked(energies, log_degeneracies, temperature)
    beta = 1.0 / (KB * temperature)
    ground = float(levels.min())
    excess = levels - ground
    log_z = float(log_sum_exp(log_g - beta * excess))
    p = np.exp(log_g - beta * excess - log_z)
    mean = float(p @ excess)
    variance = float(p @ (excess - mean) ** 2)
    return CanonicalAverages(
        temperature=temperature,
        mean_energy=ground + mean,
        heat_capacity=beta**2 * variance,
        entropy=log_z + beta * mean,
        free_energy=ground - log_z / beta if beta > 0.0 else -math.inf,
        log_partition=log_z - beta * ground,
    )


def boltzmann_probabilities(
    energies: ArrayLike, degeneracies: ArrayLike, temperature: float
) -> NDArray[np.float64]:
    """Return the probability of each level, [n_levels], adding up to 1; arguments as above."""
    levels, log_g = _checked(energies, np.log(degeneracies), temperature)
    exponent = log_g - (levels - levels.min()) / (KB * temperature)
    return np.asarray(np.exp(exponent - log_sum_exp(exponent)), dtype=np.float64)


def split_entropy(probabilities: ArrayLike, ion_labels: ArrayLike) -> tuple[float, float]:
    """Split the entropy of a joint distribution of ion and charge orders into (ionic, electronic),
    k_B.

    probabilities: [n_states] of single states (not of symmetry classes), adding up to 1.
    ion_labels: [n_states], any integers that tell the ion orders apart. Ionic is the entropy of
    the ion orders alone; electronic is what the charges add once the ions are known (chain rule):
    S(ions, charges) = S(ions) + Σ p(ions) S(charges | ions).
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not math.isclose(float(p.sum()), 1.0, abs_tol=1e-8):
        raise ValueError(f"probabilities add up to 1, these to {p.sum()}")
    _, index = np.unique(np.asarray(ion_labels), return_inverse=True)
    ionic = _shannon(np.bincount(index, weights=p).astype(np.float64))
    return ionic, _shannon(p) - ionic


def _shannon(p: NDArray[np.float64]) -> float:
    positive = p[p > 0.0]
    return float(-(positive * np.log(positive)).sum())


def _checked(
    energies: ArrayLike, log_degeneracies: ArrayLike, temperature: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    levels = np.asarray(energies, dtype=np.float64)
    log_g = np.asarray(log_degeneracies, dtype=np.float64)
    if levels.ndim != 1 or levels.size == 0 or levels.shape != log_g.shape:
        raise ValueError(
            f"levels and degeneracies are [n_levels], got {levels.shape}, {log_g.shape}"
        )
    if not temperature > 0.0:
        raise ValueError(f"a temperature is above 0 K, got {temperature}")
    return levels, log_g
