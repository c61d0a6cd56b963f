"""Paths between two states: the properties that make accepting on their work exact."""

import numpy as np
import pytest
from md_toy import FE2, FE3, NA, SITES, Wells

from redoxmc.dynamics.candidate import (
    accept,
    assured_acceptance,
    best_length,
    expected_acceptance,
    switch,
    switching,
)
from redoxmc.dynamics.phase import Phase, kinetic_energy, masses_of, thermal_velocities
from redoxmc.units import KB

OLD, NEW = (FE2, FE3, NA), (FE3, FE2, NA)
MASSES = masses_of(OLD)


def path(start, old, new, steps, time_step=0.005, schedule="smooth", **options):
    wells = Wells()
    return switch(
        lambda x: wells.forces(x, old),
        lambda x: wells.forces(x, new),
        start,
        MASSES,
        switching(steps, schedule),
        time_step,
        **options,
    )


def start(seed=0, spread=0.2):
    rng = np.random.default_rng(seed)
    centre = SITES + np.array([Wells().centres.get(one, np.zeros(3)) for one in OLD])
    positions = centre + spread * rng.normal(size=(3, 3))
    return Phase(positions, thermal_velocities(MASSES, 600.0, rng))


SHIFT = np.array([[-0.3, 0.1, -0.2], [0.2, 0.0, 0.1], [0.0, 0.0, 0.05]])
MOBILE = np.array([1.0, 1.0, 0.0])


@pytest.mark.parametrize("schedule", ["linear", "smooth"])
def test_lambda_goes_from_0_to_1_and_is_its_own_reverse(schedule):
    for steps in (1, 2, 7, 64):
        values = switching(steps, schedule)
        assert values[0] == 0.0
        assert values[-1] == 1.0
        assert (np.diff(values) > 0).all()
        assert np.abs(values - (1.0 - values[::-1])).max() < 1e-15
    with pytest.raises(ValueError, match="at least one step, not 0"):
        switching(0)


@pytest.mark.parametrize("schedule", ["linear", "smooth"])
@pytest.mark.parametrize("shift", [None, SHIFT])
@pytest.mark.parametrize("mobile", [None, MOBILE])
def test_the_reverse_path_leads_back_with_the_opposite_work(schedule, shift, mobile):
    """With a time step so coarse that the integrator's error is most of the work."""
    begin = start()
    there = path(begin, OLD, NEW, 9, 0.04, schedule, shift=shift, mobile=mobile)
    opposite = None if shift is None else -shift
    back = path(there.end.reversed(), NEW, OLD, 9, 0.04, schedule, shift=opposite, mobile=mobile)
    assert np.abs(back.end.positions - begin.positions).max() < 1e-9
    assert np.abs(back.end.velocities + begin.velocities).max() < 1e-8
    assert back.work == pytest.approx(-there.work, abs=1e-9)
    assert back.protocol_work == pytest.approx(-there.protocol_work, abs=1e-9)
    assert abs(there.work - there.protocol_work) > 0.005


@pytest.mark.parametrize("shift", [None, SHIFT])
def test_a_path_preserves_the_volume_of_phase_space(shift):
    begin, h = start(1), 1e-5

    def end(z):
        phase = Phase(z[:9].reshape(3, 3), z[9:].reshape(3, 3))
        done = path(phase, OLD, NEW, 5, 0.02, shift=shift).end
        return np.concatenate([done.positions.ravel(), done.velocities.ravel()])

    z = np.concatenate([begin.positions.ravel(), begin.velocities.ravel()])
    columns = [(end(z + h * e) - end(z - h * e)) / (2 * h) for e in np.eye(18)]
    assert np.linalg.det(np.array(columns)) == pytest.approx(1.0, abs=1e-6)


def test_work_is_the_change_of_the_total_energy():
    begin = start(2)
    done = path(begin, OLD, NEW, 8)
    before = Wells().forces(begin.positions, OLD)[0] + kinetic_energy(MASSES, begin.velocities)
    after = Wells().forces(done.end.positions, NEW)[0] + kinetic_energy(MASSES, done.end.velocities)
    assert done.work == pytest.approx(after - before, abs=1e-12)
    assert done.energy == Wells().forces(done.end.positions, NEW)[0]


