"""Chains of one (x, seed) that run together: alone, or exchanging states.

They exchange between neighbouring temperatures, in the semigrand ensemble between neighbouring
chemical potentials as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from redoxmc.moves.mixture import WeightedMixture
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.sampling.chain import Chain, seed_words, start, step
from redoxmc.sampling.energies import Energies
from redoxmc.units import KB

UP, DOWN = 1, -1


@dataclass(frozen=True)
class Line:
    """Chains of a ladder that differ in one quantity; neighbours exchange."""

    chains: tuple[int, ...]  # their places, by rising quantity
    pairs: tuple[int, ...]  # the place in tried and accepted of each two neighbours
    in_potential: bool  # whether it is the chemical potential, else the temperature


@dataclass
class Ladder:
    """One chain is a plain chain; several exchange states."""

    chains: list[Chain]  # by rising chemical potential, and temperature within one
    lines: list[Line]  # follow from the chains: first those in temperature
    rng: np.random.Generator  # generator of the exchanges
    interval: int  # attempted moves between two exchanges
    exchanges: int  # number of rounds of exchanges so far
    tried: list[int]  # number of exchanges of each pair of neighbours, line by line
    accepted: list[int]  # of these
    # which walker (the label that goes with a state when it is exchanged) is at each chain
    walkers: list[int]
    # by walker, the end of the ladder where it was last: UP (on its way up: the coldest), DOWN (the
    # hottest, and the coldest before), 0 (none); of one temperature, those of lowest and highest
    # chemical potential
    ends: list[int]
    # by walker, how often it went from the first to the last of these ends and back
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

    The exchange generator follows from these. Chains of several chemical potentials have all the
    same temperatures.
    """
    ordered = sorted(chains, key=lambda chain: (chain.chemical_potential or 0.0, chain.temperature))
    first, n = ordered[0], len(ordered)
    lines = _lines(ordered)
    words = seed_words(first.chemical_potential)
    if any(line.in_potential for line in lines):
        words = (3,)  # of all potentials together
    spawn_key = (first.n_ions, *words)
    rng = np.random.default_rng(np.random.SeedSequence(first.seed, spawn_key=spawn_key))
    gaps = [0] * sum(len(line.pairs) for line in lines)
    ladder = Ladder(
        ordered, lines, rng, interval, 0, gaps, gaps.copy(), list(range(n)), [0] * n, [0] * n
    )
    for chain in _ends(ladder)[0]:
        ladder.ends[chain] = UP
    return ladder


def _lines(chains: Sequence[Chain]) -> list[Line]:
    """The lines of chains that are sorted by chemical potential and temperature."""
    places = range(len(chains))
    columns = [
        [i for i in places if chains[i].chemical_potential == mu] for mu in _potentials(chains)
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    lines, n = [], 0
    for members, in_potential in [(c, False) for c in columns] + [(r, True) for r in rows]:
        if len(members) > 1:
            pairs = tuple(range(n, n + len(members) - 1))
            lines.append(Line(tuple(members), pairs, in_potential))
            n += len(pairs)
    return lines


def _potentials(chains: Sequence[Chain]) -> list[float | None]:
    return list(dict.fromkeys(chain.chemical_potential for chain in chains))


def _ends(ladder: Ladder) -> tuple[list[int], list[int]]:
    """Places of the chains at which walks up and down a ladder begin and turn."""
    along = ladder.lines[0].in_potential if ladder.lines else False
    lines = [line.chains for line in ladder.lines if line.in_potential == along]
    return [line[0] for line in lines] or [0], [line[-1] for line in lines] or [0]


def advance(
    ladder: Ladder,
    energies: Energies,
    mixture: WeightedMixture,
    steps: int,
    stop: Callable[[], bool],
    own: Callable[[Chain], WeightedMixture] | None = None,
) -> None:
    """Run until every chain has made `steps` attempted moves, or stop() is true after a move.

    own: the moves of a chain, where they are not the mixture for all; asked once.

    Where it stops leaves no trace in the chains: what follows is the same bit for bit.
    """
    mixtures = {
        chain.name: (own(chain) if own else mixture).at(
            chain.temperature, chain.chemical_potential, chain.stiffness
        )
        for chain in ladder.chains
    }
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
                step(chain, energies, mixtures[chain.name])
                if stop():
                    return


def _exchange(ladder: Ladder) -> None:
    """Exchange states of neighbours: even pairs and odd pairs in turn, in each quantity in turn.

    The temperature, the chemical potential and the generator stay with the chain, the state moves.
    """
    kinds = sorted({line.in_potential for line in ladder.lines})
    kind, odd = divmod(ladder.exchanges % (2 * len(kinds)), 2)
    for line in ladder.lines:
        if line.in_potential != kinds[kind]:
            continue
        for k in range(odd, len(line.pairs), 2):
            i, j = line.chains[k], line.chains[k + 1]
            first, second = ladder.chains[i], ladder.chains[j]
            if first.failure or second.failure:
                continue
            ladder.tried[line.pairs[k]] += 1
            if metropolis_accept(exchange_log_ratio(first, second), ladder.rng):
                ladder.accepted[line.pairs[k]] += 1
                walkers = ladder.walkers
                walkers[i], walkers[j] = walkers[j], walkers[i]
                for name in ("occupancy", "key", "energy"):
                    mine, theirs = getattr(first, name), getattr(second, name)
                    setattr(first, name, theirs)
                    setattr(second, name, mine)
    ladder.exchanges += 1
    _count_round_trips(ladder)


def exchange_log_ratio(first: Chain, second: Chain) -> float:
    """The logarithm of what an exchange of two chains' states, a and b, is accepted with, below 1.

    The chains are independent but for exchanges: their joint distribution is the product of
    exp(−β_i U_i), with U_i = E − μ_i n + κ n²/N of semigrand chains and the energy else. So the
    ratio is exp(β_1 [U_1(a) − U_1(b)] + β_2 [U_2(b) − U_2(a)]) (Geyer 1991; Hukushima & Nemoto
    1996; with several potentials Yan & de Pablo, J. Chem. Phys. 111, 9509 (1999)). It is written
    as (β_1 − β_2) [U_1(a) − U_1(b)] + β_2 {[U_1 − U_2](a) − [U_1 − U_2](b)}: between temperatures
    the second part is exactly 0, between potentials the first, and the second −Δμ Δn/k_BT.
    """
    a, b = (first.energy, first.key), (second.energy, second.key)
    beta = 1 / (KB * first.temperature) - 1 / (KB * second.temperature)
    gain = first.potential(*a) - first.potential(*b)
    cross = (first.potential(*a) - second.potential(*a)) - (
        first.potential(*b) - second.potential(*b)
    )
    return beta * gain + cross / (KB * second.temperature)


def _count_round_trips(ladder: Ladder) -> None:
    begins, turns = _ends(ladder)
    for walker in [ladder.walkers[place] for place in turns]:
        if ladder.ends[walker] == UP:
            ladder.ends[walker] = DOWN
    for walker in [ladder.walkers[place] for place in begins]:
        if ladder.ends[walker] == DOWN:
            ladder.round_trips[walker] += 1
        ladder.ends[walker] = UP
