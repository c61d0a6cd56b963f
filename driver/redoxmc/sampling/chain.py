"""One Markov chain: advance, propose, look up, decide, record."""

import math
import struct
from dataclasses import dataclass, field

import numpy as np

from redoxmc.moves.mixture import WeightedMixture
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.sampling.energies import Energies, Lookup
from redoxmc.sampling.trace import Trace
from redoxmc.structures.lattice import Lattice, Occupancy
from redoxmc.structures.occupancy import ions_of_key, sites_of_key
from redoxmc.structures.random_levels import random_levels
from redoxmc.units import KB

INITIAL_TRIES = 50  # random states tried for one that relaxes


@dataclass
class MoveCount:
    """Attempts of one move."""

    proposed: int = 0  # how often the move was drawn
    accepted: int = 0  # how often its trial state was taken
    failed: int = 0  # rejections because the trial state has no energy


@dataclass
class Chain:
    """The whole state of a replica at one (x, temperature, seed); plain data, picklable.

    A chain at infinite temperature draws a state of its x at random at every step; one that does
    not relax is recorded with the energy nan.
    """

    x: float  # of the start; only the semigrand ensemble changes it
    n_ions: int  # of the start
    temperature: float  # in K; inf draws states uniformly
    seed: int  # of the campaign; with x and temperature it determines the generator
    rng: np.random.Generator  # generator of this chain
    occupancy: Occupancy  # present state
    key: str = ""  # of the present state's canonical form; empty before the start
    energy: float = float("nan")  # relaxed energy in eV
    step: int = 0  # number of attempted moves
    moves: dict[str, MoveCount] = field(default_factory=dict)  # attempts of each move by its name
    relaxations: int = 0  # how often an energy was computed
    cache_hits: int = 0  # how often it was known
    force_evaluations: int = 0  # of the relaxations
    wall: float = 0.0  # time in s
    # of the state after each attempted move, since they were last taken
    energies: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    failure: str = ""  # why the chain has stopped for good; empty where it has not
    chemical_potential: float | None = None  # eV per ion (with its electrons), None at fixed x
    stiffness: float = 0.0  # eV per redox site, of a variance-constrained semigrand chain
    # the chain begins at that temperature (K) and is cooled to its own over so many attempted moves
    anneal_from: float = 0.0
    anneal_steps: int = 0
    # of walks on a surrogate: the step from which nothing about them changes any more (0: not yet),
    # their length in sweeps and their share of the attempted moves from then on
    settled: int = 0
    sweeps: float = 0.0
    walk_share: float = 0.0

    @property
    def name(self) -> str:
        """Unique within a campaign, and fit for file names and HDF5 groups."""
        what = "uniform" if self.uniform else f"T{self.temperature:g}"
        if self.chemical_potential is not None:
            what = f"mu{self.chemical_potential:.6g}_{what}"
        return f"x{self.x:.6g}_{what}_seed{self.seed}"

    def take_history(self) -> Trace:
        """What happened since this was last asked."""
        taken = Trace(self.energies, self.keys)
        self.energies, self.keys = [], []
        return taken

    @property
    def uniform(self) -> bool:
        """Whether it draws states at random, as at infinite temperature."""
        return math.isinf(self.temperature)

    @property
    def present_temperature(self) -> float:
        """Temperature (K) of the next move: geometric cooling, then the chain's own."""
        if self.step >= self.anneal_steps:
            return self.temperature
        share = self.step / self.anneal_steps
        return self.anneal_from * math.pow(self.temperature / self.anneal_from, share)

    def potential(self, energy: float, key: str) -> float:
        """What the chain accepts on, eV: the energy; E − μ n in the semigrand ensemble.

        With a stiffness κ it is E − μ n + κ n²/N (n ions, N redox sites): the parabola in x makes
        the variance finite where a phase separates, so that μ counts compositions off inside a
        miscibility gap, too. Source: Sadigh & Erhart, Phys. Rev. B 86, 134204 (2012), eq. 9, whose
        φ is −μ/κ here.
        """
        if self.chemical_potential is None:
            return energy
        n = ions_of_key(key)
        plain = energy - self.chemical_potential * n
        return plain + self.stiffness * n * n / sites_of_key(key) if self.stiffness else plain

    @property
    def started(self) -> bool:
        """Whether the initial state has an energy."""
        return bool(self.key)


