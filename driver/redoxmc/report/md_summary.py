"""What summary.json says of the replicas of molecular dynamics; their structures and swaps."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.dynamics.candidate import expected_acceptance
from redoxmc.dynamics.phase import degrees_of_freedom
from redoxmc.dynamics.replica import COLUMNS, MdChain
from redoxmc.io.extxyz import write_labelled
from redoxmc.report.analysis import MAX_COUNTED_STATES, number
from redoxmc.report.order import OrderParameters
from redoxmc.report.remarks import have_moved, ions_of, lost_in_dynamics
from redoxmc.results import trajectory
from redoxmc.results.store import Store
from redoxmc.sampling.trace import Trace
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.structures.symmetry import LARGE
from redoxmc.thermo.correlation import effective_samples, standard_error
from redoxmc.units import KB


def run_records(
    store: Store,
    host: Host,
    order: OrderParameters,
    out: Path,
) -> list[dict[str, Any]]:
    """The entries under "runs" of summary.json, with structures/ and trajectories/*_swaps.csv.

    Written are the step of lowest potential energy ("best") and the last one ("final").
    """
    runs = []
    for chain in store.md_chains:
        trace = store.traces.get(chain.name, Trace())
        names: dict[str, str | None] = {"best": None, "final": None}
        moments = {"best": chain.lowest, "final": chain if len(chain.positions) else None}
        for what, moment in moments.items():
            if moment is not None:
                names[what] = f"structures/{chain.name}_{what}.extxyz"
                write_labelled(out / str(names[what]), [trajectory.atoms_of(moment, host.lattice)])
        if trace.energies:
            trajectory.write_swaps(out / "trajectories", chain.name, trace)
        record = _run_record(store, chain, host, order)
        files = {"best_structure": names["best"], "final_structure": names["final"]}
        runs.append(record | files)
    return runs


def _run_record(
    store: Store,
    chain: MdChain,
    host: Host,
    order: OrderParameters,
) -> dict[str, Any]:
    """What summary.json says of a replica: the contract's keys, and `md` with the dynamics'."""
    lattice, trace = host.lattice, store.kept(chain)
    energies = trace.column("energy_eV") / lattice.formula_units
    known = len(energies) > 0
    return {
        "x": chain.x,
        "temperature_K": chain.temperature,
        "seed": chain.seed,
        "n_atoms": len(chain.positions),
        "n_reduced": int(chain.occupancy[: lattice.n_redox].sum()),
        "steps": chain.step,
        "moves": {name: dict(count.__dict__) for name, count in chain.moves.items()},
        "relaxations": 0,
        "cache_hits": 0,
        "force_evaluations": chain.force_evaluations,
        "wall_s": chain.wall,
        "failure": chain.failure or None,
        "energy_eV_per_fu": {
            "mean": number(energies.mean()) if known else None,
            "standard_error": number(standard_error(energies)) if known else None,
            "min": number(energies.min()) if known else None,
        },
        "heat_capacity_kB_per_site": None,  # of charges alone: dynamics gives that of all atoms
        "effective_samples": number(effective_samples(energies)) if known else None,
        "order": order.of_visits(trace.raw_keys),
        "path_audit_eV": {"checked": 0, "max": None},
        "lost_orders": lost_in_dynamics(trace),
        "ions": ions_of(trace),
        "state_counts": None if have_moved(trace) else _counts(trace.raw_keys, host),
        "md": _dynamics(chain, trace, store.header["config"]["md"]),
    }


def _dynamics(chain: MdChain, trace: Trace, md: dict[str, Any]) -> dict[str, Any]:
    column = {name: trace.column(name) for name in COLUMNS}
    freedom = degrees_of_freedom(max(len(chain.positions), 2), md["mobile_radius"] is not None)
    works = column["work_eV"][np.isfinite(column["work_eV"])]
    swaps = column["accepted"] > 0
    integrator = column["work_eV"] - column["protocol_work_eV"]
    per_atom = chain.time * max(len(chain.positions), 1)
    return {
        "time_ps": chain.time,
        "temperature_K": _mean(2 * column["kinetic_eV"] / (freedom * KB)),
        "volume_A3": _mean(column["volume_A3"]),
        "pieces": dict(chain.pieces.__dict__),
        "volume_moves": dict(chain.volumes.__dict__),
        "path_steps": chain.length,
        "path_pilots": {str(n): chance for n, chance in sorted(chain.pilots.items())},
        "work_eV": _mean(works),
        "expected_acceptance": expected_acceptance(works.tolist(), chain.temperature),
        # what the integrator adds to the conserved quantity, heat and the work of moves taken off
        "conserved_drift_eV_per_atom_ps": number(chain.drift / per_atom) if per_atom else None,
        "conserved_change_at_swaps_eV": _mean(integrator[swaps]),
        "outside_training_range": {
            "largest_A": number(np.nanmax(column["outside_A"])) if len(works) else None,
            "mean_of_largest_A": _mean(column["outside_A"]),
            "share_of_path": _mean(column["outside_share"]),
            "before_the_path_A": _mean(column["outside_before_A"]),
        },
    }


def _counts(keys: list[str], host: Host) -> dict[str, int] | None:
    if len(host.lattice.species) > LARGE:  # symmetric images are not known to be the same there
        return None
    counts: Counter[str] = Counter()
    for key, count in Counter(keys).items():
        counts[host.canonical_key(occupancy_of_key(key))] += count
    return dict(counts) if len(counts) <= MAX_COUNTED_STATES else None


def _mean(values: Floats) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
