"""Plots of a comparison: one panel for each model, the same axes for all."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from model_comparison.records import Record, Results
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
    save,
)
from redoxmc.structures.occupancy import split_key
from redoxmc.thermo.hull import hull_vertices

COLOURS = (BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE, BLACK, GREY)
START_COLOURS = {"reference": BLUE, "symmetric": ORANGE, "rattled": GREY}


def plot_assignment(path: Path, tables: dict[str, Results]) -> None:
    """Bars: fraction of relaxations that kept their order, for each set of states, model, start."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.6 * len(tables)))
        panels = figure.subplots(len(tables), 1, squeeze=False)[:, 0]
        for axes, (name, results) in zip(panels, tables.items(), strict=True):
            models = list(results)
            for k, start in enumerate(START_COLOURS):
                shares = [share_kept(results[m]["assignment"], start) for m in models]
                at = np.arange(len(models)) + 0.27 * (k - 1)
                axes.bar(at, shares, 0.25, color=START_COLOURS[start], label=f"{start} start")
                for place, share in zip(at, shares, strict=True):
                    if np.isfinite(share):
                        axes.text(place, share + 1, f"{share:.0f}", ha="center", fontsize=6.5)
            axes.set_xticks(np.arange(len(models)), [_broken(m) for m in models], fontsize=8)
            axes.set_ylabel("order kept (%)")
            axes.set_ylim(0, 112)
            axes.set_title(name, loc="left")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
        save(figure, path)


def share_kept(rows: Sequence[dict[str, Any]], start: str) -> float:
    """Per cent of the relaxations from a start that kept their order by bonds; NaN without one."""
    chosen = [row for row in rows if row["start"] == start]
    total = sum(row["relaxations"] for row in chosen)
    return 100 * sum(row["kept_by_bonds"] for row in chosen) / total if total else float("nan")


def plot_orders(path: Path, results: Results, reference: str) -> None:
    """Energies of charge orders relative to the mean of their ion order: model against reference.

    At the frames' geometries; held out full, in-sample open.
    """
    drawn = {name: rows for name, r in results.items() if (rows := _rows_of(r, "fixed"))}
    if not drawn:
        return
    with matplotlib.rc_context(STYLE):
        figure, panels = _grid(len(drawn), 2.1)
        for axes, (name, rows) in zip(panels, drawn.items(), strict=True):
            axes.axline((0, 0), slope=1, color=GREY, linewidth=0.8)
            for row in rows:
                face = BLUE if row["errors"] == "held out" else "none"
                own = row["orders"]
                axes.plot(own["reference_meV_per_site"], own["model_meV_per_site"], "o",
                          color=BLUE, mfc=face, ms=4)  # fmt: skip
            axes.set_title(name, fontsize=8)
        figure.supxlabel(f"{reference} (meV per site)", fontsize=9)
        figure.supylabel("model (meV per site)", fontsize=9)
        save(figure, path)


def _rows_of(result: Record, kind: str) -> list[dict[str, Any]]:
    return [row for row in result["rows"] if row["at"] == kind and row["orders"]]


def plot_distributions(path: Path, results: Results) -> None:
    """Histograms of relaxed energies over charge orders, each order with its degeneracy."""
    drawn = {
        n: r["distribution"][0] for n, r in results.items() if "states" in r["distribution"][0]
    }
    if not drawn:
        return
    top = max(max(row["energies_meV_per_site"]) for row in drawn.values())
    edges = np.linspace(0, max(top, 1e-6), 41)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 1.2 + 1.05 * len(drawn)))
        panels = figure.subplots(len(drawn), 1, squeeze=False, sharex=True)[:, 0]
        for axes, (name, row) in zip(panels, drawn.items(), strict=True):
            weights = np.array(row["degeneracies"]) / row["states"]
            colour = BLUE if results[name]["charge_aware"] else ORANGE
            axes.hist(row["energies_meV_per_site"], edges, weights=weights, color=colour)
            text = f"{name}: width {row['width_meV_per_site']:.1f} meV per site"
            axes.text(0.99, 0.85, text, transform=axes.transAxes, ha="right", va="top", fontsize=8)
        figure.supylabel("fraction of the charge orders", fontsize=9)
        panels[-1].set_xlabel("relaxed energy above the lowest (meV per site)")
        save(figure, path)


