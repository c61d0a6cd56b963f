"""A two-state system whose free energies are known: ions in wells that depend on their charge."""

from dataclasses import dataclass, field

import numpy as np

from redoxmc.config.dynamics import MdConfig
from redoxmc.dynamics.phase import MVV2E, Phase, masses_of
from redoxmc.dynamics.replica import MdChain, MdWorld
from redoxmc.engines.lammps import State
from redoxmc.errors import EngineError
from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.electron_transfer import ElectronTransfer
from redoxmc.moves.mixture import WeightedMixture
from redoxmc.species import Species
from redoxmc.structures.enumeration import charge_orders
from redoxmc.structures.lattice import Lattice
from redoxmc.structures.occupancy import occupancy_key
from redoxmc.units import KB

FE2, FE3, NA = (Species.parse(name) for name in ("Fe2+", "Fe3+", "Na+"))
CELL = 20.0 * np.eye(3)
SITES = np.array([[5.0, 5.0, 5.0], [12.0, 5.0, 5.0], [8.0, 12.0, 5.0]])


def toy_lattice():
    return Lattice(
        CELL,
        SITES / 20.0,
        (FE2, FE2, NA),
        np.array([0, 1]),
        np.array([2]),
        ((FE3, FE2),) * 2,
        "Fe2Na",
        1,
    )


@dataclass
class Wells:
    """U = Σ_i level + ½ k |x_i - site_i - centre|², with level, k and centre by site and charge.

    F of a charge order is Σ_i level_i + (3/2) kT ln k_i, but for what both orders share.
    """

    levels: dict = field(default_factory=lambda: {(0, FE2): 0.0, (1, FE2): -0.03})  # eV
    stiffness: dict = field(
        default_factory=lambda: {(0, FE2): 4.0, (0, FE3): 9.0, (1, FE2): 5.0, (1, FE3): 5.0}
    )  # eV/Å^2
    centres: dict = field(
        default_factory=lambda: {FE2: np.array([0.35, 0.0, 0.0]), FE3: np.array([0.0, 0.2, -0.2])}
    )  # Å
    calls: int = 0
    known: dict = field(default_factory=dict)

    def forces(self, positions, species):
        self.calls += 1
        level, k, minima = self._wells(tuple(species))
        away = positions - minima
        energy = level + 0.5 * float(k @ np.einsum("ij,ij->i", away, away))
        if not np.isfinite(energy):
            raise EngineError("the energy is not a number")
        return energy, -k[:, None] * away

    def _wells(self, species):
        if species not in self.known:
            numbered = list(enumerate(species))
            level = sum(self.levels.get(pair, 0.0) for pair in numbered)
            k = np.array([self.stiffness.get(pair, 3.0) for pair in numbered])
            centres = np.array([self.centres.get(one, np.zeros(3)) for one in species])
            self.known[species] = level, k, SITES + centres
        return self.known[species]

    def begin(self, cell, positions, species):
        pass

    def local(self, cell, positions, before, after, mobile):
        return None

    def trajectory(self, cell, start, species, steps, time_step):
        masses = masses_of(species)[:, None] * MVV2E
        x, v = start.positions, start.velocities
        energy, force = self.forces(x, species)
        for _ in range(steps):
            v = v + 0.5 * time_step * force / masses
            x = x + time_step * v
            energy, force = self.forces(x, species)
            v = v + 0.5 * time_step * force / masses
        return Phase(x, v), energy

    def minimize(self, cell, positions, species, *, force_tolerance, max_iterations):
        x = self._wells(tuple(species))[2]
        energy, forces = self.forces(x, species)
        return State(energy, cell, x, forces, np.zeros(6), 1)

    def free_energy_difference(self, temperature):
        """F of the order 01 less that of 10, in eV."""
        k, kt = self.stiffness, KB * temperature
        entropic = np.log(k[1, FE2] * k[0, FE3] / (k[0, FE2] * k[1, FE3]))
        return self.levels[1, FE2] - self.levels[0, FE2] + 1.5 * kt * entropic


