"""Waves carried from one cell to another, on stand-ins for GPAW's objects."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from redoxmc.data.gpaw.waves import displaced, displacements, fits, indices, mapped

SIZE = (6, 5, 4)


def descriptor(chosen: np.ndarray) -> Any:
    """Plane waves of one k-point: places in a box of SIZE."""
    places = np.ravel_multi_index(tuple((chosen % SIZE).T), SIZE)
    return SimpleNamespace(gd=SimpleNamespace(N_c=SIZE), Q_qG=[places])


def test_indices_are_signed() -> None:
    chosen = np.array([[0, 0, 0], [2, -2, 1], [-2, 1, -1], [-1, 2, 0]])
    np.testing.assert_array_equal(indices(descriptor(chosen), 0), chosen)


def test_coefficients_follow_their_waves_into_another_cell() -> None:
    rng = np.random.default_rng(1)
    old = np.array([[0, 0, 0], [2, -2, 1], [-2, 1, -1], [-1, 2, 0]])
    new = np.array([[-1, 2, 0], [3, 0, -3], [0, 0, 0], [2, -2, 1]])
    waves = rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))
    result = mapped(waves, old.astype(np.int16), new)
    np.testing.assert_array_equal(result[:, [0, 2, 3]], waves[:, [3, 0, 1]])
    np.testing.assert_array_equal(result[:, 1], 0)
    np.testing.assert_array_equal(mapped(waves, old, old), waves)


def test_waves_of_another_structure_do_not_fit() -> None:
    positions = np.array([[0.01, 0.5, 0.5], [0.5, 0.25, 0.0]])
    wfs = SimpleNamespace(
        kpt_u=[None, None],
        bd=SimpleNamespace(nbands=3),
        gd=SimpleNamespace(cell_cv=20.0 * np.eye(3)),
    )
    waves = np.zeros((3, 7))
    stored = {"positions": positions, "waves0": waves, "waves1": waves}
    assert fits(stored, wfs, positions)
    assert fits(stored, wfs, positions + np.array([[0.98, 0, 0], [0, 0, 0]]))  # over the boundary
    assert not fits(
        stored, wfs, positions + np.array([[0.12, 0, 0], [0, 0, 0]])
    )  # 0.64 Å from the middle
    assert fits(stored, wfs, positions + 0.1)  # all atoms alike
    assert not fits(stored, wfs, positions[:1])
    assert not fits(stored | {"waves2": waves}, wfs, positions)
    assert not fits({k: v for k, v in stored.items() if k != "waves1"}, wfs, positions)
    assert not fits(stored | {"waves1": np.zeros((4, 7))}, wfs, positions)


def test_displaced_waves_are_those_of_a_displaced_crystal() -> None:
    rng = np.random.default_rng(2)
    own = rng.integers(-3, 4, size=(12, 3))
    waves = rng.normal(size=(2, 12)) + 1j * rng.normal(size=(2, 12))
    shift, place = np.array([0.3, -0.1, 0.25]), rng.random(3)

    def value(coefficients: np.ndarray, at: np.ndarray) -> np.ndarray:
        return coefficients @ np.exp(2j * np.pi * (own @ at))

    moved = displaced(waves, own, shift)
    np.testing.assert_allclose(value(moved, place + shift), value(waves, place), atol=1e-12)


def test_the_way_through_the_boundary_is_the_shortest() -> None:
    np.testing.assert_allclose(
        displacements([[0.95, 0.1, 0.5]], [[0.05, 0.9, 0.6]]), [[0.1, -0.2, 0.1]]
    )
