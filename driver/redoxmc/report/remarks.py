"""What a reader must know before trusting the numbers: charges that were lost, ions that hopped."""

from collections.abc import Iterable, Sequence

import numpy as np

from redoxmc.results.runs import IonHops, LostOrders, MdRun
from redoxmc.results.summary import MonteCarloSummary, Summary
from redoxmc.sampling.cache import EnergyCache
from redoxmc.sampling.trace import Trace


def lost_in_steps(cache: EnergyCache, keys: Sequence[str]) -> LostOrders:
    """Of a Monte Carlo run. keys: of the states visited, step by step."""
    return _lost(cache[key].lost_charges for key in keys)


def lost_in_states(cache: EnergyCache) -> LostOrders:
    """Of the distinct states of a campaign."""
    return _lost(entry.lost_charges for entry in cache.entries.values())


def _lost(charges: Iterable[int | None]) -> LostOrders:
    counts = [count for count in charges if count is not None]
    return LostOrders.of(len(counts), sum(count > 0 for count in counts))


def lost_in_dynamics(trace: Trace) -> LostOrders:
    """Of a run of dynamics: of ions, over means of half a picosecond."""
    return LostOrders.of(int(_total(trace, "charges_checked")), int(_total(trace, "charges_lost")))


def ions_of(trace: Trace) -> IonHops:
    """Ions of a run of dynamics that left their sites."""
    away = trace.column("ions_away")
    away = away[np.isfinite(away)]
    if not len(away):
        return IonHops()
    return IonHops(hops=int(_total(trace, "hops")), away_share=(away > 0).mean())


def have_moved(trace: Trace) -> bool:
    """Whether an ion of a run of dynamics was seen on another site than its own."""
    return _total(trace, "hops") + _total(trace, "ions_away") > 0


def remarks(summary: Summary) -> list[str]:
    """Sentences on the runs of a summary, empty where there is nothing to remark."""
    said = []
    for run in summary.runs:
        where = f"{run.where}, {run.temperature_K:g} K, seed {run.seed}"
        lost = run.lost_orders
        if lost.lost:
            of = "judgements of an ion's bonds" if isinstance(run, MdRun) else "steps"
            said.append(
                f"{where}: charge orders are lost: in {lost.lost} of {lost.checked} "
                f"{of} ({lost.share:.1%}) an ion has the bond lengths of its other charge state"
            )
        if isinstance(run, MdRun) and (run.ions.hops or run.ions.away_share):
            said.append(
                f"{where}: {run.ions.hops} hops of ions between sites, and "
                f"{run.ions.away_share:.1%} of the steps with an ion off its own site: charge "
                "orders are named after sites that the ions have left, so that their counts and "
                "their entropy are not given"
            )
    for loop in summary.hysteresis if isinstance(summary, MonteCarloSummary) else ():
        if loop.open:
            said.append(
                f"{loop.where}, {loop.temperature_K:g} K: the {loop.what} depends on the start, by "
                f"{loop.difference:+.2g}{loop.unit}: hysteresis, not equilibrium"
            )
    return said


def _total(trace: Trace, name: str) -> float:
    return float(np.nansum(trace.column(name)))
