import numpy as np
import pytest

from redoxmc.thermo.exchange import expected_acceptance, suggest_ladder
from redoxmc.units import KB

HEAT = 40  # degrees of freedom of the toy: E is Gamma-distributed with mean HEAT k_B T


def energies(temperatures, samples=4000):
    rng = np.random.default_rng(7)
    return [rng.gamma(HEAT, KB * t, samples) for t in temperatures]


def test_expected_acceptance_is_that_of_exchanges():
    """Against exchanges drawn one by one; the matrix is symmetric with ones on its diagonal."""
    temperatures = [300.0, 400.0, 900.0]
    own = energies(temperatures)
    matrix = expected_acceptance(temperatures, own)
    assert np.array_equal(matrix, matrix.T)
    assert np.diag(matrix).tolist() == [1.0] * 3
    beta = 1 / (KB * 300.0) - 1 / (KB * 400.0)
    drawn = np.minimum(1.0, np.exp(beta * (own[0] - own[1]))).mean()
    assert matrix[0, 1] == pytest.approx(drawn, abs=0.03)
    assert matrix[0, 2] < 1e-3


def test_a_temperature_without_samples_is_unknown():
    matrix = expected_acceptance([300.0, 600.0], [np.array([1.0, 2.0]), np.array([])])
    assert np.isnan(matrix[0, 1])


def test_the_suggested_ladder_exchanges():
    """From a ladder with a gap of a factor 6: neighbours of the suggested one accept 15 to 40 %."""
    rough = [200.0, 1200.0]
    ladder = suggest_ladder(rough, energies(rough))
    assert ladder[0] == 200.0
    assert ladder[-1] == 1200.0
    assert 5 < len(ladder) < 40
    # linear interpolation of the energy in ln T crowds the hot end; none may be a gap
    matrix = expected_acceptance(ladder, energies(ladder))
    assert np.diag(matrix, 1).min() > 0.12
    assert expected_acceptance(rough, energies(rough))[0, 1] < 1e-6


def test_a_ladder_that_needs_nothing_between_stays_as_it_is():
    assert suggest_ladder([300.0, 310.0], energies([300.0, 310.0])) == [300.0, 310.0]


def test_an_absurd_gap_is_filled_with_a_limited_number():
    assert len(suggest_ladder([1.0, 1e5], [np.array([0.0]), np.array([1e6])])) == 200
