"""Two labellings of the same structures: does one rank charge orders as the other does?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dft.describe import Order, order_of
from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN, energy_of

if TYPE_CHECKING:
    from ase import Atoms

_SAME = 1e-3  # Å: two frames with all atoms and cell vectors nearer than this are one structure


def match(reference: "Sequence[Atoms]", other: "Sequence[Atoms]") -> "list[tuple[Atoms, Atoms]]":
    """Return the pairs of frames that are the same structure with the same charge states."""
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

    Each order counts once, with its lowest frame in the reference. The keys of the result are:
    `pairs`, how many structures both have; `charge_orders`, for each ion order with several charge
    orders the energies above the reference's lowest (meV per redox site) in both, and Kendall's
    tau; `formation`, energies relative to the end members x = 0 and 1 (meV per redox site), empty
    where an end member is missing; `force_mae_meV_per_A`, the mean absolute difference of forces.
    Raises InputError where the sets have no structure in common.
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
            lower = ends.get(order.x, np.full(2, np.inf))
            ends[order.x] = np.minimum(lower, energies)
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
