"""Chains of one (x, seed) that run together: alone, or exchanging states between temperatures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from redoxmc.moves.mixture import WeightedMixture
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.sampling.chain import Chain, start, step
from redoxmc.sampling.energies import RelaxedEnergies
from redoxmc.units import KB


@dataclass
class Ladder:
    """Chains by rising temperature. One chain is a plain chain; several exchange states.

    rng: of the exchanges. interval: attempted moves between two exchanges. exchanges: done so far.
    tried, accepted: exchanges between neighbours, (n_chains - 1,).
    """

    chains: list[Chain]
    rng: np.random.Generator
    interval: int
    exchanges: int
    tried: list[int]
    accepted: list[int]

    def finished(self, steps: int) -> bool:
        """Whether no chain has anything left to do."""
        return all(chain.failure or chain.step >= steps for chain in self.chains)


def make_ladder(chains: list[Chain], interval: int) -> Ladder:
    """Bring chains of one (x, seed) together; the exchange generator follows from these two."""
    ordered = sorted(chains, key=lambda chain: chain.temperature)
    sequence = np.random.SeedSequence(ordered[0].seed, spawn_key=(ordered[0].n_ions,))
    gaps = len(ordered) - 1
    return Ladder(ordered, np.random.default_rng(sequence), interval, 0, [0] * gaps, [0] * gaps)


def advance(
    ladder: Ladder,
    energies: RelaxedEnergies,
    mixture: WeightedMixture,
    steps: int,
    stop: Callable[[], bool],
) -> None:
    """Run until every chain has made `steps` attempted moves, or stop() is true after a move.

    Where it stops leaves no trace in the chains: what follows is the same bit for bit.
    """
    while not ladder.finished(steps):
        alive = [chain for chain in ladder.chains if not chain.failure]
        boundary = (ladder.exchanges + 1) * ladder.interval
        exchanging = len(ladder.chains) > 1
        if exchanging and all(chain.step >= boundary for chain in alive):
            _exchange(ladder)  # before the next move, never after the last: a run can be extended
            continue
        target = min(steps, boundary) if exchanging else steps
        for chain in alive:
            if not chain.started:
                start(chain, energies)
                if stop():
                    return
            while not chain.failure and chain.step < target:
                step(chain, energies, mixture)
                if stop():
                    return


def _exchange(ladder: Ladder) -> None:
    """Exchange states of neighbouring temperatures, even pairs and odd pairs in turn.

    Accepted with min(1, exp[(1/kT_i - 1/kT_j)(E_i - E_j)]) (Geyer 1991; Hukushima & Nemoto 1996).
    The temperature and the generator stay with the chain, the state moves.
    """
    for i in range(ladder.exchanges % 2, len(ladder.chains) - 1, 2):
        cold, hot = ladder.chains[i], ladder.chains[i + 1]
        if cold.failure or hot.failure:
            continue
        beta = 1 / (KB * cold.temperature) - 1 / (KB * hot.temperature)
        ladder.tried[i] += 1
        if metropolis_accept(beta * (cold.energy - hot.energy), ladder.rng):
            ladder.accepted[i] += 1
            for name in ("occupancy", "key", "energy"):
                mine, theirs = getattr(cold, name), getattr(hot, name)
                setattr(cold, name, theirs)
                setattr(hot, name, mine)
    ladder.exchanges += 1
