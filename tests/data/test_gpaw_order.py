"""The joint mixing and the starting potential, without GPAW: on made-up maps and setups."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from redoxmc.data.gpaw_order import (
    HARTREE,
    JointMixer,
    hold_order,
    pulay_weights,
    shell_matrix,
    use_joint_mixer,
)

GRID = (2, 3, 2, 2)  # two spins on a small grid


class Base:
    """What JointMixer needs of one of GPAW's mixers: a grid and a metric."""

    def __init__(self, beta: float, nmaxold: int, weight: float) -> None:
        self.gd = SimpleNamespace(dv=0.05, integrate=lambda values: 0.05 * float(np.sum(values)))

    def metric(self, values: np.ndarray, out: np.ndarray) -> None:
        out[:] = 3.0 * values


def mixer(**options: Any) -> JointMixer:
    return JointMixer(Base, **{"beta": 0.3, "nmaxold": 6, "weight": 20.0, **options})


def linear_map(seed: int) -> tuple[Any, np.ndarray, dict[int, np.ndarray]]:
    """A map with a strong response, on grid and matrices, and its fixed point.

    Plain mixing with beta 0.3 diverges on it: an eigenvalue of the response is -9.
    """
    rng = np.random.default_rng(seed)
    grid, matrices = rng.random(GRID), {0: rng.random((2, 6)), 1: rng.random((2, 3))}
    sizes = [grid.size, 12, 6]
    basis = np.linalg.qr(rng.normal(size=(sum(sizes), sum(sizes))))[0]
    response = basis @ np.diag(np.r_[-9.0, -3.0, rng.uniform(-0.5, 0.5, sum(sizes) - 2)]) @ basis.T
    fixed = np.concatenate([grid.ravel(), matrices[0].ravel(), matrices[1].ravel()])

    def apply(given: np.ndarray) -> np.ndarray:
        return fixed + response @ (given - fixed)

    return apply, grid, matrices


def iterate(one: JointMixer, apply: Any, count: int) -> tuple[list[float], np.ndarray]:
    """Errors of `count` steps from zero, and the last input."""
    bases = one.get_basemixers(2)
    grid, matrices = np.zeros(GRID), {0: np.zeros((2, 6)), 1: np.zeros((2, 3))}
    errors = [one.mix(bases, grid, matrices)]
    for _ in range(count):
        given = np.concatenate([grid.ravel(), *(d.ravel() for d in matrices.values())])
        out = apply(given)
        grid[:] = out[: grid.size].reshape(GRID)
        matrices[0][:] = out[grid.size : grid.size + 12].reshape(2, 6)
        matrices[1][:] = out[grid.size + 12 :].reshape(2, 3)
        errors.append(one.mix(bases, grid, matrices))
    return errors, np.concatenate([grid.ravel(), *(d.ravel() for d in matrices.values())])


def test_it_finds_the_fixed_point_of_grid_and_matrices_where_plain_mixing_diverges() -> None:
    apply, grid, matrices = linear_map(1)
    wanted = np.concatenate([grid.ravel(), matrices[0].ravel(), matrices[1].ravel()])
    errors, found = iterate(mixer(), apply, 60)
    assert errors[0] == np.inf
    assert errors[-1] < 1e-6 * errors[1]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    plain, _ = iterate(mixer(nmaxold=1), apply, 60)
    assert plain[-1] > plain[1]


def test_the_error_is_of_charge_or_spin_whichever_is_larger() -> None:
    one = mixer()
    bases = one.get_basemixers(2)
    grid, matrices = np.zeros(GRID), {0: np.zeros((2, 6))}
    one.mix(bases, grid, matrices)
    grid[0], grid[1] = 1.0, -1.0  # all spin, no charge
    assert one.mix(bases, grid, matrices) == pytest.approx(0.05 * 12 * 2)


def test_one_spin_is_refused() -> None:
    with pytest.raises(ValueError, match="2 spins, not 1"):
        mixer().get_basemixers(1)


