import itertools

import numpy as np
import pytest

from redoxmc.structures.neighbours import neighbour_shells
from redoxmc.thermo.order import cross_warren_cowley, structure_factor, warren_cowley

N = 4
SITES = np.array(list(itertools.product(range(N), repeat=3)))
SHELLS, _ = neighbour_shells(np.eye(3) * N, SITES, 3)
ROCK_SALT = SITES.sum(axis=1) % 2
LAYERS = SITES[:, 0] % 2


def test_known_orders_of_the_simple_cubic_lattice():
    assert warren_cowley(ROCK_SALT, SHELLS) == pytest.approx([-1.0, 1.0, -1.0])
    # layers: 4 of 6 nearest, 4 of 12 second, 0 of 8 third neighbours are alike
    assert warren_cowley(LAYERS, SHELLS) == pytest.approx([1 / 3, -1 / 3, -1.0])


def test_random_orders_average_to_the_finite_size_value():
    rng = np.random.default_rng(42)
    samples = np.array([rng.permutation(ROCK_SALT) for _ in range(4000)])
    mean = warren_cowley(samples, SHELLS)
    # one sample scatters by about 0.14 in shell 1; 4.9 sigma of the mean is 0.011
    assert mean == pytest.approx([-1 / 63] * 3, abs=0.011)


def test_one_kind_has_no_order_parameter():
    assert np.isnan(warren_cowley(np.ones(64), SHELLS)).all()


def test_minority_without_like_neighbours():
    lonely = np.zeros(64)
    lonely[0] = 1
    c = 1 / 64
    assert warren_cowley(lonely, SHELLS)[0] == pytest.approx(-c / (1 - c))


def test_ions_beside_reduced_sites():
    shells, _ = neighbour_shells(np.eye(3) * N, SITES, 2, others=SITES + 0.5)
    reduced, ions = SITES[:, 0] < 2, SITES[:, 0] < 1
    # every reduced site (x = 0 or 1) has half its 8 ion neighbours at x + 0.5 and half at x - 0.5:
    # occupied is x = 0.5 only, so 1/2 of them at both x, and c = 1/4
    assert cross_warren_cowley(reduced, ions, shells)[0] == pytest.approx(1 - 0.5 / 0.25)
    assert np.isnan(cross_warren_cowley(reduced, np.zeros(64), shells)).all()
    both = cross_warren_cowley(
        np.array([reduced, ~reduced]), np.array([ions, SITES[:, 0] < 1]), shells
    )
    assert both[0] == pytest.approx((1 - 2 + 1 - 0) / 2)


def test_structure_factor_peaks_where_the_order_is():
    waves = list(itertools.product(range(N), repeat=3))
    s = structure_factor(ROCK_SALT, SITES / N, waves)
    assert waves[int(np.argmax(s))] == (2, 2, 2)
    assert s.max() == pytest.approx(64.0)
    assert np.sort(s)[-2] < 1e-20
    assert s.sum() == pytest.approx(64.0)  # Parseval: all the weight is in the peaks
    assert np.isnan(structure_factor(np.zeros(64), SITES / N, waves)).all()
