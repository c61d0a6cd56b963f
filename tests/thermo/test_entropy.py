import itertools
import math

import numpy as np
import pytest

from redoxmc.thermo.entropy import (
    boltzmann_probabilities,
    canonical_averages,
    finite_size_entropy,
    ideal_entropy,
    log_binomial,
    split_entropy,
)
from redoxmc.units import KB


def test_binomials_and_ideal_values_of_24_sites():
    assert math.comb(24, 8) == 735_471
    assert log_binomial(24, 8) == pytest.approx(math.log(735_471), rel=1e-14)
    assert finite_size_entropy(24, 8) == pytest.approx(0.563, abs=5e-4)
    assert ideal_entropy(2 / 3) == pytest.approx(0.6365, abs=5e-5)
    assert ideal_entropy(0.0) == ideal_entropy(1.0) == 0.0
    assert finite_size_entropy(12_000, 6_000) == pytest.approx(math.log(2), abs=1e-3)
    assert log_binomial(1000, 300) == pytest.approx(math.log(math.comb(1000, 300)), rel=1e-12)


def test_two_level_system():
    gap, t = 0.05, 400.0
    a = canonical_averages([-10.0, -10.0 + gap], [1, 1], t)
    w = math.exp(-gap / (KB * t))
    p = w / (1 + w)
    assert a.mean_energy == pytest.approx(-10.0 + gap * p, rel=1e-14)
    assert a.heat_capacity == pytest.approx((gap / (KB * t)) ** 2 * p * (1 - p), rel=1e-12)
    assert a.entropy == pytest.approx(-p * math.log(p) - (1 - p) * math.log(1 - p), rel=1e-12)
    assert a.free_energy == pytest.approx(a.mean_energy - KB * t * a.entropy, rel=1e-14)


def test_degeneracy_is_the_same_as_listing_the_states():
    levels, g = [0.0, 0.02, 0.3], [3, 1, 2]
    listed = list(itertools.chain.from_iterable([e] * n for e, n in zip(levels, g, strict=True)))
    short, long = canonical_averages(levels, g, 250.0), canonical_averages(listed, [1] * 6, 250.0)
    for field in ("mean_energy", "heat_capacity", "entropy", "free_energy"):
        assert getattr(short, field) == pytest.approx(getattr(long, field), rel=1e-12)
    p = boltzmann_probabilities(levels, g, 250.0)
    assert p.sum() == pytest.approx(1.0)
    assert p[1] / p[0] == pytest.approx(math.exp(-0.02 / (KB * 250)) / 3, rel=1e-12)


def test_limits_are_stable_numerically():
    levels, g = np.array([-1e6, -1e6 + 0.1]), [2, 70]
    cold = canonical_averages(levels, g, 1.0)
    assert cold.entropy == pytest.approx(math.log(2), rel=1e-12)
    assert cold.mean_energy == -1e6
    assert cold.heat_capacity < 1e-100
    hot = canonical_averages(levels, g, 1e9)
    assert hot.entropy == pytest.approx(math.log(72), abs=1e-9)
    infinite = canonical_averages(levels, g, math.inf)
    assert infinite.entropy == pytest.approx(math.log(72), rel=1e-14)
    assert infinite.heat_capacity == 0.0


def test_heat_capacity_and_entropy_are_derivatives_of_the_energy_and_free_energy():
    levels, g, t, h = [0.0, 0.03, 0.11], [1, 3, 4], 500.0, 0.01
    up, down = canonical_averages(levels, g, t + h), canonical_averages(levels, g, t - h)
    middle = canonical_averages(levels, g, t)
    slope = (up.mean_energy - down.mean_energy) / (2 * h) / KB
    assert middle.heat_capacity == pytest.approx(slope, rel=1e-6)
    slope = -(up.free_energy - down.free_energy) / (2 * h) / KB
    assert middle.entropy == pytest.approx(slope, rel=1e-6)


def test_split_of_the_joint_entropy():
    # Two ion orders; in one the charges are locked, in the other 4 orders are equally likely.
    p = [0.5, 0.125, 0.125, 0.125, 0.125]
    ionic, electronic = split_entropy(p, [7, 3, 3, 3, 3])
    assert ionic == pytest.approx(math.log(2))
    assert electronic == pytest.approx(0.5 * math.log(4))
    with pytest.raises(ValueError, match="add up to 1"):
        split_entropy([0.5, 0.4], [0, 1])


@pytest.mark.parametrize(
    "arguments", [([], [], 300.0), ([0.0], [1], 0.0), ([0.0], [0], 300.0), ([0.0, 1.0], [1], 300.0)]
)
def test_nonsense_is_refused(arguments):
    with pytest.raises(ValueError, match=r"levels|temperature|positive"):
        canonical_averages(*arguments)
