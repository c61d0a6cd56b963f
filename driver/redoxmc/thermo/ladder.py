"""Entropy and free energy of every temperature of a ladder, anchored where they are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from redoxmc.thermo.entropy import averages_of_levels
from redoxmc.thermo.jackknife import (
    Blocks,
    choose_blocks,
    densities_without_blocks,
    jackknife_error,
)
from redoxmc.thermo.logarithms import log_sum_exp
from redoxmc.thermo.mbar import DensityOfStates, NoOverlapError
from redoxmc.thermo.moments import Estimate, heat_capacity, mean_energy
from redoxmc.units import KB

_FIELDS = ("mean_energy", "heat_capacity", "entropy", "free_energy")
# What an anchor must show: see ladder_averages.
_ANCHOR_SAMPLES = 50.0
_ANCHOR_ERROR = 0.5  # k_B
_ONE_LEVEL = 1e-6  # eV
_NO_ANCHOR = (
    "the temperatures reach neither the limit of high temperature nor ground states that are known"
)
_NO_OVERLAP = "the energies of neighbouring temperatures do not overlap"


@dataclass(frozen=True)
class LadderAverages:
    """Averages of a whole cell at one temperature, with standard errors."""

    temperature: float
    mean_energy: Estimate  # eV
    heat_capacity: Estimate  # k_B
    entropy: Estimate  # k_B
    free_energy: Estimate  # eV
    # where the constant of entropy and free energy comes from, in words; empty where they are not
    # known and NaN (see ladder_averages)
    anchor: str = ""
    reason: str = ""  # why they are not known, a sentence; empty where they are

    @property
    def anchored(self) -> bool:
        """Whether entropy and free energy are known."""
        return bool(self.anchor)


def ladder_averages(
    temperatures: Sequence[float],
    energies: Sequence[ArrayLike],
    log_n_states: float | None,
    at: Sequence[float] | None = None,
    ground_degeneracy: int | None = None,
    ground_found: bool = False,
) -> list[LadderAverages]:
    """Combine the chains of one x at all temperatures into averages at any temperature.

    temperatures: [n_T] in K of the chains; inf stands for uniformly drawn states, which make the
    anchor exact. energies: for each temperature [n_steps] or [n_chains, n_steps], eV per cell,
    after burn-in, every step counted. log_n_states: ln of the number of states, ln C(N, n) for
    charges on N sites; None where it is not known, and cannot be an anchor. at: temperatures of the
    result (default: the finite ones of the ladder); interpolating between them is safe,
    extrapolating is not. ground_degeneracy: number of states at the lowest sampled energy (within
    1e-6 eV), the size of its symmetry orbit. ground_found: that these are the ground states, and
    that the chains are in equilibrium, is known otherwise.

    MBAR gives ln Z(β) up to a constant, which is known at either end: ln Z = log_n_states at β = 0,
    and g_0 e^(−βE_0) is the ground states' part of Z. F = −k_B T ln Z, S = k_B (ln Z + β⟨E⟩).
    With uniformly drawn states in the ladder, or a temperature so hot that k_B T exceeds the range
    of all sampled energies, the constant comes from β = 0. Else it comes from the ground states:
    colder chains hardly ever visit the highest states, which matter at β = 0, and what they missed
    leaves no trace in their scatter, hence none in an error estimate.

    Samples alone cannot tell a ladder that is hot from one that never saw the states which fill the
    entropy (a frozen chain would claim S = ln of all states). So entropy and free energy are given
    only where 50 effective samples reach β = 0 and either the ladder contains uniformly drawn
    states, or the two ends agree: the number of ground states implied by β = 0 is ground_degeneracy
    (to 3 standard errors, which must be below 0.5); else they are NaN, unless ground_found says
    that the lower end can be trusted alone. Where temperatures do not overlap at all, each chain
    speaks for its own energy and heat capacity alone.

    Errors: delete-one-block jackknife over 5 to 20 blocks of time, each longer than five times the
    statistical inefficiency of the slowest temperature (see choose_blocks) and the same time of the
    same seed at all temperatures, so that autocorrelation and correlation by tempering are both
    contained; times Student's factor (1.43 for 5 blocks, 1.07 for 20). Chains too short for that
    give no entropy, no free energy, and no error of the rest.
    Sources: Shirts and Chodera 2008 (see mbar.py); Efron, The Jackknife (1982), ch. 3.
    """
    series = [np.atleast_2d(np.asarray(e, dtype=np.float64)) for e in energies]
    targets = [t for t in temperatures if np.isfinite(t)] if at is None else list(at)
    try:
        blocks = choose_blocks(temperatures, series)
        full, partial = densities_without_blocks(
            temperatures, series, log_n_states or 0.0, blocks.count
        )
    except NoOverlapError:
        return [_alone(t, temperatures, series) for t in targets]
    uniform = KB * max(temperatures) >= full.energies[-1] - full.energies[0]
    reached = (
        log_n_states is not None
        and full.effective_samples(np.inf) >= _ANCHOR_SAMPLES
        and (np.inf in temperatures or _ground_agrees(full, partial, blocks, ground_degeneracy))
    )
    anchor, reason = "", blocks.reason
    if reason:
        pass
    elif reached and uniform:
        anchor = "infinite temperature"
    elif ground_degeneracy is not None and (reached or ground_found):
        anchor = "ground states"
        ceiling = full.energies[0] + _ONE_LEVEL
        full, *partial = [
            _with_ground_states(dos, ground_degeneracy, ceiling) for dos in [full, *partial]
        ]
    else:
        reason = _NO_ANCHOR
    result = []
    for t in targets:
        values, errors = _table([full], t)[0], _errors(_table(partial, t), blocks)
        if not anchor:
            values[2:] = errors[2:] = np.nan
        estimates = [Estimate(float(v), float(e)) for v, e in zip(values, errors, strict=True)]
        mean, capacity, entropy, free = estimates
        result.append(LadderAverages(t, mean, capacity, entropy, free, anchor, reason))
    return result


def _errors(left_out: NDArray[np.float64], blocks: Blocks) -> NDArray[np.float64]:
    return jackknife_error(left_out, blocks.memory)


def _alone(
    target: float, temperatures: Sequence[float], series: Sequence[NDArray[np.float64]]
) -> LadderAverages:
    """Say what the chain of one temperature says, where the ladder does not hold together."""
    unknown = Estimate(np.nan, np.nan)
    if target not in temperatures:
        return LadderAverages(target, unknown, unknown, unknown, unknown, reason=_NO_OVERLAP)
    energies_here = series[list(temperatures).index(target)]
    mean, capacity = mean_energy(energies_here), heat_capacity(energies_here, target, 1)
    return LadderAverages(target, mean, capacity, unknown, unknown, reason=_NO_OVERLAP)


def _table(estimates: Sequence[DensityOfStates], temperature: float) -> NDArray[np.float64]:
    """Evaluate the four averages of each density of states, [n, 4]."""
    rows = [averages_of_levels(d.energies, d.log_degeneracies, temperature) for d in estimates]
    return np.array([[getattr(row, field) for field in _FIELDS] for row in rows]).reshape(-1, 4)


def _ground_agrees(
    full: DensityOfStates,
    partial: Sequence[DensityOfStates],
    blocks: Blocks,
    degeneracy: int | None,
) -> bool:
    """Say whether the number of ground states implied by the anchor at β = 0 is the true one."""
    if degeneracy is None:
        return False
    ceiling = full.energies[0] + _ONE_LEVEL
    counts = np.array([[_log_ground(dos, ceiling)] for dos in partial])
    if not np.all(np.isfinite(counts)):
        return False
    error = float(_errors(counts, blocks)[0]) if len(counts) else np.nan
    difference = abs(_log_ground(full, ceiling) - np.log(degeneracy))
    return bool(error < _ANCHOR_ERROR and difference <= 3.0 * error + 1e-9)


def _log_ground(dos: DensityOfStates, ceiling: float) -> float:
    """Ln of the number of states up to this energy (eV)."""
    ground = dos.log_degeneracies[dos.energies <= ceiling]
    return float(log_sum_exp(ground)) if len(ground) else -np.inf


def _with_ground_states(dos: DensityOfStates, degeneracy: int, ceiling: float) -> DensityOfStates:
    """The same density with the known number of ground states."""
    shift = np.log(degeneracy) - _log_ground(dos, ceiling)
    return DensityOfStates(dos.energies, dos.log_degeneracies + shift, dos.counts)
