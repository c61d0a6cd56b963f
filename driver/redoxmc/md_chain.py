"""One replica of molecular dynamics with charge swaps: its state, and one step of it."""

from dataclasses import dataclass, field
from math import exp, log

import numpy as np

from redoxmc.engines.md import Dynamics
from redoxmc.engines.md_config import FEMTOSECOND, MdConfig
from redoxmc.engines.md_distortion import Distortions
from redoxmc.engines.md_phase import (
    Phase,
    degrees_of_freedom,
    kinetic_energy,
    masses_of,
    refreshed,
    thermal_velocities,
)
from redoxmc.engines.relaxed import check_sites
from redoxmc.errors import EngineError
from redoxmc.moves.base import Proposal
from redoxmc.moves.mixture import WeightedMixture
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.sampling.candidate import Path, accept, switch, switching
from redoxmc.sampling.chain import MoveCount
from redoxmc.structures.lattice import Floats, Lattice, Occupancy, occupancy_key
from redoxmc.units import EV_PER_A3_TO_GPA, KB

COLUMNS = (
    "energy_eV",  # potential
    "kinetic_eV",
    "volume_A3",
    "work_eV",  # of the candidate move; nan where none was made or its path failed
    "protocol_work_eV",
    "accepted",
    "outside_A",  # farthest that a changing ion's mean bond length got from the training range
    "outside_share",  # part of the path spent there
    "outside_before_A",  # the same of the same ions before the path
)