@pytest.mark.parametrize("shift", [None, SHIFT])
def test_the_conserved_quantity_changes_with_the_square_of_the_time_step(shift):
    """Work less protocol work is the integrator's error: a quarter of it at half the time step."""
    errors = []
    for steps in (20, 40, 80):
        done = path(start(3), OLD, NEW, steps, 0.2 / steps, shift=shift)
        errors.append(abs(done.work - done.protocol_work))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.05)
    assert abs(path(start(3), OLD, NEW, 20, 0.01, shift=shift).work) > 20 * errors[0]


def test_a_slow_path_costs_less_and_an_escort_helps_a_fast_one():
    works = {}
    escort = np.array([-0.35, 0.2, -0.2]) * np.array([[1.0], [-1.0], [0.0]])
    for name, steps, shift in (("fast", 5, None), ("slow", 300, None), ("escorted", 5, escort)):
        seeds = range(40)
        works[name] = np.mean([path(start(s), OLD, NEW, steps, shift=shift).work for s in seeds])
    assert works["slow"] < 0.5 * works["fast"]
    assert works["escorted"] < 0.5 * works["fast"]


def test_atoms_that_stand_still_keep_position_and_velocity():
    begin = start(4)
    done = path(begin, OLD, NEW, 6, shift=SHIFT, mobile=MOBILE)
    assert np.array_equal(done.end.positions[2], begin.positions[2])
    assert np.array_equal(done.end.velocities[2], begin.velocities[2])
    assert not np.array_equal(done.end.positions[0], begin.positions[0])


def test_an_observer_sees_every_force_call():
    seen = []
    path(start(), OLD, NEW, 4, observe=lambda at, x: seen.append((at, x.copy())))
    assert [at for at, _ in seen] == list(switching(4))
    assert np.array_equal(seen[0][1], start().positions)


def test_acceptance_is_metropolis_on_the_work():
    rng = np.random.default_rng(0)
    kt = KB * 600.0
    rate = np.mean([accept(1.5 * kt, 600.0, 0.5, rng) for _ in range(20_000)])
    # binomial standard error 0.0034; false alarm 1e-6 at 5 of them
    assert rate == pytest.approx(np.exp(-1.0), abs=5 * 0.0034)
    assert accept(-0.1, 600.0, 0.0, rng)
    assert not accept(float("nan"), 600.0, 0.0, rng)


def test_the_best_length_has_most_acceptances_for_its_cost():
    kt = KB * 600.0
    works = {8: [9 * kt] * 200, 64: [0.5 * kt, 1.5 * kt] * 100, 256: [0.0, 0.1 * kt] * 100}
    length, chance = best_length(works, 600.0, 50.0)
    assert length == 64
    mean, half = (np.exp(-0.5) + np.exp(-1.5)) / 2, (np.exp(-0.5) - np.exp(-1.5)) / 2
    assert chance == pytest.approx(mean - 2 * half / np.sqrt(199))
    assert best_length(works, 600.0, 5000.0)[0] == 256  # where the dynamics cost most anyway
    # a cheap path whose few successes say little is passed over
    assert best_length({1: [3.5 * kt] * 4, 64: [2.5 * kt] * 4}, 600.0, 0.0)[0] == 64
    assert expected_acceptance([float("nan"), -1.0], 600.0) == 0.5
    assert expected_acceptance([], 600.0) == 0.0


def test_one_lucky_path_assures_nothing():
    """One path of twelve costs nothing, the others never pass: the mean is 8 %, what it says 0."""
    kt = KB * 600.0
    lucky, solid = [0.0] + [20 * kt] * 11, [2 * kt] * 12
    assert expected_acceptance(lucky, 600.0) > 0.05
    assert assured_acceptance(lucky, 600.0) == 0.0
    assert assured_acceptance([0.0], 600.0) == 0.0
    assert assured_acceptance(solid, 600.0) == pytest.approx(np.exp(-2.0))
    assert best_length({16: lucky, 128: solid}, 600.0, 50.0)[0] == 128
    assert best_length({16: lucky, 128: [20 * kt] * 12}, 600.0, 50.0)[0] == 16  # better than none
