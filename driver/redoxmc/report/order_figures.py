"""Plots of order: order parameters against temperature, pictures of the lowest charge orders."""

from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.report.analysis import Analysis
from redoxmc.report.plot_order import ParameterCurve, draw_order, plot_order_parameters
from redoxmc.results.summary import MonteCarloSummary
from redoxmc.structures.occupancy import occupancy_of_key


def order_figures(analysis: Analysis, summary: MonteCarloSummary, folder: Path) -> list[Path]:
    """Write the plots that have data into folder; returns their paths."""
    written = []
    curves = [] if analysis.semigrand else _parameter_curves(summary)
    if curves:
        written.append(folder / "order_parameters.png")
        plot_order_parameters(written[-1], curves)
    return written + _pictures(analysis, summary, folder)


def _pictures(analysis: Analysis, summary: MonteCarloSummary, folder: Path) -> list[Path]:
    """The lowest charge order found at each x, of those where there is a choice."""
    written = []
    for record in summary.lowest_states:
        occupancy = occupancy_of_key(record.key)
        charges = occupancy[: analysis.lattice.n_redox]
        if 0 < charges.sum() < analysis.lattice.most.sum():
            written.append(folder / f"lowest_x{record.x:.6g}.png")
            draw_order(written[-1], analysis.lattice, occupancy)
    return written


def _parameter_curves(summary: MonteCarloSummary) -> list[ParameterCurve]:
    """Order parameters, mean and standard error over the seeds, of every x that has a choice."""
    groups: dict[float, dict[float, list[tuple[Any, Any]]]] = {}
    for record in summary.runs:
        order = record.order
        if None not in order.warren_cowley:
            own = groups.setdefault(record.x, {}).setdefault(record.temperature_K, [])
            own.append((order.warren_cowley, order.warren_cowley_ions))
    curves = []
    for x, by_t in sorted(groups.items()):
        temperatures = sorted(by_t)
        seeds = [np.array(by_t[t], dtype=float) for t in temperatures]  # (seeds, 2, shells)
        mean = np.array([own.mean(axis=0) for own in seeds])
        errors = [own.std(axis=0, ddof=1) / np.sqrt(len(own)) if len(own) > 1 else 0 * own[0]
                  for own in seeds]  # fmt: skip
        error = np.array(errors)
        curves.append(
            ParameterCurve(x, temperatures, mean[:, 0], error[:, 0], mean[:, 1], error[:, 1])
        )
    return curves
