"""Plots of molecular dynamics with charge swaps: pure functions from arrays to PNG files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from redoxmc.report.plot_style import (
    BLACK,
    BLUE,
    GREY,
    STYLE,
    VERMILION,
    figure_legend,
    finite,
    make_panels,
    save,
    temperature_colours,
)
from redoxmc.structures.lattice import Floats

MANY = 1500  # points of a line or a cloud: more are thinned


@dataclass(frozen=True)
class MdSeries:
    """One replica, by step: [n_steps] each, nan where there was none."""

    x: float
    temperature: float
    seed: int
    time: Floats  # ps
    energy: Floats  # potential, eV/f.u.
    kelvin: Floats  # from the kinetic energy
    conserved: Floats  # what the integrator added, meV/atom
    work: Floats  # eV, of the candidate move
    accepted: Floats  # of it, 0 or 1
    outside: Floats  # Å: farthest of a changing ion's mean bond length from the training range
    outside_share: Floats  # part of the path there
    orders: Floats  # number of distinct charge orders so far
    lengths: Mapping[int, float]  # expected acceptance of pilot paths by their number of steps
    length: int  # the one chosen


def plot_dynamics(path: Path, series: Sequence[MdSeries]) -> None:
    """Draw potential energy, temperature and conserved quantity against time; a column per x."""
    rows = (
        ("energy", "Energy\n(meV/f.u.)"),
        ("kelvin", "Temperature\n(K)"),
        ("conserved", "Conserved energy\n(meV/atom)"),
    )
    with matplotlib.rc_context(STYLE):
        xs = sorted({one.x for one in series})
        figure = Figure(figsize=(1.4 + 2.9 * len(xs), 5.4))
        grid = figure.subplots(len(rows), len(xs), squeeze=False, sharex="col")
        colours = temperature_colours(one.temperature for one in series)
        for column, x in enumerate(xs):
            shown = [one for one in series if one.x == x]
            floor = min((np.nanmin(one.energy) for one in shown if len(one.energy)), default=0.0)
            for one in sorted(shown, key=lambda one: -one.temperature):
                for row, (name, _) in enumerate(rows):
                    values = getattr(one, name)
                    values = 1e3 * (values - floor) if name == "energy" else values
                    t, y = _thinned(one.time, values)
                    label = f"{one.temperature:g} K"
                    grid[row, column].plot(
                        t, y, color=colours[one.temperature], linewidth=0.7, label=label
                    )
            for temperature in {one.temperature for one in shown}:
                grid[1, column].axhline(temperature, color=BLACK, linewidth=0.6, linestyle=":")
            grid[2, column].axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
            grid[0, column].set_title(f"$x$ = {x:.3g}")
            grid[-1, column].set_xlabel("Time (ps)")
        for row, (_, label) in enumerate(rows):
            grid[row, 0].set_ylabel(label)
        figure_legend(figure, dict(zip(xs, grid[0], strict=True)), None)
        save(figure, path)


def plot_path_lengths(path: Path, series: Sequence[MdSeries]) -> None:
    """Draw the acceptance of candidate moves against the length of their paths.

    Small dots: expected of the pilot paths of each replica. Large ones: counted, at the chosen
    length.
    """
    note = "circles: counted, dots: expected of pilot paths, dotted: 5 %"
    with _panels(path, series, "Steps of a path", "Acceptance (%)", note) as panels:
        colours = temperature_colours(one.temperature for one in series)
        for own, axes in panels:
            for one in own:
                colour, label = colours[one.temperature], f"{one.temperature:g} K"
                steps = sorted(one.lengths)
                chances = [100 * one.lengths[n] for n in steps]
                axes.plot(steps, chances, ".-", color=colour, alpha=0.5, linewidth=0.7)
                made = one.accepted[np.isfinite(one.work)]
                if len(made):
                    axes.plot(one.length, 100 * made.mean(), "o", color=colour, label=label)
            axes.axhline(5.0, color=GREY, linewidth=0.6, linestyle=":")
            tried = sorted({n for one in series for n in (*one.lengths, one.length)})
            axes.set_xscale("log", base=2)
            axes.set_xlim(tried[0] / 1.3, tried[-1] * 1.3)
            axes.set_xticks(tried, [str(n) for n in tried])
            axes.minorticks_off()
            axes.set_ylim(bottom=0.0)


def plot_work(path: Path, series: Sequence[MdSeries]) -> None:
    """Draw the distribution of the work of candidate moves: all of them, and (filled) accepted."""
    with _panels(path, series, "Work (eV)", "Candidate moves", "filled: accepted") as panels:
        colours = temperature_colours(one.temperature for one in series)
        for own, axes in panels:
            works = np.concatenate([one.work[np.isfinite(one.work)] for one in own])
            if not len(works):
                continue
            # a path that fails half way may have any work: the outermost hundredth is cut off
            low, high = np.quantile(works, [0.005, 0.995])
            bins = np.linspace(low, max(high, low + 1e-3), 50)
            for temperature in sorted({one.temperature for one in own}):
                these = [one for one in own if one.temperature == temperature]
                work = np.concatenate([one.work for one in these])
                accepted = np.concatenate([one.accepted for one in these]) > 0
                colour = colours[temperature]
                axes.hist(
                    work[np.isfinite(work)], bins, histtype="step", color=colour,
                    label=f"{temperature:g} K", linewidth=1.2,
                )  # fmt: skip
                axes.hist(work[accepted], bins, color=colour, alpha=0.4)
            axes.axvline(0.0, color=GREY, linewidth=0.6)


def plot_swaps(path: Path, series: Sequence[MdSeries]) -> None:
    """Draw accepted swaps (full) and distinct charge orders so far (dashed) against time."""
    note = "full: accepted swaps, dashed: distinct charge orders visited"
    with _panels(path, series, "Time (ps)", "Number", note) as panels:
        colours = temperature_colours(one.temperature for one in series)
        for own, axes in panels:
            for one in own:
                colour, label = colours[one.temperature], f"{one.temperature:g} K"
                t, count = _thinned(one.time, np.cumsum(one.accepted))
                axes.plot(t, count, color=colour, linewidth=1.0, label=label)
                t, count = _thinned(one.time, one.orders)
                axes.plot(t, count, color=colour, linewidth=0.9, linestyle="--")
            axes.set_ylim(bottom=0.0)


def plot_outside(path: Path, series: Sequence[MdSeries]) -> None:
    """Draw how far, and for which part, paths lie outside the training range, and (cross) the mean.

    That range is the one between the mean bond lengths of the two charge states.
    """
    with matplotlib.rc_context(STYLE):
        figure, panels = make_panels(sorted({one.x for one in series}), 2.4)
        for x, axes in panels.items():
            shown = [one for one in series if one.x == x]
            columns = [(one.outside_share, one.outside, one.accepted) for one in shown]
            share, far, accepted = (np.concatenate(c) for c in zip(*columns, strict=True))
            for which, colour, label in (
                (accepted == 0, GREY, "refused"),
                (accepted > 0, VERMILION, "accepted"),
            ):
                s, f = _thinned(100 * share[which], far[which])
                axes.plot(s, f, ".", color=colour, markersize=3.0, alpha=0.5, label=label)
            known_share, known_far = finite(share, far)
            if len(known_far):
                axes.plot(100 * known_share.mean(), known_far.mean(), "+", color=BLUE, ms=11, mew=2)
            axes.set_title(f"$x$ = {x:.3g}")
        figure.supxlabel("Part of the path outside (%)", fontsize=9.5)
        figure.supylabel("Farthest outside (Å)", fontsize=9.5)
        handles, labels = next(iter(panels.values())).get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper center", ncols=2,
            title="mean bond lengths of the ions that change,\nagainst the range of both states",
            title_fontsize=8.0,
        )  # fmt: skip
        save(figure, path)


@contextmanager
def _panels(
    path: Path, series: Sequence[MdSeries], across: str, up: str, note: str
) -> Iterator[list[tuple[list[MdSeries], Any]]]:
    """Give the replicas and axes of each x to draw in; label and save them afterwards."""
    with matplotlib.rc_context(STYLE):
        figure, panels = make_panels(sorted({one.x for one in series}), 2.4)
        yield [([one for one in series if one.x == x], axes) for x, axes in panels.items()]
        for x, axes in panels.items():
            axes.set_title(f"$x$ = {x:.3g}")
        figure.supxlabel(across, fontsize=9.5)
        figure.supylabel(up, fontsize=9.5)
        figure_legend(figure, panels, note)
        save(figure, path)


def _thinned(x: Floats, y: Floats) -> tuple[Any, Any]:
    """Keep at most `MANY` of the points that are known, evenly."""
    known_x, known_y = finite(x, y)
    stride = max(1, -(-len(known_x) // MANY))
    return known_x[::stride], known_y[::stride]
