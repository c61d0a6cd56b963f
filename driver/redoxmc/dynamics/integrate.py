"""Dynamics of a replica at constant temperature, and pressure: pieces and volume moves."""

from math import exp, log

import numpy as np

from redoxmc.dynamics.phase import kinetic_energy, refreshed
from redoxmc.dynamics.replica import MdChain, MdWorld, check_sites_kept
from redoxmc.errors import EngineError
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.units import EV_PER_A3_TO_GPA, KB


def dynamics(chain: MdChain, world: MdWorld) -> None:
    """The dynamics between two candidate moves."""
    for _ in range(world.md.interval):
        piece(chain, world)
    if world.md.pressure is not None:
        volume_move(chain, world)


def piece(chain: MdChain, world: MdWorld) -> None:
    """Refresh the velocities, follow Newton's equations, accept on the change of energy.

    Generalized hybrid Monte Carlo (Horowitz 1991): exact for any time step, as a piece that is
    refused reverses the velocities. With metropolize = false it is Langevin dynamics with the error
    of its time step, and a piece that fails raises EngineError.
    """
    md, masses = world.md, world.masses(chain)
    _, species = world.lattice.atoms(chain.occupancy)
    start = refreshed(
        chain.phase, masses, chain.temperature, world.memory, chain.rng, world.drifting
    )
    before = chain.energy + kinetic_energy(masses, start.velocities)
    chain.pieces.proposed += 1
    chain.force_evaluations += md.segment
    try:
        end, energy = world.dynamics.trajectory(
            chain.cell, start, species, md.segment, world.time_step
        )
        check_sites_kept(chain.cell, end.positions, world)
        change = energy + kinetic_energy(masses, end.velocities) - before
    except EngineError:
        if not md.metropolize:
            raise
        chain.pieces.failed += 1
        end, energy, change = start, chain.energy, float("inf")
    decided = metropolis_accept(-change / (KB * chain.temperature), chain.rng)
    if decided or not md.metropolize:
        chain.positions, chain.velocities, chain.energy = end.positions, end.velocities, energy
        chain.drift += change
        chain.time += md.segment * world.time_step
        chain.pieces.accepted += 1
    else:
        chain.velocities = -start.velocities


def volume_move(chain: MdChain, world: MdWorld) -> None:
    """Stretch the cell along one of its vectors, accepted for the isobaric ensemble.

    min(1, exp(-(ΔU + P ΔV)/kT + (n + 1) ln V'/V)) for a uniform change of ln V (Frenkel & Smit,
    2nd ed., eq. 5.4.9); velocities stay. Symmetric: the stretch is drawn uniformly around 0.
    """
    _, species = world.lattice.atoms(chain.occupancy)
    axis = int(chain.rng.integers(3))
    stretch = float(chain.rng.uniform(-chain.strain, chain.strain))
    scale = np.ones(3)
    scale[axis] = exp(stretch)
    cell = scale[:, None] * chain.cell
    positions = chain.positions @ np.linalg.inv(chain.cell) @ cell
    chain.volumes.proposed += 1
    chain.force_evaluations += 1
    log_ratio = float("-inf")
    energy = chain.energy
    try:
        world.dynamics.begin(cell, positions, species)
        energy, _ = world.dynamics.forces(positions, species)
        check_sites_kept(cell, positions, world)
        added = abs(float(np.linalg.det(cell))) - abs(float(np.linalg.det(chain.cell)))
        assert world.md.pressure is not None
        enthalpy = energy - chain.energy + world.md.pressure / EV_PER_A3_TO_GPA * added
        log_ratio = -enthalpy / (KB * chain.temperature) + (len(positions) + 1) * log(scale[axis])
    except EngineError:
        chain.volumes.failed += 1
    if metropolis_accept(log_ratio, chain.rng):
        chain.cell, chain.positions, chain.energy = cell, positions, energy
        chain.volumes.accepted += 1
