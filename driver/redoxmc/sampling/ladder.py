"""Chains of one (x, seed) that run together: alone, or exchanging states between temperatures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from redoxmc.moves.mixture import WeightedMixture
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.sampling.chain import Chain, seed_words, start, step
from redoxmc.sampling.energies import Energies
from redoxmc.units import KB

UP, DOWN = 1, -1


@dataclass
class Ladder:
    """One chain is a plain chain; several exchange states."""

    chains: list[Chain]  # by rising temperature
    rng: np.random.Generator  # generator of the exchanges
    interval: int  # attempted moves between two exchanges
    exchanges: int  # number of rounds of exchanges so far
    tried: list[int]  # number of exchanges between neighbours, (n_chains - 1,)
    accepted: list[int]  # of these
    # which walker (the label that goes with a state when it is exchanged) is at each temperature
    walkers: list[int]
    # by walker, the end of the ladder where it was last: UP (on its way up: the coldest), DOWN (the
    # hottest, and the coldest before), 0 (none)
    ends: list[int]
    # by walker, how often it went from the coldest to the hottest temperature and back
    round_trips: list[int]

    @property
    def name(self) -> str:
        """Unique within a campaign."""
        return self.chains[0].name

    def finished(self, steps: int) -> bool:
        """Whether no chain has anything left to do."""
        return all(chain.failure or chain.step >= steps for chain in self.chains)


def make_ladder(chains: list[Chain], interval: int) -> Ladder:
    """Bring chains of one (x, seed), or (x, seed, chemical potential), together.

    The exchange generator follows from these.
    """
    ordered = sorted(chains, key=lambda chain: chain.temperature)
    first, n = ordered[0], len(ordered)
    spawn_key = (first.n_ions, *seed_words(first.chemical_potential))
    rng = np.random.default_rng(np.random.SeedSequence(first.seed, spawn_key=spawn_key))
    gaps = [0] * (n - 1)
    walkers, ends = list(range(n)), [UP] + [0] * (n - 1)
    return Ladder(ordered, rng, interval, 0, gaps, gaps.copy(), walkers, ends, [0] * n)


def advance(
    ladder: Ladder,
    energies: Energies,
    mixture: WeightedMixture,
    steps: int,
    stop: Callable[[], bool],
) -> None:
    """Run until every chain has made `steps` attempted moves, or stop() is true after a move.

    Where it stops leaves no trace in the chains: what follows is the same bit for bit.
    """
    mixtures = {chain.temperature: mixture.at(chain.temperature) for chain in ladder.chains}
    while not ladder.finished(steps):
        alive = [chain for chain in ladder.chains if not chain.failure]
        boundary = (ladder.exchanges + 1) * ladder.interval
        exchanging = len(ladder.chains) > 1
        if exchanging and all(chain.step >= boundary for chain in alive):
            _exchange(ladder)  # before the next move, never after the last: a run can be extended
            continue
        target = min(steps, boundary) if exchanging else steps
        for chain in alive:
            if not chain.started and not chain.uniform:
                start(chain, energies, any_ions=mixture.changes_ions)
                if stop():
                    return
            while not chain.failure and chain.step < target:
                step(chain, energies, mixtures[chain.temperature])
                if stop():
                    return


def _exchange(ladder: Ladder) -> None:
    """Exchange states of neighbouring temperatures, even pairs and odd pairs in turn.

    Accepted with min(1, exp[(1/kT_i - 1/kT_j)(E_i - E_j)]) (Geyer 1991; Hukushima & Nemoto 1996),
    with E − μ n_ions for E in the semigrand ensemble. The temperature and the generator stay with
    the chain, the state moves.
    """
    for i in range(ladder.exchanges % 2, len(ladder.chains) - 1, 2):
        cold, hot = ladder.chains[i], ladder.chains[i + 1]
        if cold.failure or hot.failure:
            continue
        beta = 1 / (KB * cold.temperature) - 1 / (KB * hot.temperature)
        ladder.tried[i] += 1
        gain = cold.potential(cold.energy, cold.key) - hot.potential(hot.energy, hot.key)
        if metropolis_accept(beta * gain, ladder.rng):
            ladder.accepted[i] += 1
            walkers = ladder.walkers
            walkers[i], walkers[i + 1] = walkers[i + 1], walkers[i]
            for name in ("occupancy", "key", "energy"):
                mine, theirs = getattr(cold, name), getattr(hot, name)
                setattr(cold, name, theirs)
                setattr(hot, name, mine)
    ladder.exchanges += 1
    _count_round_trips(ladder)


def _count_round_trips(ladder: Ladder) -> None:
    coldest, hottest = ladder.walkers[0], ladder.walkers[-1]
    if ladder.ends[hottest] == UP:
        ladder.ends[hottest] = DOWN
    if ladder.ends[coldest] == DOWN:
        ladder.round_trips[coldest] += 1
    ladder.ends[coldest] = UP