def test_forgetting_keeps_the_last_input() -> None:
    apply, _, _ = linear_map(2)
    one = mixer()
    _, last = iterate(one, apply, 4)
    one.forget()
    assert one.residuals == []
    np.testing.assert_array_equal(one.inputs[0], last)
    assert len(one.inputs) == 1


def test_weights() -> None:
    a, b = np.array([1.0, 0.0]), np.array([-1.0, 0.0])
    products = np.array([[a @ a, a @ b], [b @ a, b @ b]])
    np.testing.assert_allclose(pulay_weights(products), [0.5, 0.5])
    orthogonal = pulay_weights(np.diag([1.0, 4.0]), ridge=0.0)
    np.testing.assert_allclose(orthogonal, [0.8, 0.2])
    parallel = pulay_weights(np.array([[1.0, 1.0], [1.0, 1.0]]))  # singular but for the ridge
    np.testing.assert_allclose(parallel, [0.5, 0.5])


def test_gpaw_learns_the_mixer_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    mixers = SimpleNamespace(_methods={})
    monkeypatch.setitem(sys.modules, "gpaw.mixer", mixers)
    made = use_joint_mixer()
    one = mixers._methods["joint"](Base, beta=0.2, nmaxold=4, weight=50.0)
    assert made == [one]
    assert (one.name, one.basemixerclass) == ("joint", Base)  # what GPAW writes into its log
    assert (one.beta, one.nmaxold, one.weight) == (0.2, 4, 50.0)


def iron() -> SimpleNamespace:
    """A setup with 4s, 4p, 3d and further projectors for s, p and d, in GPAW's layout."""
    n_j, l_j = [4, 4, 3, -1, -1, -1], [0, 1, 2, 0, 1, 2]
    pairs = [(i, j) for i in range(6) for j in range(i, 6)]
    lq = [10.0 * i + j + 1 for i, j in pairs]
    return SimpleNamespace(n_j=n_j, l_j=l_j, lq=lq, ni=sum(2 * k + 1 for k in l_j))


def test_the_matrix_covers_both_projectors_of_the_shell_and_nothing_else() -> None:
    matrix = shell_matrix(iron())
    first, second = slice(4, 9), slice(13, 18)  # 1 + 3, and 1 + 3 + 5 + 1 + 3
    own = 10.0 * 2 + 2 + 1
    np.testing.assert_allclose(matrix[first, first], np.eye(5))
    np.testing.assert_allclose(matrix[first, second], np.eye(5) * (10.0 * 2 + 5 + 1) / own)
    np.testing.assert_allclose(matrix[second, second], np.eye(5) * (10.0 * 5 + 5 + 1) / own)
    np.testing.assert_allclose(matrix, matrix.T)
    assert np.count_nonzero(matrix) == 20


def test_the_potential_is_on_the_spin_given_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    class Solver:
        def iterate(self, hamiltonian: Any, wfs: Any, occ: Any = None) -> None:
            seen.append(np.array([hamiltonian.dH_asp[a][:, 0] for a in (0, 1)]))

    monkeypatch.setitem(sys.modules, "gpaw.lcao.eigensolver", SimpleNamespace(DirectLCAO=Solver))
    corner = SimpleNamespace(pack2=lambda matrix: np.array([matrix[4, 4]]))
    monkeypatch.setitem(sys.modules, "gpaw.utilities", corner)
    one = mixer()
    iterate(one, linear_map(3)[0], 3)
    hold_order({0: (-2.0, 1), 1: (2.0, 0)}, 2, [one])
    wfs = SimpleNamespace(setups={0: iron(), 1: iron()})
    for number in range(4):
        Solver().iterate(SimpleNamespace(dH_asp={0: np.zeros((2, 1)), 1: np.zeros((2, 1))}), wfs)
        assert bool(one.residuals) == (number < 2)
    shift = 2.0 / HARTREE
    np.testing.assert_allclose(seen[0], [[0, -shift], [shift, 0]])
    np.testing.assert_allclose(seen[1], seen[0])
    assert not np.any(seen[2:])
