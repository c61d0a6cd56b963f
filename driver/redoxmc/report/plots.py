"""Plots of a campaign: pure functions from arrays to PNG files.

Colours are those of Okabe and Ito (2008) and the viridis map: safe for colour-blind readers and in
grey. Every function writes its file atomically and raises InputError where it cannot.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from redoxmc.results.files import replace_atomically
from redoxmc.thermo.hull import hull_vertices

BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#8A8A8A"
_DPI = 200
_MANY_STATES = 16  # above this a histogram over energies replaces one bar per state
_STYLE: dict[str, Any] = {
    "font.size": 9.0,
    "axes.labelsize": 9.5,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.4,
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Points:
    """Formation energies from elsewhere (DFT, another model): [n], and [n] in eV/f.u."""

    label: str
    x: ArrayLike
    energies: ArrayLike


@dataclass(frozen=True)
class Trace:
    """The energies of one replica, [n_steps] in eV per formula unit."""

    x: float
    temperature: float
    seed: int
    energies: ArrayLike


@dataclass(frozen=True)
class StateHistogram:
    """Visits of each distinct state at one (x, T).

    energies: [n_states], eV per formula unit. fractions: [n_states], share of the visits. expected:
    [n_states], the exact Boltzmann probabilities where they are known.
    """

    x: float
    temperature: float
    energies: ArrayLike
    fractions: ArrayLike
    expected: ArrayLike | None = None


@dataclass(frozen=True)
class Curve:
    """A quantity of one x against temperature: [n_T] in K, [n_T] values and standard errors.

    ideal, finite_size: constant limits drawn beside the curve (entropy only), k_B per site.
    """

    x: float
    temperatures: ArrayLike
    values: ArrayLike
    errors: ArrayLike | None = None
    ideal: float | None = None
    finite_size: float | None = None


def plot_hull(
    path: Path,
    x: ArrayLike,
    energies: ArrayLike,
    references: Sequence[Points] = (),
    ion: str = "",
) -> None:
    """Draw formation energies against x with their lower convex hull.

    x: [n], ions per redox site; energies: [n], formation energies of all relaxed states in eV per
    formula unit. references: points to compare with. ion: its symbol, for the axis.
    """
    fraction, values = _finite(x, energies)
    with matplotlib.rc_context(_STYLE):
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
            xs, es = _finite(points.x, points.energies)
            axes.scatter(
                xs, 1e3 * es, s=26, marker=marker, facecolors="none", edgecolors=colour,
                linewidths=1.2, label=points.label, zorder=4,
            )  # fmt: skip
        axes.set_xlim(-0.04, 1.04)
        axes.set_xlabel(f"$x$ ({ion + ' ' if ion else ''}ions per redox site)")
        axes.set_ylabel("Formation energy (meV/f.u.)")
        axes.margins(y=0.12)
        axes.legend(loc="best")
        _save(figure, path)


def plot_traces(path: Path, traces: Sequence[Trace]) -> None:
    """Draw the energy of every replica with its running mean: a panel per x, a colour per T.

    Energies are shown relative to the lowest one of their x.
    """
    with matplotlib.rc_context(_STYLE):
        figure, panels = _panels(sorted({t.x for t in traces}), 1.9)
        colours = _temperature_colours(t.temperature for t in traces)
        labelled = set()
        for x, axes in panels.items():
            own = [t for t in traces if t.x == x]
            floor = min(float(np.min(np.asarray(t.energies))) for t in own)
            for trace in sorted(own, key=lambda t: (-t.temperature, t.seed)):
                series = 1e3 * (np.asarray(trace.energies, dtype=np.float64) - floor)
                steps, thin = _thinned(series)
                mean = np.cumsum(series) / np.arange(1, len(series) + 1)
                colour = colours[trace.temperature]
                axes.plot(steps, thin, ".", color=colour, alpha=0.35, markersize=2.0, mew=0.0)
                label = f"{trace.temperature:g} K" if trace.temperature not in labelled else None
                labelled.add(trace.temperature)
                axes.plot(steps, mean[steps - 1], color=colour, label=label, zorder=3)
            axes.set_title(f"$x$ = {x:.3g}")
            if axes.get_ylim()[1] < 1.0:  # a single state: no magnified rounding noise
                axes.set_ylim(-0.1, 1.0)
        figure.supxlabel("Step", fontsize=9.5)
        figure.supylabel("Energy above the lowest (meV/f.u.)", fontsize=9.5)
        _figure_legend(figure, panels, "dots: energy, lines: running mean of each replica")
        _save(figure, path)


def plot_states(path: Path, histograms: Sequence[StateHistogram]) -> None:
    """Draw how often each state was visited: a panel for each x, a colour for each temperature.

    Up to 16 states: one group of bars per state, labelled with its energy above the lowest; black
    dashes mark the exact Boltzmann probabilities where given. More: a histogram over energies.
    """
    with matplotlib.rc_context(_STYLE):
        figure, panels = _panels(sorted({h.x for h in histograms}), 2.0)
        colours = _temperature_colours(h.temperature for h in histograms)
        for x, axes in panels.items():
            own = sorted((h for h in histograms if h.x == x), key=lambda h: h.temperature)
            if max(np.size(h.energies) for h in own) <= _MANY_STATES:
                _bars(axes, own, colours)
            else:
                _energy_histogram(axes, own, colours)
            axes.set_title(f"$x$ = {x:.3g}")
        figure.supxlabel("Energy of the state above the lowest (meV/f.u.)", fontsize=9.5)
        figure.supylabel("Share of the visits", fontsize=9.5)
        exact = any(h.expected is not None for h in histograms)
        _figure_legend(figure, panels, "dashes: exact Boltzmann" if exact else None)
        _save(figure, path)


def plot_entropy(path: Path, curves: Sequence[Curve]) -> None:
    """Draw electronic entropy against temperature with the ideal and finite-size limits."""
    _plot_curves(path, curves, "Electronic entropy ($k_\\mathrm{B}$ per redox site)", limits=True)


def plot_heat_capacity(path: Path, curves: Sequence[Curve]) -> None:
    """Draw the configurational heat capacity against temperature, one curve for each x."""
    _plot_curves(path, curves, "Heat capacity ($k_\\mathrm{B}$ per redox site)", limits=False)


def _plot_curves(path: Path, curves: Sequence[Curve], label: str, limits: bool) -> None:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.0, 3.4))
        axes = figure.add_subplot()
        palette = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK]
        drawn: set[float] = set()
        for n, curve in enumerate(sorted(curves, key=lambda c: c.x)):
            colour, marker = palette[n % len(palette)], "osD^vPX"[n % 7]
            order = np.argsort(np.asarray(curve.temperatures, dtype=np.float64))
            t = np.asarray(curve.temperatures, dtype=np.float64)[order]
            values = np.asarray(curve.values, dtype=np.float64)[order]
            errors = None if curve.errors is None else np.asarray(curve.errors, np.float64)[order]
            if len(t) > 25:  # a continuous curve: a band for its error
                axes.plot(t, values, color=colour, label=f"$x$ = {curve.x:.3g}", zorder=3)
                if errors is not None:
                    axes.fill_between(
                        t, values - errors, values + errors, color=colour, alpha=0.25, linewidth=0
                    )
            else:
                axes.errorbar(
                    t, values, yerr=errors, fmt=f"{marker}-", markersize=4, capsize=2,
                    color=colour, label=f"$x$ = {curve.x:.3g}", zorder=3,
                )  # fmt: skip
            for limit, style in ((curve.ideal, ":"), (curve.finite_size, "--")):
                if limits and limit is not None and round(limit, 9) not in drawn:
                    axes.axhline(limit, color=colour, linestyle=style, linewidth=0.9, zorder=1)
                    drawn.add(round(limit, 9))  # x and 1-x share their limits
        if limits:
            axes.plot([], [], color=GREY, linestyle=":", label="ideal")
            axes.plot([], [], color=GREY, linestyle="--", label="ideal, finite cell")
        axes.set_xlabel("Temperature (K)")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        _save(figure, path)


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


def _panels(xs: Sequence[float], height: float) -> tuple[Figure, dict[float, Any]]:
    """Make one panel for each x, at most three in a row."""
    columns = min(3, max(1, len(xs)))
    rows = max(1, math.ceil(len(xs) / columns))
    figure = Figure(figsize=(1.2 + 2.4 * columns, 0.9 + height * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(xs) :]:
        axes.set_visible(False)
    return figure, dict(zip(xs, grid, strict=False))


def _temperature_colours(temperatures: Iterable[float]) -> dict[float, Any]:
    """Give cold to hot the viridis colours, without its palest end."""
    ordered = sorted(set(temperatures))
    scale = np.linspace(0.0, 0.82, len(ordered)) if len(ordered) > 1 else [0.25]
    return {t: matplotlib.colormaps["viridis"](s) for t, s in zip(ordered, scale, strict=True)}


def _figure_legend(figure: Figure, panels: dict[float, Any], note: str | None) -> None:
    found: dict[float, tuple[str, Any]] = {}
    for axes in panels.values():
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(float(label.split()[0]), (label, handle))
    entries = [found[t] for t in sorted(found)]
    figure.legend(
        [h for _, h in entries], [label for label, _ in entries], loc="outside upper center",
        ncols=max(1, min(len(entries), 6)), title=note, title_fontsize=8.0,
    )  # fmt: skip


def _thinned(series: NDArray[np.float64], points: int = 800) -> tuple[NDArray[np.int64], Any]:
    """Keep at most `points` of a long series; returns their step numbers (from 1) and values."""
    stride = max(1, math.ceil(len(series) / points))
    steps = np.arange(0, len(series), stride, dtype=np.int64)
    return steps + 1, series[steps]


def _finite(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    xs, ys = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    known = np.isfinite(xs) & np.isfinite(ys)
    return xs[known], ys[known]


def _save(figure: Figure, path: Path) -> None:
    replace_atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=_DPI))
