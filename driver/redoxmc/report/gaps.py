"""How temperatures exchange: gaps of a ladder, and the ladder that would work."""

from collections.abc import Callable

import numpy as np

from redoxmc.results.store import Store
from redoxmc.results.summary import Exchange, SemigrandExchange
from redoxmc.sampling.chain import Chain
from redoxmc.sampling.ladder import Ladder
from redoxmc.structures.lattice import Floats
from redoxmc.thermo.exchange import expected_acceptance, suggest_ladder

EARLY = 0.1  # share of a run after which a gap is reported
MIN_TRIED = 5  # exchanges of a pair, before their failure says anything


def gaps(ladder: Ladder) -> list[tuple[float, float]]:
    """Neighbouring temperatures (K) of which no exchange was ever accepted."""
    pairs = zip(ladder.chains[:-1], ladder.chains[1:], ladder.tried, ladder.accepted, strict=True)
    return [
        (cold.temperature, hot.temperature)
        for cold, hot, tried, accepted in pairs
        if tried >= MIN_TRIED and not accepted
    ]


def potentials(store: Store, chain: Chain, steps: int | None = None) -> Floats:
    """What the chain accepted on after each of its first `steps` attempted moves, eV."""
    trace = store.traces.get(chain.name)
    if trace is None:
        return np.empty(0)
    history = zip(trace.energies[:steps], trace.keys[:steps], strict=True)
    return np.array([chain.potential(energy, key) for energy, key in history])


def working_ladder(store: Store, ladder: Ladder, steps: int) -> list[float] | None:
    """The temperatures (K) that the first tenth of a run of `steps` suggests; None without it."""
    first = max(int(EARLY * steps), 1)
    series = [potentials(store, chain, first) for chain in ladder.chains]
    if any(len(own) < first for own in series):
        return None
    settled = [own[len(own) // 2 :] for own in series]  # the start is random
    return suggest_ladder([chain.temperature for chain in ladder.chains], settled)


def exchange_record(store: Store, ladder: Ladder) -> Exchange:
    """How the temperatures of one ladder exchange, and what would work where they do not."""
    first, temperatures = ladder.chains[0], [chain.temperature for chain in ladder.chains]
    series = [potentials(store, chain) for chain in ladder.chains]
    steps = store.header["config"]["sampling"]["steps"]
    ladder_gaps = gaps(ladder)
    matrix = expected_acceptance(temperatures, series)
    record = Exchange(
        x=first.x,
        seed=first.seed,
        temperatures_K=temperatures,
        tried=ladder.tried,
        accepted=ladder.accepted,
        acceptance=[
            a / t if t else None for t, a in zip(ladder.tried, ladder.accepted, strict=True)
        ],
        expected_acceptance=[[round(float(v), 6) for v in row] for row in matrix],
        round_trips=ladder.round_trips,
        gaps_K=[list(pair) for pair in ladder_gaps],
        working_temperatures_K=working_ladder(store, ladder, steps) if ladder_gaps else None,
    )
    if first.chemical_potential is None:
        return record
    return SemigrandExchange(**vars(record), chemical_potential_eV=first.chemical_potential)


class GapWatch:
    """Looks at a running campaign and says once for each x where its ladder leaves gaps."""

    def __init__(self, steps: int, say: Callable[[str], None]):
        self._steps = steps
        self._say = say
        self._looked: set[str] = set()
        self._told: set[float] = set()

    def look(self, store: Store) -> None:
        """Look at the ladders that have a tenth of their steps behind them."""
        for ladder in store.ladders:
            first = min(chain.step for chain in ladder.chains)
            if ladder.name in self._looked or first < EARLY * self._steps:
                continue
            self._looked.add(ladder.name)
            ladder_gaps, x = gaps(ladder), ladder.chains[0].x
            if not ladder_gaps or x in self._told:
                continue
            self._told.add(x)
            pairs = ", ".join(f"{cold:g} and {hot:g} K" for cold, hot in ladder_gaps)
            better = working_ladder(store, ladder, self._steps)
            advice = f"; temperatures = {better} would exchange" if better else ""
            self._say(f"x = {x:g}: no exchange was accepted between {pairs}{advice}")
