import math

import numpy as np
import pytest

from redoxmc.thermo.combine import best_averages
from redoxmc.thermo.entropy import boltzmann_probabilities, canonical_averages

LEVELS, ORBITS = np.array([-52.0, -51.95, -51.8, -51.7]), np.array([4, 16, 2, 48])
TEMPERATURES = [300.0, 800.0, 2000.0]


def chains(n=4000):
    rng = np.random.default_rng(71)
    return [
        rng.choice(LEVELS, size=n, p=boltzmann_probabilities(LEVELS, ORBITS, t))
        for t in TEMPERATURES
    ]


def test_a_complete_enumeration_is_exact():
    result = best_averages(TEMPERATURES, chains(10), math.log(70), LEVELS, ORBITS, at=[450.0])[0]
    exact = canonical_averages(LEVELS, ORBITS, 450.0)
    assert result.entropy.value == exact.entropy
    assert result.free_energy.value == exact.free_energy
    assert result.entropy.standard_error == 0.0


def test_an_incomplete_one_falls_back_on_the_ladder():
    # the highest class was never relaxed: its 48 states are missing from the list, not the chains
    result = best_averages(TEMPERATURES, chains(), math.log(70), LEVELS[:3], ORBITS[:3])
    for a in result:
        exact = canonical_averages(LEVELS, ORBITS, a.temperature)
        assert a.entropy.standard_error > 0.0
        assert abs(a.entropy.value - exact.entropy) < 4 * a.entropy.standard_error


def test_unknown_states_and_a_wrong_orbit_leave_the_entropy_unknown():
    assert math.isnan(best_averages(TEMPERATURES, chains(), math.log(70), [], [])[0].entropy.value)
    wrong = ORBITS[:3] * np.array([3, 1, 1])
    result = best_averages(TEMPERATURES, chains(), math.log(70), LEVELS[:3], wrong)[0]
    assert math.isnan(result.entropy.value)
    assert result.mean_energy.value == pytest.approx(
        canonical_averages(LEVELS, ORBITS, 300.0).mean_energy, abs=0.005
    )
