"""Training, validation and test frames that share no order, whatever supercell they are in."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.errors import InputError

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

    groups: frames by order. classes: of each order, such as cell and concentration; every class
    keeps an order in `train`. shares: of the frames for `valid` and `test`. fixed: the part of
    orders that have one already. Raises InputError for a part that is none.
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
