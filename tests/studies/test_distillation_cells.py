"""Names of orders in supercells, and cells drawn around the end members."""

import functools
from typing import Any

import numpy as np
import pytest
from conftest import HOST

from distillation.cells import Cell, Factors, make_cell, root_order
from redoxmc.structures.lattice import Occupancy

CONFIG: dict[str, Any] = {
    "host": HOST.name,
    "species": ["Na+", "Fe2+", "Fe3+", "P5+", "O2-"],
    "reduced": "Fe2+",
    "oxidised": "Fe3+",
    "ion": "Na+",
    "empty_cell_A": [9.8142, 5.7893, 4.7820],
}


@functools.cache
def cell_of(factors: Factors) -> Cell:
    return make_cell(CONFIG, HOST.parent, list(factors))


def repeated(small: Cell, big: Cell, occupancy: Occupancy) -> Occupancy:
    """The occupancy of the bigger cell, by looking up each of its sites in the smaller one."""

    def sites(cell: Cell) -> np.ndarray:
        chosen = np.concatenate([cell.lattice.redox_sites, cell.lattice.ion_sites])
        return (cell.lattice.scaled @ cell.lattice.cell)[chosen]

    out = []
    for number, site in enumerate(sites(big)):
        gap = (site - sites(small)) @ np.linalg.inv(small.lattice.cell)
        near = np.abs(gap - np.round(gap)).max(axis=1) < 1e-6
        kind = np.arange(len(near)) >= small.lattice.n_redox
        (source,) = np.flatnonzero(near & (kind == (number >= big.lattice.n_redox)))
        out.append(occupancy[source])
    return np.array(out, dtype=np.int8)


@pytest.mark.parametrize("factors", [(1, 1, 2), (1, 2, 1), (2, 1, 1), (1, 2, 2)])
def test_a_repeated_order_has_the_name_of_its_small_cell(factors: Factors) -> None:
    unit, big = cell_of((1, 1, 1)), cell_of(factors)
    for order in unit.distinct_orders():
        assert root_order(big.key(repeated(unit, big, order)), cell_of) == unit.key(order)


def test_an_order_that_is_no_repetition_keeps_its_cell() -> None:
    big = cell_of((1, 2, 1))
    rng = np.random.default_rng(3)
    for n_ions in (1, 3, 5, 7):  # an odd number cannot be a repetition of two halves
        name = big.key(big.random_order(n_ions, rng))
        assert root_order(name, cell_of) == name


def test_equivalent_orders_have_one_name() -> None:
    cell = cell_of((1, 1, 2))
    order = cell.random_order(3, np.random.default_rng(1))
    names = {cell.key(image) for image in cell.host.symmetry.orbit(order)}
    assert len(cell.host.symmetry.orbit(order)) > 4
    assert names == {cell.key(order)}


def test_equivalent_ion_orders_have_one_name_whatever_the_charges() -> None:
    cell = cell_of((1, 1, 2))
    rng = np.random.default_rng(5)
    order = cell.random_order(3, rng)
    name = cell.ion_key(order)
    for image in cell.host.symmetry.orbit(order):
        image[:8] = rng.permutation(image[:8])
        assert cell.ion_key(image) == name
    assert len({cell.ion_key(cell.random_order(2, rng)) for _ in range(40)}) > 3


def test_random_orders_are_neutral_and_the_distinct_ones_are_all() -> None:
    cell = cell_of((1, 1, 1))
    rng = np.random.default_rng(2)
    names = {cell.key(cell.random_order(n, rng)) for n in range(5) for _ in range(60)}
    assert names == {cell.key(order) for order in cell.distinct_orders()}
    assert all(cell.lattice.total_charge(order) == 0 for order in cell.distinct_orders())


def test_stretched_cells_fill_the_range_and_stay_in_it() -> None:
    cell = cell_of((2, 1, 1))
    rng = np.random.default_rng(4)
    lengths = np.array([np.diag(cell.stretched_cell(0.03, 0.0, rng)) for _ in range(400)])
    low, high = 0.97 * np.diag(cell.empty), 1.03 * np.diag(cell.lattice.cell)
    place = (lengths - low) / (high - low)
    assert place.min() >= 0
    assert place.max() <= 1
    assert place.min() < 0.1
    assert place.max() > 0.9
    assert np.corrcoef(place.T)[0, 1] > 0.5
    sheared = cell.stretched_cell(0.03, 0.01, rng)
    assert np.abs(sheared - np.diag(np.diag(sheared))).max() > 0.01
