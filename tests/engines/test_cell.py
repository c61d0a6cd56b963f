import numpy as np
import pytest

from redoxmc.engines.cell import relax_cell
from redoxmc.engines.lammps import VOIGT, State
from redoxmc.errors import EngineError

TARGET = np.array([[5.0, 0, 0], [0.3, 6.0, 0], [0.2, -0.1, 7.0]])


def harmonic(cell, positions, factor):
    """An anisotropic elastic crystal without atoms, with its stress by finite differences."""

    def energy(box):
        green = np.linalg.inv(TARGET) @ box
        strain = 0.5 * (green.T @ green - np.eye(3))
        return 60.0 * (strain**2).sum() + 40.0 * np.trace(strain) ** 2 + 30.0 * strain[0, 0] ** 2

    stress, h = np.zeros(6), 1e-5
    for n, (a, b) in enumerate(VOIGT):
        tensor = np.zeros((3, 3))
        tensor[a, b] += h / 2
        tensor[b, a] += h / 2
        plus, minus = cell @ (np.eye(3) + tensor), cell @ (np.eye(3) - tensor)
        stress[n] = (energy(plus) - energy(minus)) / (2 * h) / np.linalg.det(cell)
    return State(energy(cell), cell, positions, np.zeros((0, 3)), stress, 1)


def test_finds_the_cell_of_no_stress_from_far_away():
    start = np.diag([5.4, 5.6, 7.5])
    state = relax_cell(harmonic, start, np.zeros((0, 3)), 1e-6)
    assert np.abs(state.stress).max() <= 1e-6
    assert state.energy < 1e-8
    assert np.allclose(state.cell @ state.cell.T, TARGET @ TARGET.T, atol=1e-3)
    assert state.force_evaluations < 40


def test_a_projection_keeps_what_it_forbids():
    def lengths_only(tensor):
        return np.diag(np.diag(tensor))

    state = relax_cell(harmonic, np.diag([5.4, 5.6, 7.5]), np.zeros((0, 3)), 1e-6, lengths_only)
    assert np.abs(state.cell - np.diag(np.diag(state.cell))).max() == 0
    assert np.abs(state.stress[:3]).max() <= 1e-6 < np.abs(state.stress[3:]).max()


def test_a_crystal_that_never_settles_is_an_error():
    def restless(cell, positions, factor):
        stress = np.array([1.0, 1, 1, 0, 0, 0])
        return State(0.0, cell, positions, np.zeros((0, 3)), stress, 1)

    with pytest.raises(EngineError, match="the cell did not relax"):
        relax_cell(restless, np.eye(3), np.zeros((0, 3)), 1e-6)
