"""Mean energy and heat capacity of a sampled chain, with their standard errors."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from redoxmc.thermo.correlation import effective_samples, standard_error
from redoxmc.units import KB


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error, in the same unit; NaN where it cannot be known."""

    value: float
    standard_error: float


def mean_energy(energies: ArrayLike) -> Estimate:
    """Return the mean of sampled energies and its error, in their unit.

    energies: [n_steps] or [n_chains, n_steps]; every step counts, rejected ones too.
    """
    return Estimate(float(np.asarray(energies, dtype=np.float64).mean()), standard_error(energies))


def heat_capacity(energies: ArrayLike, temperature: float, n_sites: int) -> Estimate:
    """Return the configurational heat capacity (⟨E²⟩ − ⟨E⟩²)/(k_B² T² n_sites), in k_B per site.

    energies: of the whole cell in eV, [n_steps] or [n_chains, n_steps]. temperature: K. n_sites:
    number of redox sites. The variance is corrected for the mean being estimated from n_eff
    samples; the error is that of the mean of (E − ⟨E⟩)², with its own autocorrelation. A chain
    that never changes gives 0 with an unknown (NaN) error.

    Source: Allen and Tildesley, Computer Simulation of Liquids, eq. 2.80.
    """
    values = np.asarray(energies, dtype=np.float64)
    squares = (values - values.mean()) ** 2
    n_effective = effective_samples(values)
    correction = n_effective / (n_effective - 1.0) if n_effective > 1.0 else 1.0
    unit = (KB * temperature) ** 2 * n_sites
    error = standard_error(squares)
    if math.isnan(standard_error(values)):
        return Estimate(float(squares.mean()) / unit, math.nan)
    return Estimate(float(squares.mean()) * correction / unit, error * correction / unit)
