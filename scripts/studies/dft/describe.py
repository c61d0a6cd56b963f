"""What a labelled set holds: the numbers of its data card."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from dft.scf_history import scf_rows
from redoxmc.io.extxyz import COLUMN, energy_of
from redoxmc.species import Species
from redoxmc.structures.occupancy import split_key

if TYPE_CHECKING:
    from ase import Atoms

_INNER = (0.01, 0.99)  # quantiles: the few atoms at a threshold say little of the gap


@dataclass(frozen=True)
class RelaxedLimits:
    """Which frames count as relaxed.

    force: eV/Å; no component of a force is as large as this.
    stress: eV/Å^3; no component of the stress is as large as this.
    """

    force: float = np.inf
    stress: float = np.inf

    def holds(self, frame: "Atoms") -> bool:
        """Say whether a frame is within the limits; without a stress only forces count."""
        stress = frame.calc.results.get("stress", np.zeros(6))
        return bool(
            np.abs(frame.get_forces()).max() < self.force and np.abs(stress).max() < self.stress
        )


# what `made_by` says of them
_STATES = ("state", "relaxed", "relaxed_first")
ANY = RelaxedLimits()
# of states relaxed by another method than that of the labels; rattled ones are beyond
NEAR = RelaxedLimits(force=1.0)


@dataclass(frozen=True)
class Order:
    """The order of a frame, as its `info` names it.

    cell: the supercell; may be empty.
    redox, ions: bits of the redox sites (1: reduced) and of the ion sites (1: occupied).
    ion_order: a name that equivalent ion orders share, from `info["ion_order"]`, else `ions`.
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
    redox, ions = split_key(occupancy)
    # a file may have made a number of it, without the zeros in front
    ion_order = str(frame.info.get("ion_order", ions)).zfill(len(ions))
    return Order(cell, redox, ions, ion_order) if "|" in occupancy and redox else None


def shared_orders(one: "Sequence[Atoms]", two: "Sequence[Atoms]") -> set[Order]:
    """Return the orders that two sets have in common: none, for a test set and its training set."""
    first = {order_of(frame) for frame in one}
    return {order for order in map(order_of, two) if order in first and order is not None}


def describe_set(frames: "Sequence[Atoms]", limits: RelaxedLimits = ANY) -> dict[str, Any]:
    """Return what a data card says of a set.

    limits: energies of orders are those of frames within them.

    The keys are: `frames` and `atoms` (least and most in a frame); `frames_per_x`,
    `frames_per_cell`, `orders`, `made_by` (from `info`); `moments_muB` of the species of elements
    with several charge states, and the gaps between neighbours, of all atoms and of the inner 98 %
    of each species; `frames_without_moments`; `charge_orders_meV_per_site`, see
    `charge_order_energies`; `largest_force_eV_per_A`; `scf`, the convergence of computed frames.
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
        "charge_orders_meV_per_site": charge_order_energies(frames, limits),
        "largest_force_eV_per_A": max(float(np.abs(f.get_forces()).max()) for f in frames),
        "scf": scf_rows(frames, [n for n, v in moments.items() if isinstance(v, dict)]),
    }


def _maker_key(frame: "Atoms") -> str | None:
    return next((key for key in ("made_by", "origin") if key in frame.info), None)


def moments_by_species(frames: "Sequence[Atoms]") -> dict[str, np.ndarray]:
    """Return |moment| (µB) of the atoms of each species whose element has several charge states."""
    moments: dict[str, list[np.ndarray]] = {}
    for frame in frames:
        if "magmoms" not in frame.calc.results:
            continue
        states = frame.arrays[COLUMN]
        for name in np.unique(states):
            moments.setdefault(str(name), []).append(
                np.abs(frame.calc.results["magmoms"][states == name])
            )
    elements = Counter(Species.parse(name).element for name in moments)
    names = sorted(name for name in moments if elements[Species.parse(name).element] > 1)
    return {name: np.concatenate(moments[name]) for name in names}


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


def lowest_energies(frames: "Sequence[Atoms]", limits: RelaxedLimits = ANY) -> dict[Order, float]:
    """Return the lowest energy (eV per redox site) of each order among its relaxed frames."""
    lowest: dict[Order, float] = {}
    for frame in frames:
        order = order_of(frame)
        if order is not None and limits.holds(frame):
            energy = energy_of(frame) / len(order.redox)
            lowest[order] = min(energy, lowest.get(order, np.inf))
    return lowest


def relaxed_states(frames: "Sequence[Atoms]", limits: RelaxedLimits = NEAR) -> list[int]:
    """Return the numbers of the relaxed states of a set: of each order the lowest frame.

    Where frames say in `made_by` what they are, `state`, `relaxed` and `relaxed_first` count.
    Frames that lost their order do not.
    """
    lowest: dict[Order, int] = {}
    for number, frame in enumerate(frames):
        order = order_of(frame)
        is_state = frame.info.get("made_by", "state") in _STATES
        kept = frame.info.get("order_kept", True)
        if order is None or not (is_state and kept and limits.holds(frame)):
            continue
        if order not in lowest or energy_of(frame) < energy_of(frames[lowest[order]]):
            lowest[order] = number
    return sorted(lowest.values())


def charge_order_energies(
    frames: "Sequence[Atoms]", limits: RelaxedLimits = ANY
) -> dict[str, list[float]]:
    """Return the energies of charge orders above the lowest one, meV per redox site.

    By cell and ion order, of ion orders with several charge orders. The energy of an order is that
    of its lowest relaxed frame.
    """
    groups: dict[str, list[float]] = {}
    for order, energy in lowest_energies(frames, limits).items():
        name = f"{order.cell}:{order.ion_order}" if order.cell else order.ion_order
        groups.setdefault(name, []).append(energy)
    return {
        name: [round(1000 * (e - min(energies)), 3) for e in sorted(energies)]
        for name, energies in sorted(groups.items())
        if len(energies) > 1
    }
