import math

import numpy as np
import pytest

from redoxmc.thermo.entropy import boltzmann_probabilities, canonical_averages, log_binomial
from redoxmc.thermo.ladder import ladder_averages
from redoxmc.units import KB

LEVELS = np.sort(np.random.default_rng(61).normal(-52.0, 0.1, size=70))
ONES = np.ones(70)
TEMPERATURES = [200.0, 300.0, 450.0, 700.0, 1100.0, 2000.0]
FIELDS = ("mean_energy", "heat_capacity", "entropy", "free_energy")


def correlated_draws(temperature, n, rng, stay=0.8):
    """A chain that keeps its state with probability `stay`, else draws anew."""
    p = boltzmann_probabilities(LEVELS, ONES, temperature)
    fresh = rng.random(n) >= stay
    fresh[0] = True
    source = np.maximum.accumulate(np.where(fresh, np.arange(n), 0))
    return LEVELS[rng.choice(70, size=n, p=p)[source]]


def test_errors_are_honest_over_300_repeats():
    # 1800 intervals for each of four quantities, 95 % expected. Were those of a repeat all the
    # same, fewer than 90 % or more than 99.4 % would hold with probability 4e-5 (binomial).
    # An anchor is refused where its ends are three errors apart: once in some hundred ladders.
    rng = np.random.default_rng(62)
    covered, known = dict.fromkeys(FIELDS, 0), 0
    for _ in range(300):
        chains = [correlated_draws(t, 4000, rng) for t in TEMPERATURES]
        for a in ladder_averages(TEMPERATURES, chains, math.log(70), ground_degeneracy=1):
            exact = canonical_averages(LEVELS, ONES, a.temperature)
            if not a.anchored:
                continue
            known += 1
            for field in FIELDS:
                e = getattr(a, field)
                covered[field] += abs(e.value - getattr(exact, field)) < 2 * e.standard_error
    assert known > 0.95 * 1800
    for field, n in covered.items():
        assert 0.90 <= n / known <= 0.994, field


def test_ideal_limit():
    rng = np.random.default_rng(63)
    n, k = 24, 8
    levels, g = np.array([0.0, 0.3, 0.5]), np.array([700_000, 35_000, 471])
    temperatures = [1e4, 1e6]
    chains = [
        rng.choice(levels, size=5000, p=boltzmann_probabilities(levels, g, t)) for t in temperatures
    ]
    _, hot = ladder_averages(temperatures, chains, log_binomial(n, k), ground_degeneracy=700_000)
    assert hot.entropy.value / n == pytest.approx(log_binomial(n, k) / n, abs=1e-3)


def test_interpolates_between_the_temperatures():
    rng = np.random.default_rng(64)
    chains = [correlated_draws(t, 20_000, rng, stay=0.0) for t in TEMPERATURES]
    result = ladder_averages(
        TEMPERATURES, chains, math.log(70), at=[550.0, 900.0], ground_degeneracy=1
    )
    for a in result:
        exact = canonical_averages(LEVELS, ONES, a.temperature)
        for field in FIELDS:
            e = getattr(a, field)
            # of 20 blocks: false alarm 1e-5 for each of eight (Student)
            assert abs(e.value - getattr(exact, field)) < 5.7 * e.standard_error
            assert e.standard_error < 0.05 * max(1.0, abs(e.value))


def test_uniform_draws_anchor_a_cold_ladder_and_their_lack_is_admitted():
    rng = np.random.default_rng(65)
    cold = [40.0, 55.0]
    chains = [correlated_draws(t, 4000, rng, stay=0.0) for t in cold]
    lost = ladder_averages(cold, chains, math.log(70), ground_degeneracy=1)[0]
    assert not lost.anchored  # it would say ln 70 with an error of 0
    assert math.isnan(lost.entropy.value)
    assert math.isnan(lost.free_energy.standard_error)
    assert math.isfinite(lost.mean_energy.value)
    ladder = [40.0, 55.0, 90.0, 200.0, 600.0, math.inf]
    chains = [correlated_draws(t, 4000, rng, stay=0.0) for t in ladder]
    result = ladder_averages(ladder, chains, math.log(70))
    assert [a.temperature for a in result] == ladder[:-1]
    exact = canonical_averages(LEVELS, ONES, 40.0)
    assert abs(result[0].entropy.value - exact.entropy) < 4 * result[0].entropy.standard_error


def test_without_evidence_there_is_no_anchor():
    rng = np.random.default_rng(67)
    chains = [correlated_draws(t, 4000, rng) for t in TEMPERATURES]
    assert not ladder_averages(TEMPERATURES, chains, math.log(70))[0].anchored
    wrong = ladder_averages(TEMPERATURES, chains, math.log(140), ground_degeneracy=1)[0]
    assert not wrong.anchored  # half of the states claimed can never be reached


def test_several_chains_of_a_temperature():
    rng = np.random.default_rng(66)
    chains = [np.stack([correlated_draws(t, 3000, rng) for _ in range(3)]) for t in TEMPERATURES]
    a = ladder_averages(TEMPERATURES, chains, math.log(70), ground_degeneracy=1)[2]
    exact = canonical_averages(LEVELS, ONES, 450.0)
    assert abs(a.free_energy.value - exact.free_energy) < 4 * a.free_energy.standard_error


def test_a_single_state_is_exact():
    still = [np.full(100, -5.0), np.full(100, -5.0)]
    a = ladder_averages([300.0, 600.0], still, 0.0, ground_degeneracy=1)[0]
    assert a.entropy.value == pytest.approx(0.0, abs=1e-12)
    assert a.free_energy.value == pytest.approx(-5.0)
    assert a.free_energy.standard_error == pytest.approx(0.0, abs=1e-12)


def test_temperatures_without_overlap_speak_for_themselves_alone():
    rng = np.random.default_rng(68)
    chains = [rng.choice([-5.0, -4.99], size=1000), rng.choice([5.0, 5.02], size=1000)]
    cold, warm, between = ladder_averages(
        [50.0, 300.0], chains, math.log(70), at=[50.0, 300.0, 100.0], ground_degeneracy=1
    )
    assert cold.mean_energy.value == pytest.approx(chains[0].mean())
    assert cold.mean_energy.standard_error == pytest.approx(0.005 / math.sqrt(1000), rel=0.2)
    assert warm.heat_capacity.value == pytest.approx((0.01 / (KB * 300)) ** 2, rel=0.05)
    assert math.isnan(between.mean_energy.value)
    assert not cold.anchored
    assert math.isnan(warm.free_energy.value)


def test_continuous_energies_are_binned_far_below_their_error():
    rng = np.random.default_rng(69)
    sigma, ladder = 0.06, [300.0, 500.0, 900.0, math.inf]
    chains = [rng.normal(-(sigma**2) / (KB * t), sigma, size=8000) for t in ladder]
    a = ladder_averages(ladder, chains, 10.0)[0]
    beta = 1.0 / (KB * 300.0)
    assert a.entropy.value == pytest.approx(10.0 - (beta * sigma) ** 2 / 2, abs=0.1)
    assert a.entropy.standard_error < 0.05
    assert a.mean_energy.value == pytest.approx(-beta * sigma**2, abs=4e-3)
