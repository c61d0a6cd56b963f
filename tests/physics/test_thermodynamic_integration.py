"""Thermodynamic integration on wells whose free energies are known."""

import numpy as np
import pytest
from md_toy import toy_chain, toy_world
from thermodynamic_integration import integrate

from redoxmc.dynamics.replica import begin


@pytest.mark.parametrize("walls", [None, 3.0])
def test_the_free_energy_difference_is_that_of_the_wells(walls):
    """With the escort as control variate, and without it behind (distant) walls.

    False-alarm rate 1e-5 for each, of errors from more than 100 independent samples.
    """
    world, chain = toy_world(site_tolerance=walls), toy_chain()
    begin(chain, world)
    before = chain.positions.copy()
    found = integrate(chain, world, np.array([0, 1, 1], dtype=np.int8), points=5, pieces=600)
    assert found.error < (0.01 if walls is None else 0.03)
    assert abs(found.value - world.dynamics.free_energy_difference(600.0)) < 4.7 * found.error
    assert np.array_equal(chain.positions, before)
    assert (np.diff(found.slopes) < 0).all()  # dF/dλ falls: F is concave in λ


def test_there_and_back_add_up_to_nothing():
    """False-alarm rate 1e-5, as above."""
    world, chain = toy_world(), toy_chain(seed=3)
    begin(chain, world)
    other = toy_chain(seed=4)
    other.occupancy = np.array([0, 1, 1], dtype=np.int8)
    begin(other, world)
    there = integrate(chain, world, other.occupancy, points=5, pieces=400)
    back = integrate(other, world, chain.occupancy, points=5, pieces=400)
    assert abs(there.value + back.value) < 4.7 * np.hypot(there.error, back.error)
