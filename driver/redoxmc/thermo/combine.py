"""The best averages that a campaign allows: exact where every state was seen, else the ladder's."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from redoxmc.thermo.entropy import canonical_averages
from redoxmc.thermo.ladder import LadderAverages, ladder_averages
from redoxmc.thermo.moments import Estimate


def best_averages(
    temperatures: Sequence[float],
    energies: Sequence[ArrayLike],
    log_n_states: float | None,
    state_energies: ArrayLike,
    state_degeneracies: ArrayLike,
    at: Sequence[float] | None = None,
    ground_found: bool = False,
) -> list[LadderAverages]:
    """Return averages of one x at each temperature, exact where the enumeration is complete.

    temperatures, energies, log_n_states, at, ground_found: as for ladder_averages.
    state_energies: [n_states], eV per cell, and state_degeneracies: [n_states], sizes of the
    symmetry orbits, of the distinct states whose energy is known (all that the campaign relaxed, at
    any temperature).

    If the orbits add up to all states the canonical averages over them are exact and their standard
    errors 0; else the chains are combined by ladder_averages, whose entropy may be unknown (NaN).
    """
    levels = np.asarray(state_energies, dtype=np.float64)
    orbits = np.asarray(state_degeneracies, dtype=np.float64)
    count = math.nan if log_n_states is None else log_n_states
    if len(orbits) and math.isclose(math.log(orbits.sum()), count, abs_tol=1e-10):
        targets = [t for t in temperatures if math.isfinite(t)] if at is None else list(at)
        return [_exact(levels, orbits, t) for t in targets]
    ground = None
    lowest = min((float(np.min(e)) for e in energies if np.size(e)), default=math.nan)
    if len(orbits):
        ground = round(float(orbits[np.abs(levels - lowest) <= 1e-6].sum())) or None
    return ladder_averages(temperatures, energies, log_n_states, at, ground, ground_found)


def _exact(levels: ArrayLike, orbits: ArrayLike, temperature: float) -> LadderAverages:
    a = canonical_averages(levels, orbits, temperature)
    return LadderAverages(
        temperature,
        Estimate(a.mean_energy, 0.0),
        Estimate(a.heat_capacity, 0.0),
        Estimate(a.entropy, 0.0),
        Estimate(a.free_energy, 0.0),
        anchor="all states",
    )