@dataclass
class MdChain:
    """The whole state of a replica at one (x, temperature, seed); plain data, picklable.

    cell: (3, 3) Å. positions, velocities: (n, 3) Å, Å/ps. energy: potential, eV. length: steps of a
    path, 0 while it is not chosen. pilots: expected acceptance by length. drift: what the
    integrator added to the conserved quantity, eV. records: one row of COLUMNS, and keys the state,
    for each step since they were last taken.
    """

    x: float
    n_ions: int
    temperature: float
    seed: int
    rng: np.random.Generator
    occupancy: Occupancy
    cell: Floats = field(default_factory=lambda: np.zeros((3, 3)))
    positions: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    velocities: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    energy: float = float("nan")
    step: int = 0
    length: int = 0
    pilots: dict[int, float] = field(default_factory=dict)
    moves: dict[str, MoveCount] = field(default_factory=dict)
    pieces: MoveCount = field(default_factory=MoveCount)
    volumes: MoveCount = field(default_factory=MoveCount)
    strain: float = 0.01  # of a volume move
    drift: float = 0.0
    time: float = 0.0  # ps of dynamics, paths not counted
    force_evaluations: int = 0
    wall: float = 0.0
    failure: str = ""
    records: list[tuple[float, ...]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Unique within a campaign, and fit for file names and HDF5 groups."""
        return f"x{self.x:.6g}_T{self.temperature:g}_seed{self.seed}"

    @property
    def phase(self) -> Phase:
        """Positions and velocities."""
        return Phase(self.positions, self.velocities)


@dataclass(frozen=True)
class MdWorld:
    """What the replicas of one ion order share."""

    lattice: Lattice
    dynamics: Dynamics
    distortions: Distortions
    mixture: WeightedMixture
    md: MdConfig

    @property
    def drifting(self) -> bool:
        """Whether the total momentum is thermal: atoms that stand still on a path take it up."""
        return self.md.mobile_radius is not None

    @property
    def time_step(self) -> float:
        """In ps."""
        return self.md.time_step * FEMTOSECOND

    def masses(self, chain: MdChain) -> Floats:
        """Masses of the atoms in g/mol; a change of charge does not change them."""
        return masses_of(self.lattice.atoms(chain.occupancy)[1])


def begin(chain: MdChain, world: MdWorld) -> None:
    """Give the chain positions and velocities: the reference start, roughly relaxed.

    Raises EngineError where that fails.
    """
    _, species = world.lattice.atoms(chain.occupancy)
    cell = world.distortions.geometry.cell
    start = world.distortions.start(chain.occupancy)
    # the first tenths of an eV/Å matter; the dynamics does the rest
    state = world.dynamics.minimize(cell, start, species, force_tolerance=0.1, max_iterations=2000)
    chain.cell, chain.positions, chain.energy = state.cell, state.positions, state.energy
    chain.force_evaluations += state.force_evaluations
    masses = world.masses(chain)
    chain.velocities = thermal_velocities(masses, chain.temperature, chain.rng, world.drifting)


def step(chain: MdChain, world: MdWorld) -> None:
    """Dynamics, then a volume move (at constant pressure), then a candidate move; recorded.

    Each of them leaves the canonical (isobaric) distribution unchanged.
    """
    dynamics(chain, world)
    path = Attempt(float("nan"))
    if world.md.swaps:
        path = candidate(chain, world, chain.length)
        count = chain.moves.setdefault(path.move, MoveCount())
        count.proposed += 1
        count.accepted += path.accepted
        count.failed += path.failed
    chain.step += 1
    kinetic = kinetic_energy(world.masses(chain), chain.velocities)
    chain.records.append(
        (
            chain.energy,
            kinetic,
            abs(float(np.linalg.det(chain.cell))),
            path.work,
            path.protocol_work,
            float(path.accepted),
            path.outside,
            path.outside_share,
            path.outside_before,
        )
    )
    chain.keys.append(occupancy_key(world.lattice, chain.occupancy))


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
    memory = exp(-md.segment * md.time_step / md.damping)
    start = refreshed(chain.phase, masses, chain.temperature, memory, chain.rng, world.drifting)
    before = chain.energy + kinetic_energy(masses, start.velocities)
    chain.pieces.proposed += 1
    chain.force_evaluations += md.segment
    try:
        end, energy = world.dynamics.trajectory(
            chain.cell, start, species, md.segment, world.time_step
        )
        check_wall(chain.cell, end.positions, world)
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
        check_wall(cell, positions, world)
        added = abs(float(np.linalg.det(cell))) - abs(float(np.linalg.det(chain.cell)))
        assert world.md.pressure is not None
        enthalpy = energy - chain.energy + world.md.pressure / EV_PER_A3_TO_GPA * added
        log_ratio = -enthalpy / (KB * chain.temperature) + (len(positions) + 1) * log(scale[axis])
    except EngineError:
        chain.volumes.failed += 1
    if metropolis_accept(log_ratio, chain.rng):
        chain.cell, chain.positions, chain.energy = cell, positions, energy
        chain.volumes.accepted += 1


@dataclass(frozen=True)
class Attempt:
    """A candidate move that was made. Works in eV, nan where there was no path; outside in Å."""

    work: float
    protocol_work: float = float("nan")
    accepted: bool = False
    failed: bool = False
    move: str = ""
    outside: float = float("nan")
    outside_share: float = float("nan")
    outside_before: float = float("nan")


def candidate(chain: MdChain, world: MdWorld, length: int) -> Attempt:
    """Propose a change of charges and take a path of `length` steps to it; see sampling.candidate.

    A path that fails (NaN, a lost atom) or ends outside the walls is refused: both ways alike.
    """
    move = world.mixture.choose(chain.rng)
    proposal = move.propose(chain.occupancy, chain.rng)
    if proposal is None:
        return Attempt(float("nan"), move=move.name)
    trial = proposal.apply(chain.occupancy)
    seen: list[Floats] = []
    work = protocol = float("nan")
    decided = failed = False
    try:
        path = _path(chain, world, trial, length, seen)
        work, protocol = path.work, path.protocol_work
        check_wall(chain.cell, path.end.positions, world)
        decided = _decide(chain, path, proposal)
    except EngineError:
        failed = True
    if decided:
        chain.occupancy, chain.energy = trial, path.energy
        chain.positions, chain.velocities = path.end.positions, path.end.velocities
        chain.drift += work - protocol
    else:
        chain.velocities = -chain.velocities
    excess = np.array(seen).max(axis=1) if seen else np.array([np.nan])
    return Attempt(
        work,
        protocol,
        decided,
        failed,
        move.name,
        float(excess.max()),
        float((excess > 0).mean()),
        float(excess[0]),
    )


def _decide(chain: MdChain, path: Path, proposal: Proposal) -> bool:
    return accept(path.work, chain.temperature, proposal.log_apriori_ratio, chain.rng)


def _path(
    chain: MdChain, world: MdWorld, trial: Occupancy, length: int, seen: list[Floats]
) -> Path:
    md, distortions = world.md, world.distortions
    _, old = world.lattice.atoms(chain.occupancy)
    _, new = world.lattice.atoms(trial)
    changed = np.flatnonzero(chain.occupancy != trial)
    chain.force_evaluations += 2 * length + 2

    def observe(_: float, positions: Floats) -> None:
        bonds = distortions.mean_bonds(chain.cell, positions, changed)
        seen.append(distortions.outside(bonds))

    world.dynamics.begin(chain.cell, chain.positions, old)
    return switch(
        lambda x: world.dynamics.forces(x, old),
        lambda x: world.dynamics.forces(x, new),
        chain.phase,
        world.masses(chain),
        switching(length, md.schedule),
        world.time_step,
        shift=distortions.escort(chain.occupancy, trial) if md.escort else None,
        mobile=distortions.mobile(chain.occupancy, trial, md.mobile_radius),
        observe=observe,
    )


def check_wall(cell: Floats, positions: Floats, world: MdWorld) -> None:
    """Raise EngineError where an atom is farther from its site than md.site_tolerance."""
    tolerance = world.md.site_tolerance
    if tolerance is not None:
        geometry = world.distortions.geometry
        strain = np.linalg.inv(geometry.cell) @ cell
        sites = (geometry.positions @ strain)[world.distortions.sites]
        check_sites(positions, sites, tolerance)


def temperature_of(chain: MdChain, world: MdWorld) -> float:
    """The kinetic temperature in K."""
    kinetic = kinetic_energy(world.masses(chain), chain.velocities)
    return 2 * kinetic / (degrees_of_freedom(len(chain.positions), world.drifting) * KB)
