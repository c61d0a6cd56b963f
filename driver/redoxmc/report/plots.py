"""Plots of a campaign: pure functions from arrays to PNG files.

Every function writes its file atomically and raises InputError where it cannot.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from redoxmc.report.plot_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    STYLE,
    VERMILION,
    figure_legend,
    finite,
    make_panels,
    save,
    temperature_colours,
)
from redoxmc.thermo.hull import hull_vertices

_MANY_STATES = 16  # above this a histogram over energies replaces one bar per state


@dataclass(frozen=True)
class Points:
    """Formation energies from elsewhere (DFT, another model)."""

    label: str
    x: ArrayLike  # [n]
    energies: ArrayLike  # [n], eV/f.u.


@dataclass(frozen=True)
class EnergyTrace:
    """The energies of one replica."""

    x: float
    temperature: float
    seed: int
    energies: ArrayLike  # [n_steps], eV per formula unit


@dataclass(frozen=True)
class StateHistogram:
    """Visits of each distinct state at one (x, T)."""

    x: float
    temperature: float
    energies: ArrayLike  # [n_states], eV per formula unit
    fractions: ArrayLike  # [n_states], share of the visits
    # [n_states], the exact Boltzmann probabilities where they are known
    expected: ArrayLike | None = None


def plot_hull(
    path: Path,
    x: ArrayLike,
    energies: ArrayLike,
    references: Sequence[Points] = (),
    ion: str = "",
    end_members: Sequence[str] = (),
) -> None:
    """Draw formation energies against x with their lower convex hull.

    x: [n], ions per redox site; energies: [n], formation energies of all relaxed states in eV per
    formula unit. references: points to compare with. ion: its symbol, for the axis. end_members:
    formulas at the first and the last x.
    """
    fraction, values = finite(x, energies)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.4))
        axes = figure.add_subplot()
        axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
        axes.scatter(
            fraction, 1e3 * values, s=16, color=SKY, alpha=0.4, linewidths=0, label="sampled states"
        )
        if len(values):
            vertices = hull_vertices(fraction, values)
            axes.plot(
                fraction[vertices], 1e3 * values[vertices], "o-", color=BLUE, markersize=5,
                label="convex hull", zorder=3,
            )  # fmt: skip
        for points, colour, marker in zip(
            references, (VERMILION, GREEN, PURPLE, ORANGE), "Ds^v", strict=False
        ):
            xs, es = finite(points.x, points.energies)
            axes.scatter(
                xs, 1e3 * es, s=26, marker=marker, facecolors="none", edgecolors=colour,
                linewidths=1.2, label=points.label, zorder=4,
            )  # fmt: skip
        every = np.concatenate([fraction, *(finite(p.x, p.energies)[0] for p in references)])
        low, high = (float(end(every)) if len(every) else 0.5 for end in (np.min, np.max))
        if high > low:
            axes.set_xlim(low - 0.04 * (high - low), high + 0.04 * (high - low))
        for name, x_end, side in zip(end_members, (low, high), ("left", "right"), strict=False):
            axes.annotate(
                re.sub(r"([\d.]+)", r"$_{\1}$", name), (x_end, 0.0), xytext=(0, 3),
                textcoords="offset points", ha=side, fontsize=7.5, color=GREY,
            )  # fmt: skip
        axes.set_xlabel(f"$x$ ({ion + ' ' if ion else ''}ions per redox site)")
        axes.set_ylabel("Formation energy (meV/f.u.)")
        axes.margins(y=0.12)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)  # off the points
        save(figure, path)


def plot_traces(path: Path, traces: Sequence[EnergyTrace]) -> None:
    """Draw the energy of every replica with its running mean: a panel per x, a colour per T.

    Energies are shown relative to the lowest one of their x.
    """
    with matplotlib.rc_context(STYLE):
        figure, panels = make_panels(sorted({t.x for t in traces}), 2.2)
        colours = temperature_colours(t.temperature for t in traces)
        labelled = set()
        for x, axes in panels.items():
            shown = [t for t in traces if t.x == x]
            floor = min(float(np.min(np.asarray(t.energies))) for t in shown)
            for trace in sorted(shown, key=lambda t: (-t.temperature, t.seed)):
                series = 1e3 * (np.asarray(trace.energies, dtype=np.float64) - floor)
                steps, thin = _thinned(series)
                mean = np.cumsum(series) / np.arange(1, len(series) + 1)
                colour = colours[trace.temperature]
                axes.plot(steps, thin, ".", color=colour, alpha=0.45, markersize=2.6, mew=0.0)
                label = f"{trace.temperature:g} K" if trace.temperature not in labelled else None
                labelled.add(trace.temperature)
                axes.plot(steps, mean[steps - 1], color=colour, label=label, zorder=3)
            axes.set_title(f"$x$ = {x:.3g}")
            if axes.get_ylim()[1] < 1.0:  # a single state: no magnified rounding noise
                axes.set_ylim(-0.1, 1.0)
        figure.supxlabel("Step", fontsize=9.5)
        figure.supylabel("Energy above the lowest (meV/f.u.)", fontsize=9.5)
        figure_legend(figure, panels, "dots: energy, lines: running mean of each replica")
        save(figure, path)


def plot_states(path: Path, histograms: Sequence[StateHistogram]) -> None:
    """Draw how often each state was visited: a panel for each x, a colour for each temperature.

    Up to 16 states: one group of bars per state, labelled with its energy above the lowest; black
    dashes mark the exact Boltzmann probabilities where given. More: a histogram over energies.
    """
    with matplotlib.rc_context(STYLE):
        figure, panels = make_panels(sorted({h.x for h in histograms}), 2.2)
        colours = temperature_colours(h.temperature for h in histograms)
        for x, axes in panels.items():
            shown = sorted((h for h in histograms if h.x == x), key=lambda h: h.temperature)
            if max(np.size(h.energies) for h in shown) <= _MANY_STATES:
                _bars(axes, shown, colours)
            else:
                _energy_histogram(axes, shown, colours)
            axes.set_title(f"$x$ = {x:.3g}")
        figure.supxlabel("Energy of the state above the lowest (meV/f.u.)", fontsize=9.5)
        figure.supylabel("Share of the visits", fontsize=9.5)
        exact = any(h.expected is not None for h in histograms)
        figure_legend(figure, panels, "dashes: exact Boltzmann" if exact else None)
        save(figure, path)


def _bars(axes: Any, own: Sequence[StateHistogram], colours: dict[float, Any]) -> None:
    width = 0.8 / len(own)
    for n, histogram in enumerate(own):
        energies = np.asarray(histogram.energies, dtype=np.float64)
        order = np.argsort(energies, kind="stable")
        centres = np.arange(len(order)) + (n - (len(own) - 1) / 2) * width
        share = np.asarray(histogram.fractions, dtype=np.float64)[order]
        colour = colours[histogram.temperature]
        axes.bar(centres, share, width, color=colour, label=f"{histogram.temperature:g} K")
        if histogram.expected is not None:
            exact = np.asarray(histogram.expected, dtype=np.float64)[order]
            axes.hlines(exact, centres - width / 2, centres + width / 2, color=BLACK, linewidth=1.4)
        ticks = [f"{1e3 * (e - energies.min()):.0f}" for e in energies[order]]
        axes.set_xticks(range(len(ticks)), ticks, rotation=90 if len(ticks) > 8 else 0)


def _energy_histogram(axes: Any, own: Sequence[StateHistogram], colours: dict[float, Any]) -> None:
    floor = min(float(np.min(np.asarray(h.energies))) for h in own)
    top = max(float(np.max(np.asarray(h.energies))) for h in own)
    bins = np.linspace(0.0, max(1e3 * (top - floor), 1e-3), 40)
    for histogram in own:
        above = 1e3 * (np.asarray(histogram.energies, dtype=np.float64) - floor)
        colour = colours[histogram.temperature]
        axes.hist(
            above, bins, weights=np.asarray(histogram.fractions), histtype="stepfilled",
            color=colour, alpha=0.35, label=f"{histogram.temperature:g} K",
        )  # fmt: skip
        if histogram.expected is not None:
            exact, _ = np.histogram(above, bins, weights=np.asarray(histogram.expected))
            axes.stairs(exact, bins, color=colour, linestyle="--", linewidth=1.1)


def _thinned(series: NDArray[np.float64], points: int = 800) -> tuple[NDArray[np.int64], Any]:
    """Keep at most `points` of a long series; returns their step numbers (from 1) and values."""
    stride = max(1, math.ceil(len(series) / points))
    steps = np.arange(0, len(series), stride, dtype=np.int64)
    return steps + 1, series[steps]
