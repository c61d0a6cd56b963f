"""Training, validation and test frames that share no order, whatever supercell they are in."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.errors import InputError
from redoxmc.structures.occupancy import reduced_of_key

if TYPE_CHECKING:
    from ase import Atoms

PARTS = ("train", "valid", "test")


def split_by_order(
    groups: "Mapping[str, Sequence[Atoms]]",
    classes: Mapping[str, str],
    shares: Mapping[str, float],
    fixed: Mapping[str, str],
    rng: np.random.Generator,
) -> "dict[str, list[Atoms]]":
    """Give whole orders to the parts.

    groups: frames by order.
    classes: the class of each order, such as cell and concentration; every class keeps an order in
        `train`.
    shares: the shares of the frames that `valid` and `test` get.
    fixed: the part of orders that have one already.
    Raises InputError for a part that does not exist.
    """
    for order, part in fixed.items():
        if part not in PARTS:
            raise InputError(f"order {order} is fixed to {part!r}; the parts are {PARTS}.")
    chosen = {order: part for order, part in fixed.items() if order in groups}
    total = sum(map(len, groups.values()))
    wanted = {part: shares[part] * total for part in ("test", "valid")}
    filled = {part: sum(len(groups[o]) for o, p in chosen.items() if p == part) for part in wanted}
    free = sorted(set(groups) - set(chosen))
    kept = {classes[order] for order, part in chosen.items() if part == "train"}
    for order in (free[n] for n in rng.permutation(len(free))):
        part = next((p for p in wanted if filled[p] < wanted[p]), "train")
        if classes[order] not in kept:  # the first order of a class is for training
            part = "train"
            kept.add(classes[order])
        chosen[order] = part
        if part in filled:
            filled[part] += len(groups[order])
    parts: dict[str, list[Atoms]] = {part: [] for part in PARTS}
    for order, frames in groups.items():
        parts[chosen[order]] += frames
    return parts


def split_at_random(
    frames: "Sequence[Atoms]", test_orders: float, valid_fraction: float, rng: np.random.Generator
) -> "dict[str, list[Atoms]]":
    """Hold out whole orders for the test, and draw the validation frames from the others.

    Every concentration of every cell keeps an order in the training set. test_orders: share of the
    orders. valid_fraction: share of the frames that are not held out.
    """
    left: dict[str, list[str]] = {}
    for order in sorted({f.info["order"] for f in frames}):
        left.setdefault(order_class(order), []).append(order)
    total = sum(map(len, left.values()))
    held: set[str] = set()
    for order in rng.permutation([o for group in left.values() for o in group]).tolist():
        group = left[order_class(order)]
        if len(held) < round(test_orders * total) and len(group) > 1:
            group.remove(order)
            held.add(order)
    rest = [f for f in frames if f.info["order"] not in held]
    valid = set(rng.permutation(len(rest))[: round(valid_fraction * len(rest))].tolist())
    return {
        "train": [f for n, f in enumerate(rest) if n not in valid],
        "valid": [f for n, f in enumerate(rest) if n in valid],
        "test": [f for f in frames if f.info["order"] in held],
    }


def order_class(order: str) -> str:
    """Return supercell and number of reduced ions of an order, `SUPERCELL:REDOX|IONS`."""
    supercell, _, occupancy = order.partition(":")
    return f"{supercell}:{reduced_of_key(occupancy)}"
