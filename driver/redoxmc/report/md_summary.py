"""What summary.json says of the replicas of molecular dynamics; their structures and swaps."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.dynamics.candidate import expected_acceptance
from redoxmc.dynamics.phase import degrees_of_freedom
from redoxmc.dynamics.replica import COLUMNS, MdChain
from redoxmc.io.extxyz import write_labelled
from redoxmc.report.analysis import MAX_COUNTED_STATES, Analysis, mean_of
from redoxmc.report.remarks import have_moved, ions_of, lost_in_dynamics
from redoxmc.results import trajectory
from redoxmc.results.runs import DynamicsRecord, MdRun, MeanEnergy, OutsideRange
from redoxmc.sampling.trace import Trace
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.structures.symmetry import LARGE
from redoxmc.thermo.correlation import effective_samples
from redoxmc.units import KB


def write_md_structures(analysis: Analysis, out: Path) -> dict[str, str]:
    """Write the lowest and last structure of every replica, and what became of its swaps.

    Returns files relative to `out` by name of the replica with "_best" (of lowest potential energy)
    or "_final".
    """
    written, store = {}, analysis.store
    for chain in store.md_chains:
        for what, moment in (("best", chain.lowest), ("final", chain)):
            if moment is not None and len(moment.positions):
                name = f"{chain.name}_{what}"
                written[name] = f"structures/{name}.extxyz"
                atoms = trajectory.atoms_of(moment, analysis.lattice)
                write_labelled(out / written[name], [atoms])
        trace = store.traces.get(chain.name)
        if trace is not None and trace.energies:
            trajectory.write_swaps(out / "trajectories", chain.name, trace)
    return written


def md_run_record(analysis: Analysis, chain: MdChain, structures: dict[str, str]) -> MdRun:
    """The entry of one replica under "runs" of summary.json. structures: its files."""
    lattice, trace = analysis.lattice, analysis.store.kept(chain)
    energies = trace.column("energy_eV") / lattice.formula_units
    known = len(energies) > 0
    return MdRun(
        x=chain.x,
        temperature_K=chain.temperature,
        seed=chain.seed,
        n_atoms=len(chain.positions),
        n_reduced=int(chain.occupancy[: lattice.n_redox].sum()),
        steps=chain.step,
        moves=chain.moves,
        force_evaluations=chain.force_evaluations,
        wall_s=chain.wall,
        failure=chain.failure or None,
        energy_eV_per_fu=MeanEnergy(
            **vars(mean_of(energies, known)), min=energies.min() if known else None
        ),
        effective_samples=effective_samples(energies) if known else None,
        order=analysis.order.of_visits(trace.raw_keys),
        lost_orders=lost_in_dynamics(trace),
        ions=ions_of(trace),
        state_counts=None if have_moved(trace) else _counts(trace.raw_keys, analysis.host),
        md=_dynamics(chain, trace, analysis.config["md"]),
        best_structure=structures.get(f"{chain.name}_best"),
        final_structure=structures.get(f"{chain.name}_final"),
    )


def _dynamics(chain: MdChain, trace: Trace, md: dict[str, Any]) -> DynamicsRecord:
    column = {name: trace.column(name) for name in COLUMNS}
    freedom = degrees_of_freedom(max(len(chain.positions), 2), md["mobile_radius"] is not None)
    works = column["work_eV"][np.isfinite(column["work_eV"])]
    swaps = column["accepted"] > 0
    integrator = column["work_eV"] - column["protocol_work_eV"]
    per_atom = chain.time * max(len(chain.positions), 1)
    return DynamicsRecord(
        time_ps=chain.time,
        temperature_K=_mean(2 * column["kinetic_eV"] / (freedom * KB)),
        volume_A3=_mean(column["volume_A3"]),
        pieces=chain.pieces,
        volume_moves=chain.volumes,
        path_steps=chain.length,
        path_pilots={str(n): chance for n, chance in sorted(chain.pilots.items())},
        work_eV=_mean(works),
        expected_acceptance=expected_acceptance(works.tolist(), chain.temperature),
        conserved_drift_eV_per_atom_ps=chain.drift / per_atom if per_atom else None,
        conserved_change_at_swaps_eV=_mean(integrator[swaps]),
        outside_training_range=OutsideRange(
            largest_A=np.nanmax(column["outside_A"]) if len(works) else None,
            mean_of_largest_A=_mean(column["outside_A"]),
            share_of_path=_mean(column["outside_share"]),
            before_the_path_A=_mean(column["outside_before_A"]),
        ),
    )


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
