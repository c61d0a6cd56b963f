"""Matrices of an open shell over the projectors of a setup, without GPAW."""

from types import SimpleNamespace

import numpy as np
import pytest

from redoxmc.data.gpaw import shells
from redoxmc.data.gpaw.shells import fullest_orbitals, occupation, over_projectors, put_into

FIRST, SECOND = slice(4, 9), slice(13, 18)  # 1 + 3, and 1 + 3 + 5 + 1 + 3


def iron() -> SimpleNamespace:
    """A setup with 4s, 4p, 3d and further projectors for s, p and d, in GPAW's layout."""
    n_j, l_j = [4, 4, 3, -1, -1, -1], [0, 1, 2, 0, 1, 2]
    pairs = [(i, j) for i in range(6) for j in range(i, 6)]
    lq = [10.0 * i + j + 1 for i, j in pairs]
    return SimpleNamespace(n_j=n_j, l_j=l_j, lq=lq, ni=sum(2 * k + 1 for k in l_j))


def test_a_potential_covers_both_projectors_of_the_shell_and_nothing_else() -> None:
    matrix = over_projectors(iron(), np.eye(5))
    own = 10.0 * 2 + 2 + 1
    np.testing.assert_allclose(matrix[FIRST, FIRST], np.eye(5))
    np.testing.assert_allclose(matrix[FIRST, SECOND], np.eye(5) * (10.0 * 2 + 5 + 1) / own)
    np.testing.assert_allclose(matrix[SECOND, SECOND], np.eye(5) * (10.0 * 5 + 5 + 1) / own)
    np.testing.assert_allclose(matrix, matrix.T)
    assert np.count_nonzero(matrix) == 20


def test_the_potential_is_the_derivative_of_its_energy_by_the_density() -> None:
    rng = np.random.default_rng(3)
    density, potential = rng.normal(size=(18, 18)), rng.normal(size=(5, 5))
    density, potential = density + density.T, potential + potential.T
    energy = np.sum(potential * occupation(iron(), density))
    np.testing.assert_allclose(np.sum(over_projectors(iron(), potential) * density), energy)


def test_the_fullest_orbitals_are_filled_and_the_charge_stays() -> None:
    rng = np.random.default_rng(4)
    vectors = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    occupations = vectors @ np.diag([0.9, 0.1, 0.8, 0.2, 0.0]) @ vectors.T
    two = fullest_orbitals(occupations, 2)
    np.testing.assert_allclose(two, vectors[:, [0, 2]] @ vectors[:, [0, 2]].T, atol=1e-12)
    np.testing.assert_allclose(fullest_orbitals(occupations, 0), np.zeros((5, 5)))
    next_one = fullest_orbitals(occupations, 1, skip=1)
    np.testing.assert_allclose(next_one, np.outer(vectors[:, 2], vectors[:, 2]), atol=1e-12)
    density = np.diag(np.arange(18.0))
    filled = put_into(iron(), density, two)
    assert np.isclose(np.trace(filled), np.trace(density))
    np.testing.assert_allclose(filled[FIRST, FIRST], np.arange(4.0, 9.0).sum() / 2 * two)
    np.testing.assert_allclose(filled[SECOND, SECOND], density[SECOND, SECOND])


def test_tilted_orbitals_are_a_projector_a_little_off() -> None:
    rng = np.random.default_rng(3)
    vectors = np.linalg.qr(rng.normal(size=(5, 2)))[0]
    orbitals = vectors @ vectors.T
    tilted = shells.tilted(orbitals, 0.1, rng)
    np.testing.assert_allclose(tilted @ tilted, tilted, atol=1e-12)
    assert np.trace(tilted) == pytest.approx(2)
    assert 1.9 < np.trace(tilted @ orbitals) < 1.99
    for full in (np.eye(5), np.zeros((5, 5))):
        np.testing.assert_allclose(shells.tilted(full, 0.1, rng), full, atol=1e-9)


def test_a_turned_density_has_the_orbitals_wanted_and_its_occupations() -> None:
    rng = np.random.default_rng(4)
    setup = SimpleNamespace(n_j=[3], l_j=[2], lq=[1.0], ni=5)
    vectors = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    density = vectors @ np.diag([0.02, 0.05, 0.07, 0.1, 0.95]) @ vectors.T
    wanted = np.linalg.qr(rng.normal(size=(5, 1)))[0]
    turned = shells.turned(setup, density, wanted @ wanted.T)
    np.testing.assert_allclose(np.linalg.eigvalsh(turned), np.linalg.eigvalsh(density), atol=1e-12)
    assert (wanted.T @ turned @ wanted).item() == pytest.approx(0.95)
    same = shells.turned(setup, density, np.outer(vectors[:, 4], vectors[:, 4]))
    np.testing.assert_allclose(same, density, atol=1e-12)
