"""Chains of known thermodynamics and memory, and how often errors cover the exact values."""

import math

import numpy as np

from redoxmc.thermo.entropy import boltzmann_probabilities, canonical_averages
from redoxmc.units import KB

LEVELS, DEGENERACIES = np.array([-9.0, -8.98, -8.95, -8.91]), np.array([2, 6, 10, 4])
LADDER = [350.0, math.inf]
LOG_STATES = math.log(DEGENERACIES.sum())
EXACT = canonical_averages(LEVELS, DEGENERACIES, LADDER[0])


def lattice_chains(temperature, inefficiency, n_chains, n_steps, rng):
    """Chains [n_chains, n_steps] of the levels above, as persistent_chains makes them."""
    spectrum = LEVELS, DEGENERACIES, temperature
    return persistent_chains(*spectrum, inefficiency, n_chains, n_steps, rng)


def persistent_chains(levels, degeneracies, temperature, inefficiency, n_chains, n_steps, rng):
    """Chains [n_chains, n_steps] that keep their level or draw it anew: g is exactly as asked.

    With probability s a step changes nothing: ρ(t) = s^t, and g = (1 + s)/(1 − s).
    """
    stay = (inefficiency - 1.0) / (inefficiency + 1.0)
    fresh = rng.random((n_chains, n_steps)) >= stay
    fresh[:, 0] = True
    source = np.maximum.accumulate(np.where(fresh, np.arange(n_steps), 0), axis=1)
    p = boltzmann_probabilities(levels, degeneracies, temperature)
    drawn = np.searchsorted(np.cumsum(p)[:-1], rng.random((n_chains, n_steps)))
    return levels[np.take_along_axis(drawn, source, axis=1)]


def ring_free_energy(n_sites, n_filled, cost, temperature):
    """F per site (eV) of a ring of sites, n_filled of them filled; unlike neighbours cost (eV).

    k runs of filled sites can be laid in (N/k) C(n − 1, k − 1) C(N − n − 1, k − 1) ways.
    """
    if n_filled in (0, n_sites):
        return 0.0
    total = sum(
        n_sites
        / k
        * math.comb(n_filled - 1, k - 1)
        * math.comb(n_sites - n_filled - 1, k - 1)
        * math.exp(-2 * k * cost / (KB * temperature))
        for k in range(1, min(n_filled, n_sites - n_filled) + 1)
    )
    return -KB * temperature * math.log(total) / n_sites
