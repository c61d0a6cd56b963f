"""One replica of molecular dynamics with charge swaps: its state, and what replicas share."""

from dataclasses import dataclass, field
from math import exp

import numpy as np

from redoxmc.config.dynamics import FEMTOSECOND, MdConfig
from redoxmc.dynamics.distortion import Distortions
from redoxmc.dynamics.phase import Phase, masses_of, thermal_velocities
from redoxmc.dynamics.session import Dynamics
from redoxmc.dynamics.watch import Memory, Watch
from redoxmc.engines.relaxed import check_sites
from redoxmc.moves.mixture import WeightedMixture
from redoxmc.sampling.chain import MoveCount
from redoxmc.sampling.trace import ENERGY, Trace
from redoxmc.structures.lattice import Floats, Lattice, Occupancy

COLUMNS = (
    ENERGY,  # potential
    "kinetic_eV",
    "volume_A3",
    "work_eV",  # of the candidate move; nan where none was made or its path failed
    "protocol_work_eV",
    "accepted",
    "outside_A",  # farthest that a changing ion's mean bond length got from the training range
    "outside_share",  # part of the path spent there
    "outside_before_A",  # the same of the same ions before the path
    "time_ps",  # of dynamics so far, paths not counted
    "drift_eV",  # what the integrator added to the conserved quantity so far
    # of dynamics.watch, after the step; nan in results of earlier versions
    "hops",
    "ions_away",
    "charges_checked",
    "charges_lost",
)


@dataclass(frozen=True)
class Snapshot:
    """A moment of a chain, named as there. step: that it was taken after."""

    step: int
    energy: float
    occupancy: Occupancy
    cell: Floats
    positions: Floats
    velocities: Floats


@dataclass
class MdChain:
    """The whole state of a replica at one (x, temperature, seed); plain data, picklable.

    cell: (3, 3) Å.
    positions, velocities: (n, 3) Å, Å/ps.
    energy: potential, eV.
    length: steps of a path, 0 while it is not chosen.
    pilots: expected acceptance by length.
    drift: what the integrator added to the conserved quantity, eV.
    lowest: the step of lowest potential energy.
    memory: where ions and bonds were, see dynamics.watch.
    records: one row of COLUMNS, and raw_keys the state as it is (not canonical), for each step
        since they were last taken.
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
    lowest: Snapshot | None = None
    memory: Memory | None = None
    records: list[tuple[float, ...]] = field(default_factory=list)
    raw_keys: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Unique within a campaign, and fit for file names and HDF5 groups."""
        return f"x{self.x:.6g}_T{self.temperature:g}_seed{self.seed}"

    @property
    def chains(self) -> "list[MdChain]":
        """Itself: a replica of dynamics is one chain."""
        return [self]

    def finished(self, steps: int) -> bool:
        """Whether it has nothing left to do."""
        return bool(self.failure) or self.step >= steps

    def take_history(self) -> Trace:
        """What happened since this was last asked."""
        columns = dict(zip(COLUMNS, map(list, zip(*self.records, strict=True)), strict=False))
        taken = Trace(columns.pop(ENERGY, []), [], self.raw_keys, columns)
        self.records, self.raw_keys = [], []
        return taken

    @property
    def phase(self) -> Phase:
        """Positions and velocities."""
        return Phase(self.positions, self.velocities)

    def snapshot(self) -> Snapshot:
        """The present moment; its arrays are shared, as a chain replaces its own."""
        return Snapshot(
            self.step, self.energy, self.occupancy, self.cell, self.positions, self.velocities
        )


@dataclass(frozen=True)
class MdWorld:
    """What the replicas of one ion order share."""

    lattice: Lattice
    dynamics: Dynamics
    distortions: Distortions
    mixture: WeightedMixture
    md: MdConfig
    watch: Watch | None = None

    @property
    def drifting(self) -> bool:
        """Whether the total momentum is thermal: atoms that stand still on a path take it up."""
        return self.md.mobile_radius is not None

    @property
    def time_step(self) -> float:
        """In ps."""
        return self.md.time_step * FEMTOSECOND

    @property
    def memory(self) -> float:
        """Part of the velocities that is left when they are refreshed after a piece."""
        return exp(-self.md.segment * self.md.time_step / self.md.damping)

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


def check_sites_kept(cell: Floats, positions: Floats, world: MdWorld) -> None:
    """Raise EngineError where an atom is farther from its site than md.site_tolerance."""
    tolerance = world.md.site_tolerance
    if tolerance is not None:
        geometry = world.distortions.geometry
        strain = np.linalg.inv(geometry.cell) @ cell
        sites = (geometry.positions @ strain)[world.distortions.sites]
        check_sites(positions, sites, tolerance)
