import numpy as np
import pytest

from redoxmc.engines.quasi_newton import descend
from redoxmc.errors import EngineError

N = 12


def stiff_springs(seed=0):
    """A quadratic form with stiffnesses from 0.2 to 90 eV/Å^2, as an oxide has, and a quartic."""
    rng = np.random.default_rng(seed)
    vectors = np.linalg.qr(rng.normal(size=(3 * N, 3 * N)))[0]
    hessian = (vectors * np.geomspace(0.2, 90.0, 3 * N)) @ vectors.T

    def forces(positions):
        x = positions.ravel()
        energy = x @ hessian @ x / 2 + (x**4).sum()
        return energy, -(hessian @ x + 4 * x**3).reshape(-1, 3)

    return hessian, forces, 0.1 * rng.normal(size=(N, 3))


def test_it_ends_at_the_minimum_where_it_was_called_last():
    hessian, forces, start = stiff_springs()
    calls = []

    def counted(positions):
        calls.append(positions)
        return forces(positions)

    end, evaluations = descend(counted, start, np.linalg.inv(hessian).dot, 1e-3, 100)
    assert evaluations == len(calls)
    assert np.array_equal(calls[-1], end)
    energy, force = forces(end)
    assert np.linalg.norm(force, axis=1).max() <= 1e-3
    assert energy < 2e-7  # the minimum is 0


def test_a_good_guess_of_the_hessian_saves_most_evaluations():
    hessian, forces, start = stiff_springs()
    guess = descend(forces, start, np.linalg.inv(hessian).dot, 1e-3, 500)[1]
    none = descend(forces, start, lambda gradient: gradient / 20.0, 1e-3, 500)[1]
    assert guess < none / 3


def test_it_goes_down_from_where_the_guess_is_wrong():
    """A double well: the guess is the curvature of the minimum, the start is beside the top."""

    def forces(positions):
        x = positions[0, 0]
        return (x**2 - 1.0) ** 2, np.array([[-4 * x * (x**2 - 1.0), 0.0, 0.0]])

    end, _ = descend(forces, np.array([[0.02, 0.0, 0.0]]), lambda g: g / 8.0, 1e-4, 200)
    assert end[0, 0] == pytest.approx(1.0, abs=1e-4)


def test_what_does_not_fall_or_does_not_end_is_a_failure_that_says_what_it_cost():
    def uphill(positions):  # forces of the wrong sign
        return float((positions**2).sum()), 2 * positions

    with pytest.raises(EngineError, match="does not fall") as caught:
        descend(uphill, np.ones((2, 3)), lambda g: g, 1e-3, 10)
    assert caught.value.force_evaluations == 13
    _, forces, start = stiff_springs()
    with pytest.raises(EngineError, match="no minimum after 3 steps"):
        descend(forces, start, lambda g: g / 100.0, 1e-3, 3)
