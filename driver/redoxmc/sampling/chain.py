"""One Markov chain: advance, propose, look up, decide, record."""

from dataclasses import dataclass, field

import numpy as np

from redoxmc.moves.mixture import WeightedMixture
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.sampling.energies import Lookup, RelaxedEnergies
from redoxmc.structures.lattice import Lattice, Occupancy
from redoxmc.units import KB

INITIAL_TRIES = 50  # random states tried for one that relaxes


@dataclass
class MoveCount:
    """Attempts of one move. failed: rejected because the trial state has no energy."""

    proposed: int = 0
    accepted: int = 0
    failed: int = 0


@dataclass
class Chain:
    """The whole state of a replica at one (x, temperature, seed); plain data, picklable.

    energies, keys: of the state after each attempted move, since they were last taken.
    """

    x: float
    n_ions: int
    temperature: float
    seed: int
    rng: np.random.Generator
    occupancy: Occupancy
    key: str = ""
    energy: float = float("nan")
    step: int = 0
    moves: dict[str, MoveCount] = field(default_factory=dict)
    relaxations: int = 0
    cache_hits: int = 0
    force_evaluations: int = 0
    wall: float = 0.0
    energies: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    failure: str = ""

    @property
    def name(self) -> str:
        """Unique within a campaign, and fit for file names and HDF5 groups."""
        return f"x{self.x:.6g}_T{self.temperature:g}_seed{self.seed}"

    @property
    def started(self) -> bool:
        """Whether the initial state has an energy."""
        return bool(self.key)


def make_chain(lattice: Lattice, x: float, ions: Occupancy, temperature: float, seed: int) -> Chain:
    """A chain on a random neutral charge order over the given ion order (n_ion_sites,).

    Its generator depends on (seed, number of ions, temperature) alone, so that adding a
    temperature or a concentration to a campaign changes no other chain.
    """
    n_ions = int(ions.sum())
    sequence = np.random.SeedSequence(seed, spawn_key=(n_ions, round(temperature * 1e6)))
    rng = np.random.default_rng(sequence)
    return Chain(x, n_ions, temperature, seed, rng, _random_occupancy(lattice, ions, rng))


def _random_occupancy(lattice: Lattice, ions: Occupancy, rng: np.random.Generator) -> Occupancy:
    n_reduced = lattice.n_reduced(int(ions.sum()))
    assert n_reduced is not None  # ion_count has refused such an x
    charges = np.zeros(lattice.n_redox, dtype=np.int8)
    charges[rng.permutation(lattice.n_redox)[:n_reduced]] = 1
    return np.concatenate([charges, ions])


def start(chain: Chain, energies: RelaxedEnergies) -> None:
    """Give the chain an initial state with an energy; it has failed where none is found."""
    reason = ""
    for _ in range(INITIAL_TRIES):
        found = _look_up(chain, energies, chain.occupancy)
        if found.entry.energy is not None:
            chain.key, chain.energy = found.key, found.entry.energy
            return
        reason = found.entry.reason
        ions = chain.occupancy[energies.lattice.n_redox :]
        chain.occupancy = _random_occupancy(energies.lattice, ions, chain.rng)
    chain.failure = f"no state of {INITIAL_TRIES} random ones relaxes: {reason}"


def step(chain: Chain, energies: RelaxedEnergies, mixture: WeightedMixture) -> None:
    """One attempted move, accepted with min(1, exp(-dE/kT + log a-priori ratio))."""
    move = mixture.choose(chain.rng)
    count = chain.moves.setdefault(move.name, MoveCount())
    count.proposed += 1
    proposal = move.propose(chain.occupancy, chain.rng)
    if proposal is not None:
        trial = proposal.apply(chain.occupancy)
        found = _look_up(chain, energies, trial)
        if found.entry.energy is None:
            count.failed += 1
        else:
            log_ratio = -(found.entry.energy - chain.energy) / (KB * chain.temperature)
            if metropolis_accept(log_ratio + proposal.log_apriori_ratio, chain.rng):
                chain.occupancy, chain.key = trial, found.key
                chain.energy = found.entry.energy
                count.accepted += 1
    chain.step += 1
    chain.energies.append(chain.energy)
    chain.keys.append(chain.key)


def _look_up(chain: Chain, energies: RelaxedEnergies, occupancy: Occupancy) -> Lookup:
    found = energies.look_up(occupancy, chain.occupancy if chain.started else None)
    if found.computed:
        chain.relaxations += 1
        chain.force_evaluations += found.entry.force_evaluations
    else:
        chain.cache_hits += 1
    return found
