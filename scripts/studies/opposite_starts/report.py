"""What two chains came to: order parameters, whether they have met, costs, the plot."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from opposite_starts.chain import read_records
from opposite_starts.crystal import STARTS, crystal, edges, redox_sites, starts, types
from opposite_starts.meeting import (
    by_patch,
    likeness,
    meet,
    neighbour_likeness,
    occupancy_of_text,
    patches,
    second_half,
)
from redoxmc.report.plot_style import BLUE, GREY, STYLE, VERMILION, save
from redoxmc.structures.neighbours import neighbour_shells
from redoxmc.thermo.correlation import effective_samples, standard_error

PATCH = (5, 2, 2)  # unit cells
SHELLS = 2

Floats = NDArray[np.float64]
Measure = Callable[[Any], Floats]  # from an occupancy to a number of each site


@dataclass(frozen=True)
class Series:
    """A chain, by record."""

    swaps: Floats  # accepted, per ion
    energy: Floats  # eV/f.u.
    orders: dict[str, Floats]  # order parameters by name, [n_records, n_patches]


def report(folder: Path, model: Path, cells: Sequence[int]) -> dict[str, Any]:
    """Return the results; draws folder/large_order.png."""
    begun = starts(folder, model, cells)
    lmp = crystal(model, cells)
    atoms, places = redox_sites(lmp)
    shells, distances = neighbour_shells(np.diag(edges(lmp)), places * edges(lmp), SHELLS)
    patch = patches(places, [max(1, n // m) for n, m in zip(cells, PATCH, strict=True)])
    perfect = {name: occupancy_of_text(begun[name]["order"], len(atoms)) for name in STARTS}
    measures: dict[str, Measure] = {
        f"like_{name}": partial(likeness, reference=order) for name, order in perfect.items()
    }
    for k, pairs in enumerate(shells):
        measures[f"warren_cowley_{k + 1}"] = partial(neighbour_likeness, pairs=pairs)
    records = {start: read_records(folder, start) for start in STARTS}
    series = {start: _series(one, measures, patch) for start, one in records.items()}
    compared = {}
    for name, measure in measures.items():
        ends = [float(measure(perfect[start]).mean()) for start in STARTS]
        means = [second_half(series[start].orders[name]) for start in STARTS]
        compared[name] = {
            start: {"start": end} | asdict(mean)
            for start, end, mean in zip(STARTS, ends, means, strict=True)
        } | asdict(meet(means[0], means[1], (ends[0], ends[1])))
    result = {
        "settings": records[STARTS[0]][0]["settings"],
        "atoms": len(types(lmp)),
        "sites": len(atoms),
        "patches": int(patch.max()) + 1,
        "shells_A": [round(float(one), 2) for one in distances],
        "highest_above_lowest_relaxed_meV": 1e3
        * (begun["highest"]["relaxed_eV"] - begun["lowest"]["relaxed_eV"]),
        "chains": {start: _totals(records[start], series[start]) for start in STARTS},
        "second_halves": compared,
        "met": all(one["met"] for one in compared.values()),
    }
    draw(folder / "large_order.png", series, result)
    return result


def _series(
    records: list[dict[str, Any]], measures: dict[str, Measure], patch: NDArray[np.int64]
) -> Series:
    occupancies = [occupancy_of_text(one["order"], len(patch)) for one in records]
    return Series(
        2.0 * np.array([one["accepted"] for one in records]) / len(patch),
        np.array([one["energy_eV"] for one in records]),
        {
            name: np.array([by_patch(measure(one), patch) for one in occupancies])
            for name, measure in measures.items()
        },
    )


def _totals(records: list[dict[str, Any]], series: Series) -> dict[str, Any]:
    """What a chain cost, and the energy of its second half, the error from its memory in time."""
    half = series.energy[len(series.energy) // 2 :]
    error = standard_error(half)
    costs = ("attempts", "accepted", "cpu_s", "wall_s", "moves_s")
    return {
        "records": len(records),
        **{name: records[-1][name] for name in costs},
        "swaps_per_ion": float(series.swaps[-1]),
        "kelvin": float(np.mean([one["kelvin"] for one in records])),
        "energy_eV": float(half.mean()),
        "energy_error_eV": None if math.isnan(error) else error,
        "energy_effective_samples": effective_samples(half),
    }


def draw(path: Path, series: dict[str, Series], result: dict[str, Any]) -> None:
    """Draw order parameters and energy of both chains against accepted swaps per ion."""
    zero = np.mean([one["energy_eV"] for one in result["chains"].values()])
    first, second = result["shells_A"]
    rows = (
        ("like_lowest", "Likeness to the\nlowest order"),
        ("warren_cowley_1", f"Warren-Cowley,\n{first:.1f} Å"),
        ("warren_cowley_2", f"Warren-Cowley,\n{second:.1f} Å"),
        ("energy", "Energy\n(meV/f.u.)"),
    )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 6.4))
        grid = figure.subplots(len(rows), 1, sharex=True)
        for axes, (name, label) in zip(grid, rows, strict=True):
            axes.axhline(0.0, color=GREY, linewidth=0.6)
            for start, colour in zip(STARTS, (BLUE, VERMILION), strict=True):
                one = series[start]
                y = 1e3 * (one.energy - zero) if name == "energy" else one.orders[name].mean(axis=1)
                axes.plot(one.swaps, y, color=colour, label=f"from the {start} order")
                middle = one.swaps[len(one.swaps) // 2]
                axes.axvline(middle, color=colour, linewidth=0.6, linestyle=":")
            axes.set_ylabel(label)
        settings = result["settings"]
        grid[0].legend(title=f"{result['atoms']:,} atoms, {settings['temperature']:g} K")
        grid[-1].set_xlabel("accepted swaps per ion (right of the dotted lines: second halves)")
        figure.align_ylabels(list(grid))
        save(figure, path)
