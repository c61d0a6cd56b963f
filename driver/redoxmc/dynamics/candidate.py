"""Nonequilibrium candidate moves: a change of species made over a short path of dynamics.

An instant swap of charges on positions that fit the old ones costs far more than kT. A candidate
move (Nilmeier, Crooks, Minh & Chodera, PNAS 108, E1009 (2011)) lets the positions follow: it
integrates Newton's equations while the potential goes from the old state's to the new one's,

    U(x, λ) = (1 - λ) U_old(x) + λ U_new(x),   λ = 0 … 1,

and accepts the end of the path with min(1, exp(-W/kT + log a-priori ratio)), W = H_end - H_start.

Why that is exact. The path is a deterministic map of phase space: kicks at fixed positions, drifts
at fixed velocities, so it preserves volume for any time step. The schedule has λ_{n-k} = 1 - λ_k,
so the same map, begun in the new state at the end of the path with its velocities reversed, goes
back to the start with its velocities reversed. Such an involution with Jacobian 1 obeys detailed
balance with the ratio exp(-ΔH/kT) alone: no heat leaves, and the error of the integrator (shadow
work) is part of W. A rejected move reverses the velocities. Nothing is adjusted for a finite time
step.

An escorted path (Vaikuntanathan & Jarzynski, PRL 100, 190601 (2008)) shifts the positions by a
vector that depends on the two states alone, in steps that follow λ. That is a drift, too, with
Jacobian 1 and the opposite sign on the way back, so the same argument holds. So it does where only
a set of atoms moves that depends on the two states alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from redoxmc.dynamics.phase import MVV2E, Phase, kinetic_energy
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.structures.lattice import Floats
from redoxmc.units import KB

ForceCall = Callable[[Floats], tuple[float, Floats]]  # (n, 3) Å -> eV, (n, 3) eV/Å
Observer = Callable[[float, Floats], None]  # λ, positions
Schedule = Literal["linear", "smooth"]


@dataclass(frozen=True)
class CandidatePath:
    """A path from one state to another."""

    end: Phase  # where it ended
    energy: float  # potential energy of the new state there (eV)
    work: float  # H_end - H_start (eV)
    # the part done by changing λ and by the escort, by the trapezoidal rule (eV); work -
    # protocol_work is the change of the conserved quantity: the integrator's error, which falls
    # with the square of the time step
    protocol_work: float
    steps: int  # of the path


def switching(steps: int, schedule: Schedule = "smooth") -> Floats:
    """λ after 0, 1, … steps, (steps + 1,), with λ_{n-k} = 1 - λ_k to rounding.

    "smooth" begins and ends at rest (3t^2 - 2t^3).
    """
    if steps < 1:
        raise ValueError(f"a path needs at least one step, not {steps}")
    t = np.arange(steps + 1) / steps
    values = t if schedule == "linear" else t * t * (3 - 2 * t)
    symmetric: Floats = 0.5 * (values + (1.0 - values[::-1]))
    return symmetric


def switch(
    before: ForceCall,
    after: ForceCall,
    start: Phase,
    masses: Floats,
    schedule: Floats,
    time_step: float,
    *,
    shift: Floats | None = None,
    mobile: Floats | None = None,
    observe: Observer | None = None,
) -> CandidatePath:
    """Take the path (velocity Verlet) and return where it ends; whoever calls decides on it.

    before, after: the two states. masses: (n,) g/mol. schedule: λ, of `switching`. time_step: ps.
    shift: (n, 3) Å, the whole displacement of an escorted path. mobile: (n,) 1 where an atom may
    move, 0 where it stands still (its velocity is kept). observe: told λ and positions at every
    force call. Raises what the force calls raise.
    """
    free = np.ones(len(masses)) if mobile is None else mobile
    kick = (free * time_step / (MVV2E * masses))[:, None]
    drift = (free * time_step)[:, None]
    escort = np.zeros((len(masses), 3)) if shift is None else free[:, None] * shift
    x, v = start.positions, start.velocities
    last = len(schedule) - 1
    initial = kinetic_energy(masses, v)
    protocol_work, energy = 0.0, 0.0
    for k in range(last + 1):
        at = float(schedule[k])
        energy_before, force_before = before(x)
        energy_after, force_after = after(x)
        force = (1 - at) * force_before + at * force_after
        if observe is not None:
            observe(at, x)
        # the steps of λ, and of the escort, beside this call: half of each is counted here
        back = at - schedule[k - 1] if k > 0 else 0.0
        forth = schedule[k + 1] - at if k < last else 0.0
        slope = energy_after - energy_before - float(np.vdot(force, escort))
        protocol_work += 0.5 * (back + forth) * slope
        if k == 0:
            initial += energy_before
        if k == last:
            energy = energy_after
            v = v + 0.5 * kick * force
        else:
            v = v + (0.5 if k == 0 else 1.0) * kick * force
            x = x + drift * v + forth * escort
    work = energy + kinetic_energy(masses, v) - initial
    return CandidatePath(Phase(x, v), energy, work, protocol_work, last)


def accept(
    work: float, temperature: float, log_apriori_ratio: float, rng: np.random.Generator
) -> bool:
    """Decide on a path: min(1, exp(-work/kT + log_apriori_ratio)). work: eV. temperature: K."""
    return metropolis_accept(-work / (KB * temperature) + log_apriori_ratio, rng)


def expected_acceptance(works: Sequence[float], temperature: float) -> float:
    """Mean of min(1, exp(-W/kT)) over paths; a work that is not a number counts as refused."""
    chances = _chances(works, temperature)
    return float(chances.mean()) if len(chances) else 0.0


def assured_acceptance(works: Sequence[float], temperature: float) -> float:
    """The expected acceptance less two standard errors, and at least 0.

    Most of the mean comes from a few lucky paths; the lower bound does not rely on them.
    """
    chances = _chances(works, temperature)
    if len(chances) < 2:
        return 0.0
    error = chances.std(ddof=1) / math.sqrt(len(chances))
    return max(0.0, float(chances.mean() - 2 * error))


def best_length(
    works: Mapping[int, Sequence[float]], temperature: float, overhead: float, least: float = 0.05
) -> tuple[int, float]:
    """The length of path with most acceptances per force call, and its assured acceptance.

    works: W (eV) of pilot paths by number of steps. overhead: force calls of the dynamics between
    two moves. A path of n steps takes 2 n + 2 calls. Lengths whose acceptance is not assured to be
    `least` are passed over where that of another is.
    """
    chance = {n: assured_acceptance(w, temperature) for n, w in works.items()}
    lengths = [n for n in sorted(chance) if chance[n] >= least]
    if not lengths:
        chance = {n: expected_acceptance(w, temperature) for n, w in works.items()}
        lengths = sorted(chance)
    best = max(lengths, key=lambda n: chance[n] / (2 * n + 2 + overhead))
    return best, assured_acceptance(works[best], temperature)


def _chances(works: Sequence[float], temperature: float) -> Floats:
    values = np.array(works, dtype=float) / (KB * temperature)
    values = np.where(np.isnan(values), np.inf, values)
    chances: Floats = np.exp(-np.maximum(values, 0.0))
    return chances
