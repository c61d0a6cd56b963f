"""Counts, lists and uniform draws of charge orders and of ions that exclude each other."""

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy.stats import chisquare

from redoxmc.structures.enumeration import charge_orders, choices
from redoxmc.structures.independent import ExclusionGraph
from redoxmc.structures.random_levels import below, first_levels, random_levels
from redoxmc.thermo.entropy import ideal_entropy
from redoxmc.thermo.levels import (
    blocks_of,
    count_orders,
    finite_size_entropy_of,
    ideal_entropy_of,
)

RING = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]


@pytest.mark.parametrize("most", [[1, 1, 1, 1], [2, 2, 2], [1, 2, 3, 1], [3, 1, 1, 2]])
def test_orders_are_listed_counted_and_drawn_uniformly(most):
    every = list(product(*(range(m + 1) for m in most)))
    for electrons in range(sum(most) + 2):
        wanted = sorted((v for v in every if sum(v) == electrons), reverse=True)
        assert [tuple(v.tolist()) for v in charge_orders(most, electrons)] == wanted
        assert count_orders(blocks_of(most), electrons) == len(wanted)
        if not wanted:
            continue
        assert tuple(first_levels(np.array(most), electrons).tolist()) == wanted[0]
        rng = np.random.default_rng(electrons)
        drawn = Counter(
            tuple(random_levels(np.array(most), electrons, rng).tolist()) for _ in range(600)
        )
        assert set(drawn) <= set(wanted)
        if len(wanted) > 1:
            # false alarm 3e-6 for each of some 30
            assert chisquare([drawn[v] for v in wanted]).pvalue > 3e-6


def test_of_one_couple_the_draw_is_a_permutation():
    a, b = np.random.default_rng(1), np.random.default_rng(1)
    levels = np.zeros(9, np.int8)
    levels[b.permutation(9)[:4]] = 1
    assert np.array_equal(random_levels(np.ones(9, np.int64), 4, a), levels)
    assert a.random() == b.random()


def test_numbers_beyond_a_machine_word():
    assert count_orders(((300, 2),), 300) == sum(
        math.comb(300, k) * math.comb(300 - k, 300 - 2 * k) for k in range(151)
    )
    rng = np.random.default_rng(0)
    drawn = [below(10**40, rng) / 1e40 for _ in range(2000)]
    assert abs(np.mean(drawn) - 0.5) < 0.03
    assert 0 <= min(drawn) < 0.01 < 0.99 < max(drawn) < 1


def test_ideal_entropies():
    assert ideal_entropy_of(((8, 1),), 3) == ideal_entropy(3 / 8)
    assert ideal_entropy_of(((5, 2),), 5) == pytest.approx(math.log(3))
    assert ideal_entropy_of(((5, 2), (5, 1)), 0) == 0.0
    large, small = ((4000, 1), (4000, 2)), ((4, 1), (4, 2))
    assert ideal_entropy_of(large, 3000) == pytest.approx(ideal_entropy_of(small, 3), abs=1e-9)
    tenfold, hundredfold = ((40, 1), (40, 2)), ((400, 1), (400, 2))
    gaps = [
        ideal_entropy_of(blocks, n) - finite_size_entropy_of(blocks, n)
        for blocks, n in ((small, 3), (tenfold, 30), (hundredfold, 300))
    ]
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert gaps[2] < 0.01


@pytest.mark.parametrize("pairs", [RING, [], [(0, 1), (0, 2), (0, 3), (4, 5)]])
def test_ions_that_exclude_each_other(pairs):
    graph = ExclusionGraph(6, pairs)
    for count in range(7):
        wanted = [
            tuple(one.tolist())
            for one in choices(6, count)
            if not any(one[a] and one[b] for a, b in pairs)
        ]
        assert [tuple(one.tolist()) for one in graph.choices(count)] == wanted
        assert graph.count(count) == len(wanted)
        rng = np.random.default_rng(count)
        if not wanted:
            assert graph.draw(count, rng) is None
            continue
        drawn = Counter(tuple(graph.draw(count, rng).tolist()) for _ in range(600))
        assert set(drawn) <= set(wanted)
        assert tuple(graph.draw_somehow(count, rng).tolist()) in wanted
        if len(wanted) > 1:
            # the false-alarm rate of each
            assert chisquare([drawn[one] for one in wanted]).pvalue > 1e-5
