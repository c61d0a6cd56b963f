"""Equilibration, the choice of the length of paths, and the test of the time step, on wells."""

import numpy as np
import pytest
from md_toy import Wells, toy_chain, toy_world

from redoxmc.dynamics.replica import begin
from redoxmc.dynamics.start import check_time_step, prepare
from redoxmc.errors import EngineError, InputError


def prepared(**md):
    world, chain = toy_world(**({"equilibration": 200.0} | md)), toy_chain()
    prepare(chain, world)
    return world, chain


def test_a_path_is_as_long_as_it_pays():
    """Without an escort wells 0.5 Å apart ask for paths of the time in which the ions move."""
    plain, escorted = (
        prepared(protocol_steps="auto", escort=escort, pilot_moves=16)[1]
        for escort in (False, True)
    )
    assert sorted(plain.pilots)[:2] == [16, 32]
    assert plain.length in plain.pilots
    assert plain.pilots[plain.length] > 0.05
    assert plain.pilots[16] < plain.pilots[plain.length]
    assert escorted.length < plain.length


def test_a_given_length_is_kept():
    _, chain = prepared(protocol_steps=7)
    assert chain.length == 7
    assert not chain.pilots


def test_statistics_begin_after_the_start():
    world, chain = prepared(protocol_steps=7)
    assert chain.pieces.proposed == 0
    assert (chain.drift, chain.time, chain.step) == (0.0, 0.0, 0)
    assert chain.records == []
    assert chain.force_evaluations > 0
    assert not np.array_equal(chain.positions, world.distortions.geometry.positions)


def test_a_single_charge_order_needs_no_paths():
    world, chain = toy_world(protocol_steps="auto"), toy_chain()
    chain.occupancy = np.array([1, 1, 1], dtype=np.int8)
    prepare(chain, world)
    assert chain.length == 1
    assert not chain.pilots


def test_a_time_step_that_heats_is_refused():
    """The stiffest well has a period of 0.16 ps; velocity Verlet fails above 1/π of it."""
    for time_step, heats in ((5.0, False), (20.0, False), (60.0, True)):
        world, chain = toy_world(time_step=time_step, damping=200.0), toy_chain()
        begin(chain, world)
        if heats:
            with pytest.raises(InputError, match=r"= 60 fs heats the system at 600 K"):
                check_time_step(chain, world)
        else:
            check_time_step(chain, world)


def test_the_test_of_the_time_step_is_short_in_large_cells(monkeypatch):
    taken = []

    class Counting(Wells):
        def trajectory(self, cell, start, species, steps, time_step):
            taken.append(steps)
            return super().trajectory(cell, start, species, steps, time_step)

    world, chain = toy_world(Counting(), time_step=2.0), toy_chain()
    begin(chain, world)
    check_time_step(chain, world)
    monkeypatch.setattr("redoxmc.dynamics.start.HEATING_COST", 3 * 30)  # three atoms
    check_time_step(chain, world)
    monkeypatch.setattr("redoxmc.dynamics.start.HEATING_COST", 3)
    check_time_step(chain, world)
    assert taken == [100, 30, 20]


def test_dynamics_that_always_fails_is_an_engine_error():
    class Exploding(Wells):
        def trajectory(self, *arguments):
            raise EngineError("lost atoms")

    with pytest.raises(EngineError, match="none of 10 pieces of dynamics was accepted"):
        prepare(toy_chain(), toy_world(Exploding(), equilibration=200.0))


def test_volume_moves_are_tuned_before_sampling():
    class Soft(Wells):
        def forces(self, positions, species):
            return 0.0, np.zeros_like(positions)

    world = toy_world(Soft(), pressure=1.0, equilibration=8000.0, swaps=False)
    chain = toy_chain()
    prepare(chain, world)
    assert chain.strain != 0.01
    assert chain.volumes.proposed == 0
