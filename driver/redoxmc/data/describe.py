"""What a labelled set holds: the numbers and the plots of its data card.

`python -m redoxmc.data.describe FILES... --out FOLDER` writes data.json, data.md and the plots.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.data.scf_history import scf_rows, scf_table
from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN, energy_of, read_labelled
from redoxmc.io.files import replace_atomically, write_atomically
from redoxmc.species import Species

if TYPE_CHECKING:
    from ase import Atoms

_LABELS = 25  # ion orders up to which a plot names each
_INNER = (0.01, 0.99)  # quantiles: the few atoms at a threshold say little of the gap


@dataclass(frozen=True)
class Still:
    """Which frames count as relaxed: none of their forces (eV/Å), stresses (eV/Å^3) is larger."""

    force: float = np.inf
    stress: float = np.inf

    def holds(self, frame: "Atoms") -> bool:
        """Whether a frame is within the limits; a frame without a stress has none."""
        stress = frame.calc.results.get("stress", np.zeros(6))
        return bool(
            np.abs(frame.get_forces()).max() < self.force and np.abs(stress).max() < self.stress
        )


@dataclass(frozen=True)
class Order:
    """The order of a frame, from `info["order"]`: cell (may be empty), redox bits, ion bits.

    ion_order: a name that equivalent ion orders share, from `info["ion_order"]`, else the ion bits.
    """

    cell: str
    redox: str
    ions: str
    ion_order: str = field(default="", compare=False)

    @property
    def x(self) -> float:
        """Ions per redox site."""
        return self.ions.count("1") / len(self.redox)


def order_of(frame: "Atoms") -> Order | None:
    """Return the order of a frame (`REDOX|IONS` or `CELL:REDOX|IONS` in `info`), None without."""
    text = str(frame.info.get("order", ""))
    cell, _, occupancy = text.rpartition(":")
    redox, bar, ions = occupancy.partition("|")
    ion_order = str(frame.info.get("ion_order", ions))
    return Order(cell, redox, ions, ion_order) if bar and redox else None


def shared_orders(one: "Sequence[Atoms]", two: "Sequence[Atoms]") -> set[Order]:
    """Return the orders that two sets have in common: none, for a test set and its training set."""
    first = {order_of(frame) for frame in one}
    return {order for order in map(order_of, two) if order in first and order is not None}


def describe_set(frames: "Sequence[Atoms]", still: Still = Still()) -> dict[str, Any]:
    """Return what a data card says of a set.

    still: the frames that energies of orders are taken from.
    frames, atoms; frames_per_x; frames_per_cell; made_by (how, from `info`); moments by species
    (µB) of elements with several charge states, and the gap between neighbours, of all atoms and
    of the inner 98 % of each species; spread of charge-order energies at fixed ion order (meV per
    redox site), from the lowest frame of each order; scf, convergence of computed frames.
    """
    orders = [order_of(frame) for frame in frames]
    per_x = Counter(order.x for order in orders if order is not None)
    made_by = Counter(str(f.info[key]) for f in frames if (key := _maker_key(f)))
    per_cell = Counter(order.cell for order in orders if order is not None and order.cell)
    moments = _moments(frames)
    return {
        "frames": len(frames),
        "atoms": {"least": min(map(len, frames)), "most": max(map(len, frames))},
        "frames_per_x": {f"{x:g}": per_x[x] for x in sorted(per_x)},
        "frames_per_cell": dict(sorted(per_cell.items())),
        "orders": len(set(orders) - {None}),
        "made_by": dict(sorted(made_by.items())),
        "moments_muB": moments,
        "frames_without_moments": sum("magmoms" not in frame.calc.results for frame in frames),
        "charge_orders_meV_per_site": charge_order_energies(frames, still),
        "largest_force_eV_per_A": max(float(np.abs(f.get_forces()).max()) for f in frames),
        "scf": scf_rows(frames, [n for n, v in moments.items() if isinstance(v, dict)]),
    }


def _maker_key(frame: "Atoms") -> str | None:
    return next((key for key in ("made_by", "origin") if key in frame.info), None)


def moments_by_species(frames: "Sequence[Atoms]") -> dict[str, np.ndarray]:
    """Return |moment| (µB) of the atoms of each species whose element has several charge states."""
    found: dict[str, list[np.ndarray]] = {}
    for frame in frames:
        if "magmoms" not in frame.calc.results:
            continue
        states = frame.arrays[COLUMN]
        for name in np.unique(states):
            found.setdefault(str(name), []).append(
                np.abs(frame.calc.results["magmoms"][states == name])
            )
    elements = Counter(Species.parse(name).element for name in found)
    names = sorted(name for name in found if elements[Species.parse(name).element] > 1)
    return {name: np.concatenate(found[name]) for name in names}


def _moments(frames: "Sequence[Atoms]") -> dict[str, Any]:
    pools = moments_by_species(frames)
    out: dict[str, Any] = {
        name: {
            "mean": float(values.mean()),
            "min": float(values.min()),
            "max": float(values.max()),
            "inner_98_percent": [float(q) for q in np.quantile(values, _INNER)],
            "atoms": int(values.size),
        }
        for name, values in pools.items()
    }
    by_mean = sorted(pools, key=lambda name: (Species.parse(name).element, pools[name].mean()))
    for low, high in pairwise(by_mean):
        if Species.parse(low).element == Species.parse(high).element:
            out[f"gap {low} {high}"] = float(pools[high].min() - pools[low].max())
            inner = np.quantile(pools[high], _INNER[0]) - np.quantile(pools[low], _INNER[1])
            out[f"gap {low} {high}, inner 98 %"] = float(inner)
    return out


def lowest_energies(frames: "Sequence[Atoms]", still: Still = Still()) -> dict[Order, float]:
    """Return the lowest energy (eV per redox site) of each order, of frames that are still."""
    lowest: dict[Order, float] = {}
    for frame in frames:
        order = order_of(frame)
        if order is not None and still.holds(frame):
            energy = energy_of(frame) / len(order.redox)
            lowest[order] = min(energy, lowest.get(order, np.inf))
    return lowest


def charge_order_energies(
    frames: "Sequence[Atoms]", still: Still = Still()
) -> dict[str, list[float]]:
    """Return, by cell and ion order, the energies of charge orders above the lowest, meV/site."""
    groups: dict[str, list[float]] = {}
    for order, energy in lowest_energies(frames, still).items():
        name = f"{order.cell}:{order.ion_order}" if order.cell else order.ion_order
        groups.setdefault(name, []).append(energy)
    return {
        name: [round(1000 * (e - min(energies)), 3) for e in sorted(energies)]
        for name, energies in sorted(groups.items())
        if len(energies) > 1
    }


def write_card(frames: "Sequence[Atoms]", folder: Path, still: Still = Still()) -> dict[str, Any]:
    """Write data.json, data.md and the plots of a set into folder; returns the data."""
    data = describe_set(frames, still)
    write_atomically(folder / "data.json", json.dumps(data, indent=2) + "\n")
    write_atomically(folder / "data.md", _markdown(data))
    _plot(frames, data, folder / "data.png")
    return data


def _markdown(data: dict[str, Any]) -> str:
    lines = [
        f"{data['frames']} frames of {data['orders']} orders.",
        "",
        "| x | frames |",
        "|---|---|",
    ]
    lines += [f"| {x} | {n} |" for x, n in data["frames_per_x"].items()]
    for title, counts in (("supercell", data["frames_per_cell"]), ("made by", data["made_by"])):
        if counts:
            lines += ["", f"| {title} | frames |", "|---|---|"]
            lines += [f"| {name} | {n} |" for name, n in counts.items()]
    lines += ["", "| species | moment, µB | inner 98 % | range | atoms |", "|---|---|---|---|---|"]
    for name, values in data["moments_muB"].items():
        if isinstance(values, dict):
            extent = f"{values['min']:.2f} to {values['max']:.2f}"
            inner = "{:.2f} to {:.2f}".format(*values["inner_98_percent"])
            lines.append(
                f"| {name} | {values['mean']:.3f} | {inner} | {extent} | {values['atoms']} |"
            )
    gaps = [(n, v) for n, v in data["moments_muB"].items() if not isinstance(v, dict)]
    lines += ["", *(f"{name}: {value:.2f} µB" for name, value in gaps)]
    if data["frames_without_moments"]:
        lines += ["", f"{data['frames_without_moments']} frames without moments."]
    lines += ["", "| ion order | charge orders above the lowest, meV per redox site |", "|---|---|"]
    for name, energies in data["charge_orders_meV_per_site"].items():
        lines.append(f"| {name} | {' / '.join(f'{e:.0f}' for e in energies)} |")
    return "\n".join(lines + scf_table(data["scf"])) + "\n"


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


def main() -> None:
    """Write the card of the files named on the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--still", type=float, nargs=2, metavar=("EV_PER_A", "EV_PER_A3"))
    arguments = parser.parse_args()
    try:
        frames = [frame for file in arguments.files for frame in read_labelled(file)]
        write_card(frames, arguments.out, Still(*arguments.still) if arguments.still else Still())
    except InputError as error:
        raise SystemExit(f"describe: {error}") from None


if __name__ == "__main__":
    main()
