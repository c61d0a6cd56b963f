import itertools

import numpy as np
import pytest

from redoxmc.thermo.naming import (
    describe_neighbours,
    describe_order,
    describe_wave,
    dominant_layers,
)

REPEATS = (4, 4, 2)
SITES = np.array(list(itertools.product(*map(range, REPEATS)))) / np.array(REPEATS)
CELLS = np.rint(SITES * np.array(REPEATS)).astype(int)


@pytest.mark.parametrize(
    ("pattern", "indices", "sequence"),
    [
        (CELLS[:, 0] % 2, (1, 0, 0), {(0.0, 1.0)}),
        (CELLS[:, 1] // 2, (0, 1, 0), {(0, 0, 1, 1), (0, 1, 1, 0), (1, 1, 0, 0), (1, 0, 0, 1)}),
        (CELLS[:, 2], (0, 0, 1), {(0.0, 1.0)}),
        ((CELLS[:, 0] + CELLS[:, 1]) % 2, (1, 1, 0), {(0.0, 1.0)}),
        (CELLS.sum(axis=1) % 2, (1, 1, 1), {(0.0, 1.0)}),
    ],
)
def test_stackings_are_recognised(pattern, indices, sequence):
    found = dominant_layers(pattern, SITES, REPEATS)
    assert tuple(abs(i) for i in found.indices) == indices
    assert found.strength == pytest.approx(1.0)
    assert found.layers in sequence
    assert describe_order(found).startswith("layers normal to (")


def test_puckered_layers_and_layers_across_the_cell_border_stay_whole():
    rng = np.random.default_rng(76)
    shaken = SITES + rng.uniform(-0.02, 0.02, SITES.shape) / np.array(REPEATS)
    found = dominant_layers(CELLS[:, 0] % 2, shaken, REPEATS)
    assert found.indices == (1, 0, 0)
    assert found.strength == pytest.approx(1.0)


def test_a_supercell_that_is_not_cubic_counts_the_same_layer_once():
    repeats = (4, 2, 1)
    sites = np.array(list(itertools.product(*map(range, repeats)))) / np.array(repeats)
    cells = np.rint(sites * np.array(repeats)).astype(int)
    found = dominant_layers((cells[:, 0] + cells[:, 1]) % 2, sites, repeats)
    assert tuple(abs(i) for i in found.indices) == (1, 1, 0)
    assert found.layers in {(0.0, 1.0)}
    assert found.strength == pytest.approx(1.0)


def test_one_wrong_site_makes_it_mostly():
    pattern = CELLS[:, 0] % 2
    pattern[[0, 8]] = pattern[[8, 0]]
    found = dominant_layers(pattern, SITES, REPEATS)
    assert found.indices == (1, 0, 0)
    assert 0.5 < found.strength < 0.9
    assert describe_order(found).startswith("mostly layers normal to (1 0 0)")


def test_random_orders_get_no_name():
    rng = np.random.default_rng(77)
    base = CELLS[:, 0] % 2
    named = sum(
        dominant_layers(rng.permutation(base), SITES, REPEATS).strength >= 0.5 for _ in range(50)
    )
    assert named <= 2
    lost = dominant_layers(rng.permutation(base), SITES, REPEATS)
    assert describe_order(lost).startswith("no layered order")


def test_all_alike():
    assert dominant_layers(np.ones(32), SITES, REPEATS) is None
    assert "all sites alike" in describe_order(None)


def test_waves_and_neighbours_in_words():
    assert describe_wave([0.0, 2 / 3, -1.0], 0.371) == (
        "strongest wave (0 2/3 -1), 37% of full order"
    )
    assert "more often unlike (Warren-Cowley -0.20)" in describe_neighbours(-0.2)
    assert "more often alike (Warren-Cowley +0.20)" in describe_neighbours(0.2)
    assert "as in full disorder" in describe_neighbours(0.01)
