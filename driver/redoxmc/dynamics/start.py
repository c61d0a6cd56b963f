"""What happens to a replica before its first move: equilibration, and the length of its paths."""

from math import exp

import numpy as np

from redoxmc.config.dynamics import LONGEST_PATH, MdConfig
from redoxmc.dynamics.candidate import assured_acceptance, best_length, expected_acceptance
from redoxmc.dynamics.integrate import dynamics
from redoxmc.dynamics.phase import Phase, degrees_of_freedom, kinetic_energy, thermal_velocities
from redoxmc.dynamics.replica import MdChain, MdWorld, begin
from redoxmc.dynamics.step import candidate
from redoxmc.errors import EngineError, InputError
from redoxmc.units import KB

SHORTEST_PATH = 16
ENOUGH = 0.05  # acceptance below which longer paths are tried in any case
PATIENCE = 8  # times md.pilot_moves paths, at most, where the acceptance of a length is in doubt
HEATING_TIME = 0.2  # ps of the test of the time step
HEATING_COST = 4_000_000  # atoms times steps: large cells are tested for less, but 20 steps
HEATING_LIMIT = 0.05  # kT per degree of freedom that it may add
STRAIN_TARGET = (0.3, 0.6)  # acceptance of volume moves


def prepare(chain: MdChain, world: MdWorld) -> None:
    """Give a chain a geometry where it has none, equilibrate it, choose the length of its paths.

    All adaptation ends here: what is fixed here stays as it is while the chain is sampled. Raises
    EngineError where the dynamics fails.
    """
    md = world.md
    if not len(chain.positions):
        begin(chain, world)
    block = md.segment * md.interval * md.time_step
    for _ in range(max(1, round(md.equilibration / block))):
        dynamics(chain, world)
        _tune_strain(chain)
    if chain.pieces.accepted == 0:
        raise EngineError(
            f"none of {chain.pieces.proposed} pieces of dynamics was accepted; a smaller "
            "md.time_step or md.segment is needed"
        )
    if not md.swaps or not world.mixture.applies(chain.occupancy):
        chain.length = 1
    elif md.protocol_steps == "auto":
        chain.length = choose_length(chain, world)
    else:
        chain.length = md.protocol_steps
    for count in (chain.pieces, chain.volumes):
        count.proposed = count.accepted = count.failed = 0
    chain.drift = chain.time = 0.0


def choose_length(chain: MdChain, world: MdWorld) -> int:
    """Try paths of 16, 32, 64, … steps and return the length with most acceptances per force call.

    The pilot moves are candidate moves as any other, made in equilibrium. Longer paths are tried
    until an acceptance of 5 % is assured and the last two lengths were no better than one before.
    """
    overhead = float(world.md.segment * world.md.interval)
    works: dict[int, list[float]] = {}
    length = SHORTEST_PATH
    while length <= LONGEST_PATH:
        works[length] = _pilots(chain, world, length)
        chain.pilots[length] = expected_acceptance(works[length], chain.temperature)
        best, chance = best_length(works, chain.temperature, overhead, ENOUGH)
        if chance >= ENOUGH and length >= 4 * best:
            break
        if chance >= ENOUGH and chain.pilots[length] >= 0.5:  # twice the length cannot pay
            break
        length *= 2
    return best_length(works, chain.temperature, overhead, ENOUGH)[0]


def _pilots(chain: MdChain, world: MdWorld, length: int) -> list[float]:
    """Works of pilot paths: more of them while their mean is high for a few lucky ones only."""
    works: list[float] = []
    for _ in range(PATIENCE):
        for _ in range(world.md.pilot_moves):
            dynamics(chain, world)
            works.append(candidate(chain, world, length).work)
        doubtful = assured_acceptance(works, chain.temperature) < ENOUGH
        if not doubtful or expected_acceptance(works, chain.temperature) < ENOUGH:
            break
    return works


def check_time_step(chain: MdChain, world: MdWorld) -> None:
    """Raise InputError where the time step heats: where energy is not conserved without a bath.

    From the relaxed start at twice the temperature (half of it becomes potential energy) the change
    of the total energy over 0.2 ps (less in cells of 10^5 atoms) must stay below 0.05 kT per degree
    of freedom. chain: begun; it is not changed.
    """
    md: MdConfig = world.md
    _, species = world.lattice.atoms(chain.occupancy)
    masses = world.masses(chain)
    rng = np.random.default_rng(0)
    velocities = thermal_velocities(masses, 2 * chain.temperature, rng, world.drifting)
    start = Phase(chain.positions, velocities)
    steps = max(4, round(HEATING_TIME / world.time_step))
    steps = min(steps, max(20, HEATING_COST // len(masses)))
    before = chain.energy + kinetic_energy(masses, velocities)
    freedom = degrees_of_freedom(len(masses), world.drifting)
    try:
        end, energy = world.dynamics.trajectory(chain.cell, start, species, steps, world.time_step)
        gained = energy + kinetic_energy(masses, end.velocities) - before
        kelvin = 2 * gained / (freedom * KB)
    except EngineError:
        kelvin = float("inf")
    if not kelvin < 2 * HEATING_LIMIT * chain.temperature:
        time = steps * world.time_step
        what = f"{kelvin:.0f} K in {time:.2g} ps" if np.isfinite(kelvin) else "without limit"
        raise InputError(
            f"md.time_step = {md.time_step:g} fs heats the system at {chain.temperature:g} K "
            f"({what}); take {md.time_step / 2:g} fs or less."
        )


def _tune_strain(chain: MdChain) -> None:
    """Adapt the size of volume moves, while equilibrating only."""
    if chain.volumes.proposed >= 10:
        share = chain.volumes.accepted / chain.volumes.proposed
        low, high = STRAIN_TARGET
        if not low <= share <= high:
            chain.strain = min(chain.strain * exp(1.5 * (share - 0.45)), 0.1)
        chain.volumes.proposed = chain.volumes.accepted = chain.volumes.failed = 0
