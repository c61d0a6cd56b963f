"""The joint mixing without GPAW: on made-up maps."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from redoxmc.data.gpaw import mixing
from redoxmc.data.gpaw.mixing import JointMixer, anderson_weights, use_joint_mixer

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


def test_it_finds_the_fixed_point_of_grid_and_matrices_where_plain_mixing_diverges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apply, grid, matrices = linear_map(1)
    wanted = np.concatenate([grid.ravel(), matrices[0].ravel(), matrices[1].ravel()])
    errors, found = iterate(mixer(), apply, 60)
    assert errors[0] == np.inf
    assert errors[-1] < 1e-6 * errors[1]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    monkeypatch.setattr(mixing, "_OPPOSITE", -2.0)  # never
    plain, _ = iterate(mixer(nmaxold=0), apply, 60)
    assert plain[-1] > plain[1]


def test_a_cycle_of_two_densities_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels that cross: a response so strong that every output is a jump, and bounded."""
    fixed = np.random.default_rng(2).random(int(np.prod(GRID)) + 18)

    def crossing(given: np.ndarray) -> np.ndarray:
        away = given - fixed
        away[-1] = -np.tanh(60.0 * away[-1]) / 0.1
        return fixed + 0.1 * away

    errors = {}
    for opposite in (mixing._OPPOSITE, -2.0):  # never
        monkeypatch.setattr(mixing, "_OPPOSITE", opposite)
        one = mixer()
        one.get_basemixers(2)
        _, last = iterate(one, crossing, 60)
        errors[opposite] = abs(last - fixed)[-1]
    assert errors[mixing._OPPOSITE] > 1e-3 > 1e-6 > errors[-0.5]


def test_it_learns_from_as_many_steps_as_asked_for_and_from_few_while_held() -> None:
    apply, _, _ = linear_map(1)
    one = mixer(nmaxold=6)
    for count, kept in ((2, 1), (5, 4), (8, 6), (20, 6)):
        iterate(one, apply, count)
        assert len(one._steps) == kept
    one.held = True
    iterate(one, apply, 20)
    assert len(one._steps) == 3


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


def test_a_shifted_map_costs_one_step_of_the_history_and_no_more() -> None:
    apply, grid, _ = linear_map(2)
    shift = np.random.default_rng(5).normal(size=grid.size + 18)
    one = mixer(nmaxold=30)
    bases = one.get_basemixers(2)
    sizes = grid.size, grid.size + 12
    now, densities = np.zeros(GRID), {0: np.zeros((2, 6)), 1: np.zeros((2, 3))}
    errors = []
    for number in range(80):
        given = np.concatenate([now.ravel(), *(d.ravel() for d in densities.values())])
        out = apply(given) + (shift if number >= 40 else 0.0)
        if number == 40:
            one.forget()
        now[:] = out[: sizes[0]].reshape(GRID)
        densities[0][:] = out[sizes[0] : sizes[1]].reshape(2, 6)
        densities[1][:] = out[sizes[1] :].reshape(2, 3)
        errors.append(one.mix(bases, now, densities))
    assert errors[39] < 1e-4 * errors[1]
    assert errors[41] > 100 * errors[39]  # the map is another one
    assert errors[-1] < 1e-4 * errors[41]


def test_after_unlearning_the_next_step_is_a_plain_short_one() -> None:
    apply, _, _ = linear_map(2)
    for unlearns in (True, False):
        one = mixer()
        _, given = iterate(one, apply, 5)
        if unlearns:
            one.unlearn()
        out = apply(given)
        n = int(np.prod(GRID))
        grid, matrices = out[:n].reshape(GRID), {0: out[n : n + 12], 1: out[n + 12 :]}
        one.mix([mixer().get_basemixers(2)[0]], grid, matrices)
        moved = np.concatenate([grid.ravel(), matrices[0], matrices[1]])
        plain = given + (apply(given) - given) / 6  # the stiffest response that is expected
        assert np.allclose(moved, plain) == unlearns


def test_a_reset_by_gpaw_starts_anew() -> None:
    apply, _, _ = linear_map(2)
    one = mixer()
    (base,) = one.get_basemixers(2)
    iterate(one, apply, 4)
    base.reset()
    assert one.error == np.inf
    assert one.mix([base], np.zeros(GRID), {0: np.zeros((2, 6))}) == np.inf


def test_weights_take_back_what_was_seen_before() -> None:
    changes = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
    residual = 3.0 * changes[0] - 0.5 * changes[1]
    found = anderson_weights(changes @ changes.T, changes @ residual, ridge=0.0)
    np.testing.assert_allclose(found, [3.0, -0.5])
    parallel = anderson_weights(np.ones((2, 2)), np.ones(2))  # singular but for the ridge
    np.testing.assert_allclose(parallel, [0.5, 0.5], rtol=1e-3)


def test_gpaw_learns_the_mixer_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    mixers = SimpleNamespace(_methods={})
    monkeypatch.setitem(sys.modules, "gpaw.mixer", mixers)
    made = use_joint_mixer()
    one = mixers._methods["joint"](Base, beta=0.2, nmaxold=4, weight=50.0)
    assert made == [one]
    assert (one.name, one.basemixerclass) == ("joint", Base)  # what GPAW writes into its log
    assert (one.beta, one.nmaxold, one.weight) == (0.2, 4, 50.0)


def test_a_step_much_longer_than_the_last_ones_is_shortened() -> None:
    one = mixer()
    unit = np.array([0.6, 0.8])
    one._lengths = [1.0, 2.0, 3.0]
    np.testing.assert_allclose(one._not_too_far(100.0 * unit, unit), 100.0 * unit)
    one._lengths.append(20.0)
    np.testing.assert_allclose(one._not_too_far(100.0 * unit, unit), 7.5 * unit)
    np.testing.assert_allclose(one._not_too_far(7.0 * unit, unit), 7.0 * unit)
    np.testing.assert_allclose(one._not_too_far(0.0 * unit, unit), 0.0 * unit)
    one.held = True  # levels cross: a step must find its length again
    np.testing.assert_allclose(one._not_too_far(100.0 * unit, unit), 100.0 * unit)
    one.forget()
    np.testing.assert_allclose(one._not_too_far(100.0 * unit, unit), unit / 6)


def test_an_output_that_jumps_is_not_taken_for_a_response() -> None:
    for jump, kept in ((0.0, 1), (1e3, 0)):
        one = mixer()
        bases = one.get_basemixers(2)
        grid, matrices = np.zeros(GRID), {0: np.zeros((2, 6))}
        one.mix(bases, grid, matrices)
        grid += 1.0
        one.mix(bases, grid, matrices)
        grid += 0.5
        matrices[0] += jump
        given = matrices[0].copy()
        one.mix(bases, grid, matrices)
        assert len(one._steps) == kept
        assert one.jumped == bool(jump)
        if jump:
            assert np.linalg.norm(matrices[0]) <= np.linalg.norm(given) / 6 * 1.001
        one.unlearn()
        one.mix(bases, grid, matrices)
        assert not one.jumped, "of the last output alone"
