"""Free-energy difference of two charge orders by thermodynamic integration.

Independent of candidate moves: no path and no change of charge is ever accepted here. It is what
their populations are checked against.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from redoxmc.dynamics.phase import MVV2E, Phase, kinetic_energy, refreshed
from redoxmc.dynamics.replica import MdChain, MdWorld, check_sites_kept
from redoxmc.errors import EngineError
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.structures.lattice import Floats, Occupancy
from redoxmc.thermo.correlation import standard_error
from redoxmc.units import KB


@dataclass(frozen=True)
class FreeEnergyDifference:
    """F(after) - F(before) in eV with its standard error; slopes dF/dλ (eV) at the points."""

    value: float
    error: float
    points: Floats
    slopes: Floats


def integrate(
    chain: MdChain, world: MdWorld, after: Occupancy, points: int = 7, pieces: int = 200
) -> FreeEnergyDifference:
    """F of the order `after` less that of the chain's, at its temperature and cell.

    U(λ) = (1 - λ) U_before + λ U_after is sampled by generalized hybrid Monte Carlo at the Gauss-
    Legendre points of λ, `pieces` pieces each, the first fifth left out; dF/dλ = <U_after -
    U_before>. Without walls the mean force along the escort is zero in equilibrium, so that its
    fluctuation can be taken off as a control variate. md.site_tolerance holds as in a replica. The
    chain is where the sampling begins; of it only the generator is changed.

    The error is what one pass shows; modes that are slower than it (an ion between two minima) do
    not show. Repeat from independent starts and take the spread where it matters.
    """
    nodes, weights = np.polynomial.legendre.leggauss(points)
    nodes, weights = 0.5 * (nodes + 1), 0.5 * weights
    phase = chain.phase
    escort = world.distortions.escort(chain.occupancy, after)
    means, errors = [], []
    last = 0.0
    for node in nodes:
        phase = Phase(phase.positions + (node - last) * escort, phase.velocities)
        last = float(node)
        phase, rows = _sample(chain, world, after, phase, last, pieces, escort)
        kept = rows[len(rows) // 5 :]
        slopes, forces = kept[:, 0], kept[:, 1]
        variance = float(np.var(forces))
        useful = variance > 0 and world.md.site_tolerance is None
        gain = float(np.cov(slopes, forces)[0, 1]) / variance if useful else 0.0
        reduced = slopes - gain * forces
        means.append(float(reduced.mean()))
        errors.append(standard_error(reduced))
    value = float(weights @ np.array(means))
    return FreeEnergyDifference(
        value, sqrt(float(weights**2 @ np.array(errors) ** 2)), nodes, np.array(means)
    )


def _sample(
    chain: MdChain,
    world: MdWorld,
    after: Occupancy,
    phase: Phase,
    at: float,
    pieces: int,
    escort: Floats,
) -> tuple[Phase, Floats]:
    """Sample U(λ); returns the end and per piece U_after - U_before and the force on the escort."""
    md, masses = world.md, world.masses(chain)
    old, new = world.lattice.atoms(chain.occupancy)[1], world.lattice.atoms(after)[1]
    kick = (world.time_step / (MVV2E * masses))[:, None]

    def call(x: Floats) -> tuple[float, float, Floats]:
        energy_old, force_old = world.dynamics.forces(x, old)
        energy_new, force_new = world.dynamics.forces(x, new)
        difference = energy_new - energy_old
        force = (1 - at) * force_old + at * force_new
        return energy_old + at * difference, difference, force

    world.dynamics.begin(chain.cell, phase.positions, old)
    energy, slope, force = call(phase.positions)
    rows = []
    for _ in range(pieces):
        phase = refreshed(phase, masses, chain.temperature, world.memory, chain.rng, world.drifting)
        x, v = phase.positions, phase.velocities
        before = energy + kinetic_energy(masses, v)
        trial = (energy, slope, force)
        for _ in range(md.segment):
            v = v + 0.5 * kick * trial[2]
            x = x + world.time_step * v
            trial = call(x)
            v = v + 0.5 * kick * trial[2]
        change = trial[0] + kinetic_energy(masses, v) - before
        try:
            check_sites_kept(chain.cell, x, world)
        except EngineError:
            change = float("inf")
        if metropolis_accept(-change / (KB * chain.temperature), chain.rng):
            phase, (energy, slope, force) = Phase(x, v), trial
        else:
            phase = phase.reversed()
        rows.append((slope, float(np.vdot(force, escort))))
    return phase, np.array(rows)
