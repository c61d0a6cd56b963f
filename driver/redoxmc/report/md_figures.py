"""Which plots a campaign of molecular dynamics gets, and the arrays that go into them."""

from pathlib import Path

import numpy as np

from redoxmc.dynamics.phase import degrees_of_freedom
from redoxmc.dynamics.replica import COLUMNS, MdChain
from redoxmc.report.analysis import Analysis
from redoxmc.report.md_plots import (
    MdSeries,
    plot_dynamics,
    plot_outside,
    plot_path_lengths,
    plot_swaps,
    plot_work,
)
from redoxmc.report.plot_style import write_plots
from redoxmc.sampling.trace import Trace
from redoxmc.units import KB


def md_figures(analysis: Analysis, folder: Path) -> list[Path]:
    """Write the plots that have data into folder; returns their paths."""
    store = analysis.store
    series = [
        _series(chain, store.traces[chain.name], analysis)
        for chain in store.md_chains
        if chain.name in store.traces and store.traces[chain.name].energies
    ]
    swapping = [one for one in series if np.isfinite(one.work).any()]
    return write_plots(
        folder,
        [
            ("md_dynamics", plot_dynamics, series),
            ("md_swaps", plot_swaps, swapping),
            ("md_path_lengths", plot_path_lengths, swapping),
            ("md_work", plot_work, swapping),
            ("md_outside", plot_outside, swapping),
        ],
    )


def _series(chain: MdChain, trace: Trace, analysis: Analysis) -> MdSeries:
    drifting = analysis.config["md"]["mobile_radius"] is not None
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
        column["energy_eV"] / analysis.lattice.formula_units,
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
