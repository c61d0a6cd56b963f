"""The data card of a labelled set: data.json, data.md and data.png."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dft.describe import ANY, RelaxedLimits, describe_set, moments_by_species
from dft.scf_history import scf_table
from redoxmc.io.files import replace_atomically, write_atomically
from study_tools.markdown import table

if TYPE_CHECKING:
    from ase import Atoms

_LABELS = 25  # ion orders up to which a plot names each


def write_card(
    frames: "Sequence[Atoms]", folder: Path, limits: RelaxedLimits = ANY
) -> dict[str, Any]:
    """Write data.json, data.md and the plots of a set into folder; return the data."""
    data = describe_set(frames, limits)
    write_atomically(folder / "data.json", json.dumps(data, indent=2) + "\n")
    write_atomically(folder / "data.md", _markdown(data))
    _plot(frames, data, folder / "data.png")
    return data


def _markdown(data: dict[str, Any]) -> str:
    counts = table(["x", "frames"], data["frames_per_x"].items())
    parts = [f"{data['frames']} frames of {data['orders']} orders.\n", counts]
    for title, key in (("supercell", "frames_per_cell"), ("made by", "made_by")):
        if data[key]:
            parts.append(table([title, "frames"], data[key].items()))
    moments = {n: v for n, v in data["moments_muB"].items() if isinstance(v, dict)}
    rows = [
        [
            name,
            f"{values['mean']:.3f}",
            "{:.2f} to {:.2f}".format(*values["inner_98_percent"]),
            f"{values['min']:.2f} to {values['max']:.2f}",
            values["atoms"],
        ]
        for name, values in moments.items()
    ]
    parts.append(table(["species", "moment, µB", "inner 98 %", "range", "atoms"], rows))
    gaps = [(n, v) for n, v in data["moments_muB"].items() if n not in moments]
    parts.append("".join(f"{name}: {value:.2f} µB\n" for name, value in gaps))
    if data["frames_without_moments"]:
        parts.append(f"{data['frames_without_moments']} frames without moments.\n")
    head = ["ion order", "charge orders above the lowest, meV per redox site"]
    orders = data["charge_orders_meV_per_site"]
    energies = [[n, " / ".join(f"{e:.0f}" for e in values)] for n, values in orders.items()]
    parts.append(table(head, energies))
    parts.append(scf_table(data["scf"]))
    return "\n".join(part for part in parts if part)


def _plot(frames: "Sequence[Atoms]", data: dict[str, Any], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    counts, moments, energies = figure.subplots(1, 3)
    counts.bar([float(x) for x in data["frames_per_x"]], data["frames_per_x"].values(), width=0.03)
    counts.set(xlabel="x", ylabel="frames")
    pools = moments_by_species(frames)
    every = np.concatenate(list(pools.values())) if pools else np.zeros(1)
    bins = np.histogram_bin_edges(every, 80)
    for name, values in pools.items():
        moments.hist(values, bins=bins, alpha=0.7, label=name)
    moments.set(xlabel="site moment / µB", ylabel="atoms")
    if pools:
        moments.legend()
    orders = data["charge_orders_meV_per_site"]
    for row, values in enumerate(orders.values()):
        energies.plot(values, np.full(len(values), row), "|", markersize=12, markeredgewidth=2)
    if len(orders) <= _LABELS:
        energies.set_yticks(range(len(orders)), list(orders), fontsize=8)
    energies.set(xlabel="charge orders above the lowest / meV per site", ylabel="ion order")
    energies.xaxis.label.set_size(9)
    replace_atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=120))