def make_chain(
    lattice: Lattice,
    x: float,
    ions: Occupancy,
    temperature: float,
    seed: int,
    chemical_potential: float | None = None,
) -> Chain:
    """A chain on a random neutral charge order over the given ion order (n_ion_sites,).

    Its generator depends on (seed, number of ions, temperature, chemical potential) alone, so that
    adding a temperature or a concentration to a campaign changes no other chain. temperature: K,
    inf for uniform draws.
    """
    n_ions = int(ions.sum())
    if math.isinf(temperature):
        spawn_key: tuple[int, ...] = (n_ions, 0, 1)
    else:
        spawn_key = (n_ions, round(temperature * 1e6), *seed_words(chemical_potential))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=spawn_key))
    occupancy = _random_occupancy(lattice, ions, rng)
    chain = Chain(x, n_ions, temperature, seed, rng, occupancy)
    chain.chemical_potential = chemical_potential
    return chain


def seed_words(value: float | None) -> tuple[int, ...]:
    """A number (nothing for None) as what a SeedSequence takes: integers of at least 0."""
    return () if value is None else struct.unpack("<II", struct.pack("<d", value))


def _random_occupancy(lattice: Lattice, ions: Occupancy, rng: np.random.Generator) -> Occupancy:
    n_reduced = lattice.n_reduced(int(ions.sum()))
    assert n_reduced is not None  # ion_count has refused such an x
    return np.concatenate([random_levels(lattice.most, n_reduced, rng), ions])


def start(chain: Chain, energies: Energies, *, any_ions: bool = False) -> None:
    """Give the chain an initial state with an energy; it has failed where none is found.

    any_ions: whether a state that does not relax is followed by one of another ion order too.
    """
    if chain.uniform:
        return  # it needs none
    reason = ""
    for _ in range(INITIAL_TRIES):
        answer = _look_up(chain, energies, chain.occupancy)
        if answer.entry.energy is not None:
            chain.key, chain.energy = answer.key, answer.entry.energy
            return
        reason = answer.entry.reason
        ions = chain.occupancy[energies.lattice.n_redox :]
        if any_ions:
            ions = energies.lattice.random_ions(int(ions.sum()), chain.rng)
        chain.occupancy = _random_occupancy(energies.lattice, ions, chain.rng)
    chain.failure = f"no state of {INITIAL_TRIES} random ones relaxes: {reason}"


def step(chain: Chain, energies: Energies, mixture: WeightedMixture) -> None:
    """One attempted move, accepted with min(1, exp(-dE/kT + log a-priori ratio)).

    dE: of the chain's potential. A chain of uniform draws draws instead.
    """
    if chain.uniform:
        _draw(chain, energies, mixture)
    else:
        _attempt(chain, energies, mixture)
    chain.step += 1
    chain.energies.append(chain.energy)
    chain.keys.append(chain.key)


def _attempt(chain: Chain, energies: Energies, mixture: WeightedMixture) -> None:
    move = mixture.choose(chain.rng)
    count = chain.moves.setdefault(move.name, MoveCount())
    count.proposed += 1
    proposal = move.propose(chain.occupancy, chain.rng)
    if proposal is None:
        return
    trial = proposal.apply(chain.occupancy)
    answer = _look_up(chain, energies, trial)
    if answer.entry.energy is None:
        count.failed += 1
        return
    change = chain.potential(answer.entry.energy, answer.key)
    change -= chain.potential(chain.energy, chain.key)
    log_ratio = -change / (KB * chain.present_temperature)
    if metropolis_accept(log_ratio + proposal.log_apriori_ratio, chain.rng):
        chain.occupancy, chain.key = trial, answer.key
        chain.energy = answer.entry.energy
        count.accepted += 1


def _draw(chain: Chain, energies: Energies, mixture: WeightedMixture) -> None:
    """A uniform draw of the charge order, and of the ion order where the moves change it."""
    lattice = energies.lattice
    ions = chain.occupancy[lattice.n_redox :]
    if mixture.changes_ions and len(lattice.excluded):
        ions = lattice.random_ions(int(ions.sum()), chain.rng)
    elif mixture.changes_ions:
        ions = chain.rng.permutation(ions)
    chain.occupancy = _random_occupancy(lattice, ions, chain.rng)
    answer = _look_up(chain, energies, chain.occupancy)
    count = chain.moves.setdefault("uniform_draw", MoveCount())
    count.proposed += 1
    count.failed += answer.entry.energy is None
    count.accepted += answer.entry.energy is not None
    chain.key = answer.key
    chain.energy = math.nan if answer.entry.energy is None else answer.entry.energy


def _look_up(chain: Chain, energies: Energies, occupancy: Occupancy) -> Lookup:
    before = chain.started and not chain.uniform  # draws know of no state before
    answer = energies.look_up(occupancy, chain.occupancy if before else None)
    if answer.computed:
        chain.relaxations += 1
        chain.force_evaluations += answer.entry.force_evaluations
    else:
        chain.cache_hits += 1
    return answer
