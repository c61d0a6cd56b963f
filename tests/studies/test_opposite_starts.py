"""Order parameters of a large cell by place, and when two chains have met."""

import math

import numpy as np
import pytest

from opposite_starts.chain import check_settings
from opposite_starts.meeting import (
    Mean,
    by_patch,
    likeness,
    meet,
    neighbour_likeness,
    occupancy_of_text,
    occupancy_text,
    patches,
    second_half,
)
from redoxmc.errors import InputError
from redoxmc.structures.neighbours import neighbour_shells
from redoxmc.thermo.order import warren_cowley

GRID = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
CHECKERBOARD = GRID.sum(axis=1) % 2


def half_full(seed):
    return np.random.default_rng(seed).permutation(np.repeat([0, 1], len(GRID) // 2))


def test_neighbours_give_the_warren_cowley_parameter():
    (pairs, further), _ = neighbour_shells(4.0 * np.eye(3), GRID, 2)
    assert neighbour_likeness(CHECKERBOARD, pairs) == pytest.approx(-1.0)
    assert neighbour_likeness(CHECKERBOARD, further) == pytest.approx(1.0)
    order = half_full(3)
    for shell in (pairs, further):
        (expected,) = warren_cowley(order, [shell])
        assert neighbour_likeness(order, shell).mean() == pytest.approx(expected)
        assert abs(expected) < 0.3


def test_likeness_tells_an_order_from_its_inverse():
    assert likeness(CHECKERBOARD, CHECKERBOARD).mean() == 1.0
    assert likeness(1 - CHECKERBOARD, CHECKERBOARD).mean() == -1.0
    assert abs(likeness(half_full(5), CHECKERBOARD).mean()) < 0.5


def test_patches_cut_the_cell():
    patch = patches(GRID / 4.0 - 1e-9, [1, 2, 4])
    assert np.bincount(patch).tolist() == [8] * 8
    assert by_patch(GRID[:, 1], patch).tolist() == [0.5] * 4 + [2.5] * 4
    assert by_patch(GRID[:, 2], patch).tolist() == [0, 1, 2, 3] * 2


def test_errors_of_patches_cover_the_mean_of_slow_chains():
    """Two errors of 20 patches that remember a quarter of the second half: as of a Gaussian."""
    rng, scores = np.random.default_rng(7), []
    for _ in range(200):
        series = np.empty((80, 20))
        series[0] = rng.normal(size=20)
        for k in range(1, 80):
            series[k] = 0.9 * series[k - 1] + math.sqrt(1 - 0.81) * rng.normal(size=20)
        mean = second_half(series)
        scores.append(abs(mean.value) / mean.error)
    assert 0.9 < np.mean(np.array(scores) < 2.0) < 0.99
    assert math.isnan(second_half(series[:, :1]).error)


@pytest.mark.parametrize(
    ("first", "second", "starts", "met"),
    [
        (Mean(0.02, 0.01), Mean(0.01, 0.01), (1.0, -1.0), True),
        (Mean(0.05, 0.01), Mean(0.01, 0.01), (1.0, -1.0), False),  # 2.8 errors
        (Mean(0.05, 0.2), Mean(0.01, 0.2), (1.0, -1.0), False),  # nothing told apart
        (Mean(0.02, 0.01), Mean(0.01, 0.01), (1.0, 1.0), True),  # both far from random
        (Mean(0.02, math.nan), Mean(0.02, 0.01), (1.0, -1.0), False),
    ],
)
def test_two_chains_meet_within_errors_that_tell_them_apart(first, second, starts, met):
    assert meet(first, second, starts).met is met


def test_a_chain_does_not_go_on_with_other_settings(tmp_path):
    check_settings({"steps": 16, "model": "a"}, {"steps": 16, "model": "a"}, tmp_path)
    with pytest.raises(InputError, match="was made with steps 16, not 8"):
        check_settings({"steps": 16, "model": "a"}, {"steps": 8, "model": "a"}, tmp_path)


def test_orders_are_kept_as_text():
    for order in (half_full(1), half_full(2)[:13]):
        assert occupancy_of_text(occupancy_text(order), len(order)).tolist() == order.tolist()
