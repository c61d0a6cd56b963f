import math

import numpy as np
import pytest

from redoxmc.thermo.entropy import boltzmann_probabilities, canonical_averages
from redoxmc.thermo.moments import heat_capacity, mean_energy

LEVELS, DEGENERACIES = np.array([-50.0, -49.96, -49.9]), np.array([2, 4, 8])
T = 700.0


def test_independent_samples_reproduce_the_exact_averages_with_honest_errors():
    exact = canonical_averages(LEVELS, DEGENERACIES, T)
    p = boltzmann_probabilities(LEVELS, DEGENERACIES, T)
    rng = np.random.default_rng(21)
    covered_c = covered_e = 0
    for _ in range(500):
        samples = rng.choice(LEVELS, size=500, p=p)
        c, e = heat_capacity(samples, T, 4), mean_energy(samples)
        covered_c += abs(c.value - exact.heat_capacity / 4) < 2 * c.standard_error
        covered_e += abs(e.value - exact.mean_energy) < 2 * e.standard_error
    # 95.4 % expected; fewer than 90 % or more than 99.4 %: probability below 1e-5 each (binomial)
    assert 450 <= covered_c <= 497
    assert 450 <= covered_e <= 497


def test_a_frozen_chain_has_no_heat_capacity_and_no_error():
    c = heat_capacity(np.full(100, -3.0), 300.0, 8)
    assert c.value == 0.0
    assert math.isnan(c.standard_error)


def test_heat_capacity_scales_with_sites_and_temperature():
    samples = np.random.default_rng(22).normal(0.0, 0.05, size=4000)
    one, many = heat_capacity(samples, 300.0, 1), heat_capacity(samples, 600.0, 10)
    assert one.value == pytest.approx(40 * many.value)
    assert one.value == pytest.approx((0.05 / (8.617333262e-5 * 300)) ** 2, rel=0.1)
