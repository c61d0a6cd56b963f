"""Two labellings of the same structures: does one rank charge orders as the other does?

`python -m redoxmc.data.compare REFERENCE OTHER --json FILE` compares, say, DFT with a teacher.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.data.describe import Order, order_of
from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN, energy_of, read_labelled
from redoxmc.io.files import write_atomically

if TYPE_CHECKING:
    from ase import Atoms

_SAME = 1e-3  # Å: two frames with all atoms and cell vectors nearer than this are one structure


def match(reference: "Sequence[Atoms]", other: "Sequence[Atoms]") -> "list[tuple[Atoms, Atoms]]":
    """Pair the frames that are the same structure with the same charge states."""
    pairs = []
    for one in reference:
        for two in other:
            if (
                list(one.arrays[COLUMN]) == list(two.arrays[COLUMN])
                and np.abs(one.cell.array - two.cell.array).max() < _SAME
                and np.abs(one.positions - two.positions).max() < _SAME
            ):
                pairs.append((one, two))
                break
    return pairs


def compare(reference: "Sequence[Atoms]", other: "Sequence[Atoms]") -> dict[str, Any]:
    """Compare energies and forces on the structures that both have.

    Returns pairs; charge_orders: for each ion order with several charge orders, the energies above
    the reference's lowest (meV per redox site) in both, and Kendall's tau; formation: energies
    relative to the end members x = 0 and 1 (meV per redox site), where both have them; forces: mean
    absolute difference (meV/Å). Each order counts once, with its lowest frame in the reference.
    """
    pairs = match(reference, other)
    if not pairs:
        raise InputError("the two sets have no structure in common.")
    lowest: dict[Order, tuple[float, float]] = {}
    for one, two in pairs:
        order = order_of(one)
        if order is not None:
            n = len(order.redox)
            energies = (energy_of(one) / n, energy_of(two) / n)
            lowest[order] = min(energies, lowest.get(order, (np.inf, np.inf)))
    differences = [np.abs(one.get_forces() - two.get_forces()).mean() for one, two in pairs]
    return {
        "pairs": len(pairs),
        "charge_orders": _charge_orders(lowest),
        "formation": _formation(lowest),
        "force_mae_meV_per_A": float(1000 * np.mean(differences)),
    }


def _charge_orders(lowest: dict[Order, tuple[float, float]]) -> list[dict[str, Any]]:
    from scipy.stats import kendalltau

    groups: dict[tuple[str, str], list[tuple[Order, tuple[float, float]]]] = {}
    for order, energies in lowest.items():
        groups.setdefault((order.cell, order.ion_order), []).append((order, energies))
    out = []
    for (cell, ions), entries in sorted(groups.items()):
        if len(entries) < 2:
            continue
        entries.sort(key=lambda entry: entry[1][0])
        table = np.array([energies for _, energies in entries])
        table = 1000 * (table - table[0])
        out.append(
            {
                "cell": cell,
                "ions": ions,
                "orders": [order.redox for order, _ in entries],
                "reference_meV_per_site": table[:, 0].round(3).tolist(),
                "other_meV_per_site": table[:, 1].round(3).tolist(),
                "kendall_tau": float(kendalltau(table[:, 0], table[:, 1]).statistic),
            }
        )
    return out


def _formation(lowest: dict[Order, tuple[float, float]]) -> list[dict[str, Any]]:
    ends: dict[float, np.ndarray] = {}
    for order, energies in lowest.items():
        if order.x in (0.0, 1.0):
            known = ends.get(order.x, np.full(2, np.inf))
            ends[order.x] = np.minimum(known, energies)
    if len(ends) < 2:
        return []
    out = []
    for order, energies in sorted(lowest.items(), key=lambda item: (item[0].x, item[1])):
        formation = 1000 * (np.array(energies) - (1 - order.x) * ends[0.0] - order.x * ends[1.0])
        out.append(
            {
                "order": f"{order.redox}|{order.ions}",
                "x": order.x,
                "reference_meV_per_site": round(float(formation[0]), 3),
                "other_meV_per_site": round(float(formation[1]), 3),
            }
        )
    return out


def main() -> None:
    """Compare two labelled files."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("reference", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        result = compare(read_labelled(arguments.reference), read_labelled(arguments.other))
        text = json.dumps(result, indent=2) + "\n"
        if arguments.json:
            write_atomically(arguments.json, text)
        else:
            print(text, end="")
    except InputError as error:
        raise SystemExit(f"compare: {error}") from None


if __name__ == "__main__":
    main()
