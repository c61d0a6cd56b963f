"""What a reader must know before trusting the numbers: charges that were lost, ions that hopped."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from redoxmc.sampling.cache import EnergyCache
from redoxmc.sampling.trace import Trace

Record = dict[str, Any]


def lost_in_steps(cache: EnergyCache, keys: Sequence[str]) -> Record:
    """What "lost_orders" of a Monte Carlo run says. keys: of the states visited, step by step.

    checked: steps in states whose bonds are known. lost: those of them in a state in which an ion
    has the bonds of another charge state. share: lost/checked; null where nothing is known.
    """
    known = [cache[key].lost_charges for key in keys]
    counts = [count for count in known if count is not None]
    return _share(len(counts), sum(count > 0 for count in counts))


def lost_in_states(cache: EnergyCache) -> Record:
    """As lost_in_steps, of the distinct states of a campaign."""
    counts = [e.lost_charges for e in cache.entries.values() if e.lost_charges is not None]
    return _share(len(counts), sum(count > 0 for count in counts))


def lost_in_dynamics(trace: Trace) -> Record:
    """What "lost_orders" of a run of dynamics says: of ions, over means of half a picosecond."""
    checked, lost = (_total(trace, name) for name in ("charges_checked", "charges_lost"))
    return _share(int(checked), int(lost))


def ions_of(trace: Trace) -> Record:
    """What "ions" of a run of dynamics says; null where an earlier version did not look.

    hops: changes of the site that an ion is nearest to, from step to step. away_share: share of
    the steps after which some ion was not nearest to its own site.
    """
    away = trace.column("ions_away")
    away = away[np.isfinite(away)]
    if not len(away):
        return {"hops": None, "away_share": None}
    return {"hops": int(_total(trace, "hops")), "away_share": float((away > 0).mean())}


def have_moved(trace: Trace) -> bool:
    """Whether an ion of a run of dynamics was seen on another site than its own."""
    return _total(trace, "hops") + _total(trace, "ions_away") > 0


def remarks(summary: Record) -> list[str]:
    """Sentences on the runs of a summary, empty where there is nothing to remark."""
    said = []
    moving = summary.get("ensemble") == "md"
    for run in summary["runs"]:
        lost, ions = run.get("lost_orders"), run.get("ions")
        if lost and lost["lost"]:
            of = "judgements of an ion's bonds" if moving else "steps"
            said.append(
                f"{_where(run)}: charge orders are lost: in {lost['lost']} of {lost['checked']} "
                f"{of} ({lost['share']:.1%}) an ion has the bond lengths of its other charge state"
            )
        if ions and (ions["hops"] or ions["away_share"]):
            said.append(
                f"{_where(run)}: {ions['hops']} hops of ions between sites, and "
                f"{ions['away_share']:.1%} of the steps with an ion off its own site: charge "
                "orders are named after sites that the ions have left, so that their counts and "
                "their entropy are not given"
            )
    for loop in summary.get("hysteresis", []):
        if loop["open"]:
            what = "x" if "chemical_potential_eV" in loop else "energy"
            unit = "" if what == "x" else " eV/f.u."
            said.append(
                f"{_point(loop)}: the {what} depends on the start, by "
                f"{loop['difference']:+.2g}{unit}: hysteresis, not equilibrium"
            )
    return said


def _where(run: Record) -> str:
    return f"{_point(run)}, seed {run['seed']}"


def _point(record: Record) -> str:
    potential = record.get("chemical_potential_eV")
    first = f"x = {record['x']:.4g}" if potential is None else f"μ = {potential:g} eV"
    return f"{first}, {record['temperature_K']:g} K"


def _share(checked: int, lost: int) -> Record:
    if not checked:
        return {"checked": 0, "lost": None, "share": None}
    return {"checked": checked, "lost": lost, "share": lost / checked}


def _total(trace: Trace, name: str) -> float:
    return float(np.nansum(trace.column(name)))
