"""The limit of large cells, on a chain whose partition functions are known."""

import math

import numpy as np
import pytest
from known_chains import ring_free_energy

from redoxmc.thermo.sizes import infinite_size
from redoxmc.units import KB

SIZES = [8, 16, 24]


def test_a_line_in_the_inverse_size_is_found_whatever_the_errors():
    rng = np.random.default_rng(3)
    limit, slope = rng.normal(size=(2, 4, 5))
    values = limit + slope / np.reshape(SIZES, (3, 1, 1))
    found, _ = infinite_size(SIZES, values, rng.uniform(0.0, 1e-2, values.shape))
    assert found == pytest.approx(limit, abs=1e-9)


def test_the_error_of_two_sizes_is_that_of_the_line_through_both():
    value, error = infinite_size([4, 12], [[1.0], [2.0]], [[0.3], [0.1]])
    # the line through both, at 1/N = 0: (12·2 − 4·1)/8, and the errors likewise
    assert value == pytest.approx([2.5])
    assert error == pytest.approx([math.hypot(1.5 * 0.1, 0.5 * 0.3)])


def test_three_sizes_that_are_on_no_line_have_a_larger_error():
    errors = np.full((3, 1), 1e-3)
    straight = np.array([[0.1], [0.2], [0.25]])  # in 1/N: 1/4, 1/8, 1/16
    bent = straight + np.array([[0.0], [0.02], [0.0]])
    (_, good), (_, bad) = (infinite_size([4, 8, 16], v, errors) for v in (straight, bent))
    # the best line leaves 0.02² (1 − h) in squares, h = 1/3 + 1/42 of the middle point
    assert bad[0] / good[0] == pytest.approx(20 * math.sqrt(1 - 1 / 3 - 1 / 42))


def test_one_size_has_no_limit():
    with pytest.raises(ValueError, match="two or more"):
        infinite_size([8, 8], [1.0, 2.0], [0.1, 0.1])


def test_with_the_entropy_that_cells_lack_the_rest_is_linear():
    """A ring of sites whose unlike neighbours cost energy, half full: 500 K."""
    t, cost = 500.0, 0.03
    exact = -KB * t * math.log1p(math.exp(-cost / (KB * t)))
    values = np.array([[ring_free_energy(n, n // 2, cost, t)] for n in SIZES])
    missing = np.array([[math.log(2) - math.log(math.comb(n, n // 2)) / n] for n in SIZES])
    errors = np.full_like(values, 1e-5)
    corrected, _ = infinite_size(SIZES, values - KB * t * missing, errors)
    plain, _ = infinite_size(SIZES, values, errors)
    assert corrected[0] == pytest.approx(exact, abs=2e-4)  # of order 1/N²
    largest = values[-1, 0] - KB * t * missing[-1, 0]
    assert abs(largest - exact) > 3 * abs(corrected[0] - exact)
    assert abs(plain[0] - exact) > 3 * abs(corrected[0] - exact)