def plot_hulls(path: Path, results: Results, reference: str) -> None:
    """Formation energies of every order and the lowest of each x, models beside the reference."""
    drawn = {name: r["hull"]["relaxed"] for name, r in results.items() if r["hull"]["relaxed"]}
    if not drawn:
        return
    with matplotlib.rc_context(STYLE):
        figure, panels = _grid(len(drawn), 2.2)
        for axes, (name, entry) in zip(panels, drawn.items(), strict=True):
            x = np.array(entry["x"])
            for what, colour, label, marker in (
                ("reference", BLACK, reference, "_"),
                ("model", BLUE, "model", "o"),
            ):
                y = np.array(entry[f"{what}_meV_per_site"])
                axes.plot(x, y, marker, color=colour, ms=7 if marker == "_" else 3.5, label=label)
                stable = hull_vertices(x, y)
                axes.plot(x[stable], y[stable], color=colour, linewidth=0.9)
            axes.set_title(name, fontsize=8)
        panels[0].legend(fontsize=7)
        figure.supxlabel("x", fontsize=9)
        figure.supylabel("formation energy (meV per site)", fontsize=9)
        save(figure, path)


def plot_trajectories(path: Path, results: Results) -> None:
    """Moments of the redox ions along optimizations, coloured by the charge state imposed."""
    drawn = {n: r["trajectories"] for n, r in results.items() if "trajectories" in r}
    if not drawn:
        return
    columns = len(next(iter(drawn.values())))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.0 + 2.0 * columns, 0.8 + 1.6 * len(drawn)))
        grid = figure.subplots(len(drawn), columns, squeeze=False, sharey=True)
        for row, (name, trajectories) in zip(grid, drawn.items(), strict=True):
            for axes, entry in zip(row, trajectories, strict=True):
                table = np.array(entry.get("moments_muB", []))
                bits = split_key(entry["order"])[0]
                for bit, series in zip(bits, table.T, strict=False):
                    axes.plot(series, color=BLUE if bit == "1" else VERMILION, linewidth=1.1)
                axes.set_title(f"{name}\n{entry['order']}, {entry['start']}", fontsize=7)
        figure.supxlabel("step of the minimization; blue: reduced, red: oxidised", fontsize=9)
        figure.supylabel("moment (µB)", fontsize=9)
        save(figure, path)


def plot_barriers(path: Path, results: Results) -> None:
    """Energies along the band of each model and along the published path."""
    drawn = {n: r for n, r in results.items() if "band_eV" in r}
    if not drawn:
        return
    published = next(iter(drawn.values()))["published_eV"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 3.2))
        axes = figure.subplots()
        at = np.linspace(0, 1, len(published))
        axes.plot(at, published, "k--o", ms=4, label="published (VASP)")
        for (name, row), colour in zip(drawn.items(), COLOURS, strict=False):
            label = f"{name} ({row['barrier_eV']:.2f})"
            axes.plot(np.linspace(0, 1, len(row["band_eV"])), row["band_eV"], "-o", ms=3,
                      color=colour, label=label)  # fmt: skip
        axes.set(xlabel="reaction coordinate", ylabel="energy (eV)")
        axes.legend(fontsize=7)
        save(figure, path)


def _grid(count: int, size: float) -> tuple[Figure, Any]:
    columns = min(4, count)
    rows = ceil(count / columns)
    figure = Figure(figsize=(1.4 + size * columns, 0.7 + size * rows))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in grid[count:]:
        axes.set_visible(False)
    return figure, grid[:count]


def _broken(name: str) -> str:
    return name.replace("-", "\n", 1)
