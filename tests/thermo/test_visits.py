"""Entropies of visits against those of the distribution that was drawn from."""

import numpy as np
import pytest

from redoxmc.thermo.visits import entropy_of_visits

WEIGHTS = np.array([0.5, 0.2, 0.1, 0.1, 0.06, 0.04])
EXACT = -float(WEIGHTS @ np.log(WEIGHTS))


def test_entropy_and_its_error_over_repeats():
    """300 repeats of 2 x 50 draws: 285 intervals of 2 errors expected to hold it, 270 are asked.

    False alarm 3e-5 in all (binomial; 4.4 errors of the mean).
    """
    rng = np.random.default_rng(1)
    found = [entropy_of_visits(rng.choice(6, (2, 50), p=WEIGHTS).tolist()) for _ in range(300)]
    values, errors = (np.array([getattr(f, name) for f in found]) for name in ("value", "error"))
    error = values.std() / np.sqrt(300)
    assert abs(values.mean() - EXACT) < 4.4 * error
    assert np.sum(np.abs(values - EXACT) < 2 * errors) >= 270
    plain = values - np.array([f.correction for f in found])
    assert plain.mean() < EXACT - 3 * error  # without the correction it is too small


def test_correlated_visits_know_less():
    rng = np.random.default_rng(2)
    draws = rng.choice(6, 300, p=WEIGHTS)
    once = entropy_of_visits([draws.tolist()])
    held = entropy_of_visits([np.repeat(draws, 20).tolist()])
    assert held.correction > 0.5 * once.correction  # not a twentieth
    assert held.error > 0.5 * once.error


def test_equal_weights_are_no_certainty():
    found = entropy_of_visits([["a", "b"] * 100])
    assert found.value == pytest.approx(np.log(2), abs=0.01)
    stuck = entropy_of_visits([["a"] * 100 + ["b"] * 100])
    assert stuck.error > 0.1


def test_a_single_state_says_nothing_of_others():
    found = entropy_of_visits([["a"] * 50])
    assert found.value == 0.0
    assert found.correction == np.inf
    with pytest.raises(ValueError, match="no state"):
        entropy_of_visits([[]])


def test_a_state_that_stands_for_several_counts_as_many():
    """Six states in three classes of 1, 2 and 3 equally probable ones, against the six apart."""
    rng = np.random.default_rng(4)
    drawn = rng.choice(6, 4000, p=np.array([3.0, 1.0, 1.0, 2.0, 2.0, 2.0]) / 11).tolist()
    apart = entropy_of_visits([drawn])
    classes = entropy_of_visits([["abbccc"[n] for n in drawn]], {"a": 1, "b": 2, "c": 3})
    assert classes.value == pytest.approx(apart.value, abs=0.01)
    assert classes.correction < apart.correction