@dataclass(frozen=True)
class WellDistortions:
    """Stands for engines.md_distortion.Distortions on the wells; the escort is imperfect."""

    lattice: Lattice
    centres: dict
    share: float = 0.7

    @property
    def geometry(self):
        from redoxmc.structures.host import HostGeometry

        return HostGeometry(CELL, SITES)

    @property
    def sites(self):
        return np.arange(3)

    def start(self, occupancy):
        return SITES.copy()

    def escort(self, before, after):
        species = self.lattice.atoms(before)[1], self.lattice.atoms(after)[1]
        ends = [np.array([self.centres.get(s, np.zeros(3)) for s in one]) for one in species]
        return self.share * (ends[1] - ends[0])

    def mobile(self, before, after, radius):
        return None if radius is None else np.array([1.0, 1.0, float(radius > 50.0)])

    def mean_bonds(self, cell, positions, entries):
        return np.linalg.norm(positions[entries] - SITES[entries], axis=1)

    def outside(self, bonds, entries):
        return np.maximum(bonds - 0.5, 0.0)


def toy_world(wells=None, **md):
    """A world of the wells. The wells hold the centre of mass, so the total momentum is thermal."""
    wells = wells or Wells()
    lattice = toy_lattice()
    settings = {"mobile_radius": 100.0, "time_step": 5.0, "damping": 20.0, "segment": 4}
    settings |= {"interval": 1, "protocol_steps": 6} | md
    return MdWorld(
        lattice,
        wells,
        WellDistortions(lattice, wells.centres),
        WeightedMixture([ChargeSwap(2)], [1.0]),
        MdConfig(**settings),
    )


def toy_chain(temperature=600.0, seed=1):
    occupancy = np.array([1, 0, 1], dtype=np.int8)
    return MdChain(1.0, 1, temperature, seed, np.random.default_rng(seed), occupancy)


def couples_world():
    """Three wells: Fe and Mn of two charge states each, Ni of three; two electrons in all."""
    names = ("Mn2+", "Mn3+", "Ni2+", "Ni3+", "Ni4+")
    mn2, mn3, ni2, ni3, ni4 = (Species.parse(name) for name in names)
    lattice = Lattice(
        CELL,
        SITES / 20.0,
        (FE2, mn2, ni2),
        np.array([0, 1, 2]),
        np.array([], dtype=np.int64),
        ((FE3, FE2), (mn3, mn2), (ni4, ni3, ni2)),
        "FeMnNi",
        1,
    )
    wells = Wells(
        levels={(0, FE2): 0.0, (1, mn2): -0.02, (2, ni3): 0.01, (2, ni2): 0.05},
        stiffness={(0, FE2): 4.0, (0, FE3): 6.0, (1, mn2): 5.0, (1, mn3): 7.0, (2, ni3): 4.0},
        centres={FE2: np.array([0.2, 0.0, 0.0]), mn3: np.array([0.0, 0.1, -0.1])},
    )
    world = toy_world(wells)
    return MdWorld(
        lattice,
        wells,
        WellDistortions(lattice, wells.centres),
        WeightedMixture([ElectronTransfer(lattice.most)], [1.0]),
        world.md,
    )


def couples_weights(world, temperature):
    """Boltzmann weight of every charge order of couples_world, by raw key."""
    weights = {}
    for levels in charge_orders(world.lattice.most.tolist(), 2):
        occupancy = np.array(levels, dtype=np.int8)
        species = world.lattice.atoms(occupancy)[1]
        level, k, _ = world.dynamics._wells(species)
        weights[occupancy_key(world.lattice, occupancy)] = np.exp(-level / (KB * temperature)) / (
            np.prod(k**1.5)
        )
    total = sum(weights.values())
    return {key: weight / total for key, weight in weights.items()}
