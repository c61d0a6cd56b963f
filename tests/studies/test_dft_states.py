"""The shipped states for DFT: every order once, confirmed by the teacher, in the order of use."""

import functools
import tomllib

import numpy as np
import pytest
from conftest import REPO

from distillation.cells import make_cell, root_order
from redoxmc.io.extxyz import read_labelled

DATA = REPO / "potentials" / "data"


@pytest.mark.parametrize(
    ("file", "largest_force"), [("dft/teacher.extxyz", 0.5), ("walled/states.extxyz", 0.02)]
)
def test_every_order_of_the_small_cell_is_there_once(file: str, largest_force: float) -> None:
    path = DATA / "distilled" / "distilled.toml"
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    cell_of = functools.cache(lambda factors: make_cell(config, path.parent, list(factors)))
    cell = cell_of((1, 1, 1))
    frames = read_labelled(DATA / file)
    names = [frame.info["order"] for frame in frames]
    assert sorted(names) == sorted(cell.key(order) for order in cell.distinct_orders())
    assert all(root_order(name, cell_of) == name for name in names)
    for frame in frames:
        reduced = frame.arrays["charge_state"] == "Fe2+"
        oxidised = frame.arrays["charge_state"] == "Fe3+"
        moments = frame.calc.results["magmoms"]
        assert moments[reduced].max(initial=0) < config["moment_threshold"]
        assert moments[oxidised].min(initial=9) > config["moment_threshold"]
        assert np.abs(frame.get_forces()).max() < largest_force
        np.testing.assert_allclose(frame.cell.angles(), 90)


def test_end_members_come_first_then_the_extremes_of_an_ion_order() -> None:
    frames = read_labelled(DATA / "dft" / "teacher.extxyz")
    x = [len(frame.symbols[frame.symbols == "Na"]) / 4 for frame in frames]
    assert x[:8] == [0, 1, 0.5, 0.5, 0.25, 0.25, 0.75, 0.75]
    for low in (2, 4, 6):
        assert frames[low].info["ion_order"] == frames[low + 1].info["ion_order"]
        group = [
            frame.get_potential_energy()
            for frame in frames
            if frame.info["ion_order"] == frames[low].info["ion_order"]
        ]
        assert frames[low].get_potential_energy() == min(group)
        assert frames[low + 1].get_potential_energy() == max(group)
