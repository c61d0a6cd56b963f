"""Charge assignment after optimization, and the distribution of relaxed energies over orders."""

from functools import partial
from typing import Any

import numpy as np

from model_comparison.compared_model import ComparedModel
from model_comparison.orders import distinct_orders
from model_comparison.records import Record
from model_comparison.relaxations import COLUMNS, final_order, kept, relax_order
from model_comparison.settings import Settings, StatesSettings
from redoxmc.campaign.progress import track
from redoxmc.structures.occupancy import ions_of_key, reduced_of_key
from redoxmc.thermo.entropy import canonical_averages, finite_size_entropy

Entries = dict[str, Record]
SAME = 1e-3  # eV per cell: relaxed energies that lie closer are one value


def measure_states(model: ComparedModel, states: StatesSettings) -> dict[str, Any]:
    """Relax every order from every start, and look at the orders and energies that come out.

    The keys of the result are: `assignment`, one row for each concentration and start; `spread` and
    `distribution`, one row for each concentration; `relaxations`, all of them.
    """
    records = model.records(states.part, states.supercell)
    cell = model.supercell(states.supercell)
    jobs, spaces = [], {}
    for x in states.concentrations:
        spaces[x] = distinct_orders(cell, states, x)
        rng = np.random.default_rng(1)
        keys = [list(spaces[x])[k] for k in rng.permutation(len(spaces[x]))]
        jobs += [(x, key, "reference") for key in keys]
        for key in keys[: states.others]:
            jobs += [(x, key, start) for start in ("symmetric", *_rattled(states))]
    for _, key, start in track(jobs, f"{model.name}: {states.name}", show=True):
        n_ions = ions_of_key(key)
        name = f"{key}/{start}"
        records.get(name, partial(_relax, model, states, n_ions, key, start))
    entries = records.entries
    rows = [_assignment(x, jobs, entries, model.settings) for x in states.concentrations]
    return {
        "states": states.name,
        "assignment": [row for part in rows for row in part],
        "spread": [_spread(x, jobs, entries) for x in states.concentrations],
        "distribution": [
            _distribution(states, x, spaces[x], entries, model)
            for x in states.concentrations
            if states.distribution
        ],
        "relaxations": [
            {
                "x": x,
                "order": key,
                "start": start,
                "end": {
                    by: final_order(key, entries[f"{key}/{start}"], model.settings, by)
                    for by in COLUMNS
                },
                **_small(entries[f"{key}/{start}"]),
            }
            for x, key, start in jobs
        ],
    }


def _relax(
    model: ComparedModel, states: StatesSettings, n_ions: int, key: str, start: str
) -> dict[str, Any]:
    return relax_order(model, model.engine(states.supercell, n_ions), key, start)


def _small(record: Record) -> Record:
    """A record without its geometry."""
    return {k: v for k, v in record.items() if k not in ("cell_A", "positions_A")}


def _count(records: list[Record], verdicts: list[bool | None]) -> int | None:
    """How many orders were kept; None where no relaxation could be judged in this way."""
    ended = [v for record, v in zip(records, verdicts, strict=True) if "error" not in record]
    return None if ended and all(v is None for v in ended) else sum(map(bool, verdicts))


def _rattled(states: StatesSettings) -> list[str]:
    return [f"rattled-{seed}" for seed in range(1, states.rattled + 1)]


def _assignment(
    x: float, jobs: list[tuple[float, str, str]], entries: Entries, settings: Settings
) -> list[dict[str, Any]]:
    rows = []
    for start in ("reference", "symmetric", "rattled"):
        of_start = [(k, s) for v, k, s in jobs if v == x and s.partition("-")[0] == start]
        if not of_start:
            continue
        keys = [key for key, _ in of_start]
        records = [entries[f"{key}/{s}"] for key, s in of_start]
        verdicts = {
            by: [kept(key, record, settings, by) for key, record in zip(keys, records, strict=True)]
            for by in COLUMNS
        }
        rows.append(
            {
                "x": x,
                "start": start,
                "relaxations": len(records),
                "failed": sum("error" in record for record in records),
                **{f"kept_by_{by}": _count(records, verdicts[by]) for by in COLUMNS},
                "force_evaluations": float(np.mean([r.get("evaluations", 0) for r in records])),
            }
        )
    return rows


def _spread(x: float, jobs: list[tuple[float, str, str]], entries: Entries) -> dict[str, Any]:
    """How far the energies of one order from its different starts lie apart, in meV per cell."""
    energies: dict[str, list[float]] = {}
    for v, key, start in jobs:
        record = entries[f"{key}/{start}"]
        if v == x and "error" not in record:
            energies.setdefault(key, []).append(1000 * record["energy_eV"])
    spreads = [max(values) - min(values) for values in energies.values() if len(values) > 1]
    return {
        "x": x,
        "orders": len(spreads),
        "median_meV": float(np.median(spreads)) if spreads else None,
        "largest_meV": max(spreads, default=None),
    }


def _distribution(
    states: StatesSettings, x: float, space: dict[str, int], entries: Entries, model: ComparedModel
) -> dict[str, Any]:
    """Statistics of the relaxations from the reference start.

    Averages are exact over just these orders. Entropies are in k_B per redox site; their limit is
    that of equal energies. Energies are in meV per redox site above the lowest.
    """
    lattice = model.supercell(states.supercell).lattice
    relaxed = {key: entries[f"{key}/reference"] for key in space}
    good = [key for key in space if "error" not in relaxed[key]]
    row: dict[str, Any] = {"x": x, "orders": len(good), "failed": len(space) - len(good)}
    if not good:
        return row
    energies = np.array([relaxed[key]["energy_eV"] for key in good])
    weights = np.array([space[key] for key in good])
    n = lattice.n_redox
    n_reduced = reduced_of_key(good[0])
    relative = energies - energies.min()
    mean = float(np.average(relative, weights=weights))
    variance = np.average((relative - mean) ** 2, weights=weights)
    return {
        **row,
        "states": int(weights.sum()),
        "distinct_energies": int(1 + (np.diff(np.sort(relative)) > SAME).sum()),
        "width_meV_per_site": 1000 / n * float(np.sqrt(variance)),
        "range_meV_per_site": 1000 / n * float(relative.max()),
        "limit_kB_per_site": float(np.log(weights.sum()) / n),
        "all_orders_kB_per_site": finite_size_entropy(n, n_reduced),
        "entropy_kB_per_site": {
            f"{t:g}": canonical_averages(energies, weights, t).entropy / n
            for t in states.temperatures
        },
        "energies_meV_per_site": (1000 / n * relative).round(4).tolist(),
        "degeneracies": weights.tolist(),
    }
