"""How chains exchange: gaps of a ladder, and the temperatures that would work."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from redoxmc.results.mixing import Exchange, PotentialExchange, SemigrandExchange
from redoxmc.results.store import Store
from redoxmc.sampling.chain import Chain
from redoxmc.sampling.ladder import Ladder, Line
from redoxmc.structures.lattice import Floats
from redoxmc.thermo.exchange import expected_acceptance, suggest_ladder

EARLY = 0.1  # share of a run after which a gap is reported
MIN_TRIED = 5  # exchanges of a pair, before their failure says anything


def gaps(ladder: Ladder) -> list[tuple[float, float]]:
    """Neighbouring temperatures (K) of which no exchange was ever accepted."""
    lines = [line for line in ladder.lines if not line.in_potential]
    return [pair for line in lines for pair in _gaps(ladder, line)]


def _gaps(ladder: Ladder, line: Line) -> list[tuple[float, float]]:
    values = _values(ladder, line)
    return [
        pair
        for n, pair in zip(line.pairs, pairwise(values), strict=True)
        if ladder.tried[n] >= MIN_TRIED and not ladder.accepted[n]
    ]


def _values(ladder: Ladder, line: Line) -> list[float]:
    """The temperatures (K) or chemical potentials (eV) of a line."""
    chains = [ladder.chains[n] for n in line.chains]
    return [(c.chemical_potential or 0.0) if line.in_potential else c.temperature for c in chains]


def potentials(store: Store, chain: Chain, steps: int | None = None) -> Floats:
    """What the chain accepted on after each of its first `steps` attempted moves, eV."""
    trace = store.traces.get(chain.name)
    if trace is None:
        return np.empty(0)
    history = zip(trace.energies[:steps], trace.keys[:steps], strict=True)
    return np.array([chain.potential(energy, key) for energy, key in history])


def working_ladder(
    store: Store, ladder: Ladder, steps: int, line: Line | None = None
) -> list[float] | None:
    """The temperatures (K) that the first tenth of a run of `steps` suggests; None without it.

    line: of them, the first one of the ladder by default.
    """
    first = max(int(EARLY * steps), 1)
    chains = [ladder.chains[n] for n in (line or ladder.lines[0]).chains]
    series = [potentials(store, chain, first) for chain in chains]
    if any(len(own) < first for own in series):
        return None
    settled = [own[len(own) // 2 :] for own in series]  # the start is random
    return suggest_ladder([chain.temperature for chain in chains], settled)


def exchange_records(store: Store, ladder: Ladder) -> list[Exchange]:
    """How the temperatures of a ladder exchange, and what would work where they do not."""
    return [_in_temperature(store, ladder, one) for one in ladder.lines if not one.in_potential]


def _in_temperature(store: Store, ladder: Ladder, line: Line) -> Exchange:
    chains = [ladder.chains[n] for n in line.chains]
    first, temperatures = chains[0], _values(ladder, line)
    series = [potentials(store, chain) for chain in chains]
    steps = store.header["config"]["sampling"]["steps"]
    line_gaps = _gaps(ladder, line)
    matrix = expected_acceptance(temperatures, series)
    record = Exchange(
        x=first.x,
        seed=first.seed,
        temperatures_K=temperatures,
        **_counts(ladder, line),
        expected_acceptance=[[round(float(v), 6) for v in row] for row in matrix],
        round_trips=ladder.round_trips,
        gaps_K=[list(pair) for pair in line_gaps],
        working_temperatures_K=working_ladder(store, ladder, steps, line) if line_gaps else None,
    )
    if first.chemical_potential is None:
        return record
    return SemigrandExchange(**vars(record), chemical_potential_eV=first.chemical_potential)


def potential_exchange_records(ladder: Ladder) -> list[PotentialExchange]:
    """How the chemical potentials of a ladder exchange, for each temperature."""
    return [
        PotentialExchange(
            x=ladder.chains[0].x,
            seed=ladder.chains[0].seed,
            temperature_K=ladder.chains[line.chains[0]].temperature,
            chemical_potentials_eV=_values(ladder, line),
            **_counts(ladder, line),
            round_trips=ladder.round_trips,
            gaps_eV=[list(pair) for pair in _gaps(ladder, line)],
        )
        for line in ladder.lines
        if line.in_potential
    ]


def _counts(ladder: Ladder, line: Line) -> dict[str, list[Any]]:
    tried, accepted = ([part[n] for n in line.pairs] for part in (ladder.tried, ladder.accepted))
    shares = [a / t if t else None for t, a in zip(tried, accepted, strict=True)]
    return {"tried": tried, "accepted": accepted, "acceptance": shares}


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
