"""Boundaries of a phase diagram: brackets that know of the finite cell."""

import numpy as np
import pytest

from redoxmc.report.phases import boundary_records
from redoxmc.thermo.entropy import finite_size_entropy, ideal_entropy
from redoxmc.units import KB

X = [0.0, 0.25, 1.0]
GRID = np.linspace(300.0, 1200.0, 31)
OMEGA = 0.15  # eV
SITES = 12


def regular_solution(entropy):
    """Free energies of random mixing: exact, for any size of the cell."""
    return np.array([[OMEGA * x * (1 - x) - KB * t * entropy(x) for x in X] for t in GRID])


def boundary_of(entropy):
    return OMEGA * 0.25 * 0.75 / (KB * entropy)


def test_the_bracket_holds_the_boundary_of_a_large_crystal():
    """A cell of 12 sites lacks 0.13 of 0.56 k_B: its own boundary lies a third too high."""
    free = regular_solution(lambda x: finite_size_entropy(SITES, round(SITES * x)))
    lacking = np.array([ideal_entropy(x) - finite_size_entropy(SITES, round(SITES * x)) for x in X])
    (found,) = boundary_records(X, GRID, free, np.zeros_like(free), lacking)
    infinite = boundary_of(ideal_entropy(0.25))
    cell = boundary_of(finite_size_entropy(SITES, 3))
    assert cell > 1.2 * infinite
    assert found.x == 0.25
    assert found.stable_above
    assert found.temperature_K == pytest.approx(cell, abs=0.1)
    assert found.corrected_K == pytest.approx(infinite, abs=0.1)
    assert found.low_K == pytest.approx(infinite, abs=0.1)
    assert found.high_K == pytest.approx(cell, abs=0.1)


def test_standard_errors_widen_the_bracket():
    free = regular_solution(ideal_entropy)
    (found,) = boundary_records(X, GRID, free, np.full_like(free, 2e-4), np.zeros(3))
    per_kelvin = KB * ideal_entropy(0.25)
    width = 2 * 2e-4 * np.sqrt(1 + 0.75**2 + 0.25**2) / per_kelvin
    assert found.high_K - found.temperature_K == pytest.approx(width, rel=0.01)
    assert found.temperature_K - found.low_K == pytest.approx(width, rel=0.01)


def test_a_boundary_that_the_lacking_entropy_moves_out_of_the_temperatures_is_open_there():
    free = regular_solution(ideal_entropy)
    (found,) = boundary_records(X, GRID, free, np.zeros_like(free), np.array([0.0, 1.0, 0.0]))
    assert found.low_K is None
    assert found.corrected_K is None
    assert found.high_K == pytest.approx(found.temperature_K, abs=0.1)
