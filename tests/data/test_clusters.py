"""Dividing values into charge states, on made-up distributions."""

import numpy as np
import pytest

from redoxmc.data.clusters import AMBIGUOUS, divide_at, divide_by_charges, divide_by_moments

FE = [(3.75, 2), (4.32, 3)]


@pytest.mark.parametrize(("low", "high"), [(5, 5000), (5000, 5), (300, 300)])
def test_a_rare_state_is_not_lost(low: int, high: int) -> None:
    """Broad clusters, one of them a thousand times rarer; noise of 0.04 µB (seed fixed)."""
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(3.78, 0.04, low), rng.normal(4.34, 0.04, high)])
    best = divide_by_moments(values, FE, 0.2)[0]
    assert best.charges == (2, 3)
    assert best.thresholds[0] == pytest.approx(4.06, abs=0.03)
    assert (best.codes(values) == np.repeat([1, 2], [low, high])).mean() > 0.999


def test_values_near_the_threshold_or_far_from_everything_are_ambiguous() -> None:
    division = divide_by_moments(np.array([3.78] * 5 + [4.34] * 5), FE, 0.2)[0]
    codes = division.codes(np.array([4.06, 4.0, 4.13, 3.9, 4.2, 3.1, 5.0]))
    assert codes.tolist() == [AMBIGUOUS, AMBIGUOUS, AMBIGUOUS, 1, 2, AMBIGUOUS, AMBIGUOUS]


def test_one_cluster_may_be_either_state_and_the_usual_one_comes_first() -> None:
    found = divide_by_moments(np.array([4.10, 4.12, 4.11]), FE, 0.2)
    assert [division.charges for division in found] == [(3,), (2,)]


def test_values_far_from_every_state_have_no_division() -> None:
    assert divide_by_moments(np.array([0.1, 0.2]), FE, 0.2) == []


def test_bader_charges_rise_with_the_formal_charge() -> None:
    found = divide_by_charges(np.array([1.94, 1.48, 1.95]), [2, 3, 4], 0.1)
    assert [division.charges for division in found] == [(2, 3), (3, 4)]
    assert [d.charges for d in divide_by_charges(np.array([1.94, 1.95]), [2, 3], 0.1)] == [
        (2,),
        (3,),
    ]


def test_a_given_threshold_divides_the_states_around_it() -> None:
    mn = [(4.62, 2), (3.95, 3), (3.10, 4)]
    assert divide_at(3.5, mn, np.array([3.1, 3.9]))[0].charges == (4, 3)
    assert divide_at(4.3, mn, np.array([3.9, 4.6]))[0].charges == (3, 2)
    assert divide_at(5.0, mn, np.array([3.9])) == []
    assert divide_at(4.5, FE, np.array([4.4, 4.6]))[0].codes(np.array([4.4, 4.6])).tolist() == [
        1,
        2,
    ]
