"""Pictures of charge orders, and their order parameters against temperature."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

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
    series_style,
)
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy

AXES = "abc"
COLUMNS = 4  # panels in a row
# of more than two charge states; 4 times over is enough for any material
STATE_COLOURS = (VERMILION, BLUE, GREEN, PURPLE, SKY, BLACK)
SAME_LAYER = 0.5  # Å: redox sites closer along the view lie in one layer


@dataclass(frozen=True)
class ParameterCurve:
    """Order parameters of one x against temperature: [n_T] in K, [n_T, n_shells] each."""

    x: float
    temperatures: ArrayLike
    redox: Floats  # among the charge states; nan where unknown
    redox_errors: Floats  # standard errors, from the spread of the replicas; 0 of a single one
    ions: Floats  # between charge states and ions
    ions_errors: Floats


def clearest_axis(lattice: Lattice) -> int:
    """The cell vector along which the layers of redox sites are farthest apart: 0, 1 or 2."""
    nearest = []
    for axis in range(3):
        gaps = _gaps(lattice, axis)[1]
        nearest.append(gaps[gaps > SAME_LAYER].min())  # the image of a site is always so far
    return int(np.argmax(np.round(nearest, 6)))


def layers_along(lattice: Lattice, axis: int) -> list[Ints]:
    """Sites of each slab along a cell vector: a layer of redox sites and what lies around it.

    axis: 0, 1, 2. Slabs end half way between neighbouring layers; a site there belongs to the slab
    above it. In order along the vector.
    """
    phase = np.mod(lattice.scaled[:, axis] + 1e-6, 1.0)
    redox, gaps = _gaps(lattice, axis)
    ends = np.flatnonzero(gaps > SAME_LAYER)
    if len(ends) < 2:
        return [np.arange(len(phase))]
    after = np.append(redox[1:], redox[0] + 1.0)
    bounds = np.sort(np.mod((redox[ends] + after[ends]) / 2 - 2e-6, 1.0))
    slab = np.searchsorted(bounds, phase, side="right") % len(bounds)
    # the first slab is the one that begins at or after the origin
    order = np.argsort(np.append(bounds[-1] - 1.0, bounds[:-1]) < -1e-5, kind="stable")
    return [np.flatnonzero(slab == n) for n in order]


def _gaps(lattice: Lattice, axis: int) -> tuple[Floats, Floats]:
    """Phases of the redox sites along a cell vector, ascending, and the distance (Å) to the next.

    That of the last is to the image of the first.
    """
    spacing = 1.0 / np.linalg.norm(np.linalg.inv(lattice.cell)[:, axis])
    redox = np.sort(np.mod(lattice.scaled[lattice.redox_sites, axis] + 1e-6, 1.0))
    gaps: Floats = np.diff(redox, append=redox[0] + 1.0) * spacing
    return redox, gaps


def draw_order(path: Path, lattice: Lattice, occupancy: Occupancy, axis: int | None = None) -> None:
    """Draw a charge order on the host's sites, looking along a cell vector: a panel per layer.

    axis: 0, 1 or 2, by default the one along which the layers are farthest apart. Vacant ion
    sites are open circles, everything else is small and grey.
    """
    axis = clearest_axis(lattice) if axis is None else axis
    across, up = (n for n in range(3) if n != axis)
    flat = _projection(lattice.cell, axis, across, up)
    slabs = layers_along(lattice, axis)
    rows = -(-len(slabs) // COLUMNS)
    columns = -(-len(slabs) // rows)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ flat[[across, up]]
    extent = np.ptp(corners, axis=0)
    width = 2.0 if columns > 1 else 3.4
    with matplotlib.rc_context(STYLE):
        size = (width * columns + 0.3, width * rows * extent[1] / extent[0] + 0.25 * rows + 0.5)
        figure = Figure(figsize=size)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in grid[len(slabs) :]:
            axes.set_visible(False)
        for number, (axes, sites) in enumerate(zip(grid, slabs, strict=False)):
            axes.plot(*corners.T, color=GREY, linewidth=0.8, zorder=1)
            for kind, points in _points(lattice, occupancy, sites, axis).items():
                axes.scatter(
                    *(points @ flat).T, label=kind, clip_on=False, **_marker(lattice, kind)
                )
            axes.set_aspect("equal")
            axes.axis("off")
            if len(slabs) > 1:
                axes.set_title(f"layer {number + 1}", fontsize=8.0)
        legend: dict[str, Any] = {}
        for axes in grid:
            handles, kinds = axes.get_legend_handles_labels()
            legend = dict(zip(kinds, handles, strict=True)) | legend
        figure.legend(
            legend.values(), legend.keys(), loc="outside upper center", ncols=3,
            title=f"along {AXES[axis]}; {AXES[across]} across, {AXES[up]} up", title_fontsize=8.0,
        )  # fmt: skip
        save(figure, path)


def _projection(cell: Floats, axis: int, across: int, up: int) -> Floats:
    """Fractional coordinates to the plane normal to a cell vector, (3, 2)."""
    view = cell[axis] / np.linalg.norm(cell[axis])
    right = cell[across] - (cell[across] @ view) * view
    right /= np.linalg.norm(right)
    top = cell[up] - (cell[up] @ view) * view
    top -= (top @ right) * right
    return np.asarray(cell @ np.column_stack([right, top / np.linalg.norm(top)]))


def _points(lattice: Lattice, occupancy: Occupancy, sites: Ints, axis: int) -> dict[str, Floats]:
    """Fractional positions by kind, with the images of sites on the edges of the cell."""
    redox, ions = np.split(occupancy, [lattice.n_redox])
    ion = str(lattice.species[lattice.ion_sites[0]]) if lattice.n_ion_sites else "ion"
    states, fillings = _states(lattice), ("vacant " + ion, ion)
    kinds = {
        int(site): str(own[level])
        for site, own, level in zip(lattice.redox_sites, lattice.redox_states, redox, strict=True)
    }
    kinds |= {int(s): fillings[v] for s, v in zip(lattice.ion_sites, ions, strict=True)}
    every = (*states[::-1], *fillings[::-1], "other ions")
    by_kind: dict[str, list[Floats]] = {kind: [] for kind in every}
    for site in sites:
        home = np.mod(lattice.scaled[site] + 1e-6, 1.0) - 1e-6
        shifts = [(0, 1) if home[n] < 1e-3 and n != axis else (0,) for n in range(3)]
        images = np.stack(np.meshgrid(*shifts, indexing="ij"), axis=-1).reshape(-1, 3)
        by_kind[kinds.get(int(site), "other ions")].extend(home + images)
    return {kind: np.array(points) for kind, points in by_kind.items() if points}


def _states(lattice: Lattice) -> tuple[str, ...]:
    """All charge states, most oxidised first of each kind of redox site."""
    return tuple(dict.fromkeys(str(state) for states in lattice.ladders for state in states))


def _marker(lattice: Lattice, kind: str) -> dict[str, Any]:
    if kind == "other ions":
        return {"s": 5, "color": GREY, "alpha": 0.5, "linewidths": 0, "zorder": 2}
    if kind.startswith("vacant"):
        return {"s": 34, "facecolors": "none", "edgecolors": GREY, "linewidths": 0.8, "zorder": 3}
    if lattice.one_couple:
        colours = {str(lattice.reduced): BLUE, str(lattice.oxidised): VERMILION}
    else:
        colours = dict(zip(_states(lattice), STATE_COLOURS * 4, strict=False))
    size = 70 if kind in colours else 34
    return {
        "s": size, "color": colours.get(kind, ORANGE), "edgecolors": BLACK, "linewidths": 0.5,
        "zorder": 4,
    }  # fmt: skip


def plot_order_parameters(path: Path, curves: Sequence[ParameterCurve]) -> None:
    """Draw the Warren-Cowley parameters of each shell against temperature, a colour for each x.

    Upper row: among the charge states; lower row: between charge states and ions. 0 is disorder.
    """
    shells = max((np.shape(c.redox)[1] for c in curves), default=1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.2 + 2.1 * shells, 4.0))
        grid = figure.subplots(2, shells, squeeze=False, sharex=True)
        for n, curve in enumerate(sorted(curves, key=lambda c: c.x)):
            colour, marker = series_style(n)
            kinds = ((curve.redox, curve.redox_errors), (curve.ions, curve.ions_errors))
            for row, (values, errors) in enumerate(kinds):
                for shell in range(shells):
                    grid[row, shell].errorbar(
                        np.asarray(curve.temperatures), values[:, shell], yerr=errors[:, shell],
                        fmt=f"{marker}-", markersize=3.5, capsize=2, linewidth=1.0,
                        color=colour, label=f"$x$ = {curve.x:.3g}",
                    )  # fmt: skip
        for shell in range(shells):
            grid[0, shell].set_title(f"shell {shell + 1}")
            for axes in grid[:, shell]:
                axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
        grid[0, 0].set_ylabel("charge states")
        grid[1, 0].set_ylabel("charges and ions")
        figure.supxlabel("Temperature (K)", fontsize=9.5)
        figure.supylabel("Warren-Cowley parameter", fontsize=9.5)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=min(5, len(labels) or 1))
        save(figure, path)
