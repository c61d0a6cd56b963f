"""Splits by whole orders, and the split of the shipped distilled set."""

import functools
import tomllib
from collections.abc import Mapping

import numpy as np
import pytest
from ase import Atoms
from conftest import REPO

from distillation.cells import make_cell, root_order
from distillation.splits import PARTS, split_by_order
from redoxmc.errors import InputError
from redoxmc.io.extxyz import read_labelled

DATA = REPO / "potentials" / "data"


def groups(sizes: Mapping[str, int]) -> dict[str, list[Atoms]]:
    return {order: [Atoms(info={"order": order})] * n for order, n in sizes.items()}


def split(fixed: Mapping[str, str] | None = None, seed: int = 0) -> dict[str, set[str]]:
    orders = groups({f"c{n % 3}:{n}": 10 for n in range(30)})
    classes = {order: order.partition(":")[0] for order in orders}
    shares = {"valid": 0.1, "test": 0.2}
    parts = split_by_order(orders, classes, shares, fixed or {}, np.random.default_rng(seed))
    assert sum(map(len, parts.values())) == 300
    return {part: {a.info["order"] for a in frames} for part, frames in parts.items()}


def test_orders_are_whole_and_the_shares_are_met() -> None:
    parts = split()
    assert [len(parts[part]) for part in PARTS] == [21, 3, 6]
    assert not parts["train"] & (parts["test"] | parts["valid"])
    assert not parts["valid"] & parts["test"]
    assert parts != split(seed=1)
    assert parts == split()


def test_every_class_is_trained() -> None:
    for seed in range(20):
        assert {order[:2] for order in split(seed=seed)["train"]} == {"c0", "c1", "c2"}


def test_fixed_orders_stay_and_count_for_the_shares() -> None:
    fixed = {f"c{n % 3}:{n}": "test" for n in range(5)} | {"c0:6": "train", "absent": "test"}
    parts = split(fixed)
    assert {f"c{n % 3}:{n}" for n in range(5)} <= parts["test"]
    assert "c0:6" in parts["train"]
    assert len(parts["test"]) == 6


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(InputError, match="'exam'"):
        split({"c0:0": "exam"})


@pytest.mark.parametrize(
    ("folder", "names", "at_least"),
    [("distilled", (*PARTS, "tripled_train"), 1500), ("walled", PARTS, 2500)],
)
def test_a_shipped_set_shares_no_order_between_its_parts(
    folder: str, names: tuple[str, ...], at_least: int
) -> None:
    path = DATA / folder / f"{folder}.toml"
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    cell_of = functools.cache(lambda factors: make_cell(config, path.parent, list(factors)))
    root = functools.cache(lambda name: root_order(name, cell_of))
    found: dict[str, set[str]] = {}
    concentrations: dict[str, set[float]] = {}
    frames = 0
    for name in names:
        part = name.rpartition("_")[2]
        for frame in read_labelled(DATA / folder / f"{name}.extxyz"):
            states = frame.arrays["charge_state"]
            occupancy = frame.info["order"].partition(":")[2]
            redox, _, ions = occupancy.partition("|")
            assert redox.count("1") == (states == "Fe2+").sum()
            assert ions.count("1") == (states == "Na+").sum()
            found.setdefault(part, set()).add(root(frame.info["order"]))
            concentrations.setdefault(part, set()).add(ions.count("1") / len(redox))
            frames += 1
    assert frames >= at_least
    assert min(map(len, found.values())) >= 8
    assert not found["train"] & found["test"]
    assert not found["train"] & found["valid"]
    assert not found["valid"] & found["test"]
    assert concentrations["train"] == {n / 8 for n in range(9)} | {n / 12 for n in range(13)}
