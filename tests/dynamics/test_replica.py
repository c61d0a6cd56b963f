"""Replicas of molecular dynamics with charge swaps, on wells whose free energies are known."""

import copy

import numpy as np
import pytest
from md_toy import CELL, FE2, Wells, couples_weights, couples_world, toy_chain, toy_world

from redoxmc.dynamics import step as md_step
from redoxmc.dynamics.phase import degrees_of_freedom
from redoxmc.dynamics.replica import COLUMNS, begin
from redoxmc.dynamics.step import step
from redoxmc.errors import EngineError
from redoxmc.thermo.correlation import standard_error
from redoxmc.units import EV_PER_A3_TO_GPA, KB


def sampled(steps, seed=1, **md):
    world, chain = toy_world(**md), toy_chain(seed=seed)
    chain.length = world.md.protocol_steps
    begin(chain, world)
    for _ in range(steps):
        step(chain, world)
    return world, chain


def population(chain):
    """Share of steps in the charge order 01, and its standard error."""
    first = np.array([key == "01|1" for key in chain.raw_keys[200:]], dtype=float)
    return first.mean(), standard_error(first)


def exact(world, temperature=600.0):
    return 1 / (1 + np.exp(world.dynamics.free_energy_difference(temperature) / (KB * temperature)))


# 4.3 standard errors of the mean: false alarm 1.7e-5 for each of five settings.
@pytest.mark.parametrize(
    "settings",
    [
        {"escort": False, "time_step": 12.0, "damping": 48.0, "protocol_steps": 30},
        {"escort": True},
        {"escort": True, "schedule": "linear", "protocol_steps": 3},
        # a time step so coarse that energy is not conserved and pieces are refused: still exact
        {"escort": True, "time_step": 14.0, "damping": 56.0, "protocol_steps": 4},
        {"escort": True, "mobile_radius": 10.0},  # the third atom stands still on paths
    ],
)
def test_populations_are_those_of_the_known_free_energies(settings):
    world, chain = sampled(12_000, **settings)
    share, error = population(chain)
    assert error < 0.02
    assert abs(share - exact(world)) < 4.3 * error
    moves = chain.moves["charge_swap"]
    assert moves.proposed == 12_000
    assert moves.accepted > 300
    assert 0.3 < exact(world) < 0.9
    if world.md.time_step == 14.0:
        assert chain.pieces.accepted < 0.98 * chain.pieces.proposed


def test_a_path_judged_by_its_potential_energy_alone_is_noticed(monkeypatch):
    """The test above can fail: leaving out the kinetic part of the work gives wrong populations."""

    def wrong(chain, path, proposal):
        change = path.energy - chain.energy
        return bool(np.log(chain.rng.random()) < -change / (KB * chain.temperature))

    monkeypatch.setattr(md_step, "_decide", wrong)
    world, chain = sampled(3000, escort=True)
    share, error = population(chain)
    assert abs(share - exact(world)) > 4.3 * error


def test_energies_are_canonical_and_kinetic_energies_are_maxwells():
    """Equipartition in both, and the kinetic energies' distribution; false alarm 3e-5 in all."""
    from scipy.stats import gamma, kstest

    world, chain = sampled(4000, time_step=12.0, damping=12.0, segment=1)
    rows = np.array(chain.records[200:])
    kinetic = rows[:, COLUMNS.index("kinetic_eV")]
    kt, n = KB * 600.0, degrees_of_freedom(3, world.drifting)
    assert n == 9
    assert abs(kinetic.mean() - 4.5 * kt) < 4.4 * standard_error(kinetic)
    level = world.dynamics.levels[1, FE2]
    potential = rows[:, 0] - np.where([k == "01|1" for k in chain.raw_keys[200:]], level, 0.0)
    assert abs(potential.mean() - 4.5 * kt) < 4.4 * standard_error(potential)
    assert kstest(kinetic[::8], gamma(a=4.5, scale=kt).cdf).pvalue > 1e-5


def test_a_chain_that_is_copied_goes_on_identically():
    world, chain = sampled(40)
    twin = copy.deepcopy(chain)
    for one in (chain, twin):
        for _ in range(30):
            step(one, world)
    assert np.array_equal(chain.positions, twin.positions)
    assert chain.records == twin.records
    assert chain.raw_keys == twin.raw_keys


def test_the_conserved_quantity_drifts_little_and_swaps_do_not_show_in_it():
    _, chain = sampled(500, time_step=1.0, protocol_steps=40)
    accepted = [r for r in chain.records if r[COLUMNS.index("accepted")]]
    assert len(accepted) > 50
    works = [COLUMNS.index(name) for name in ("work_eV", "protocol_work_eV")]
    swaps = np.array(accepted)[:, works]
    assert np.abs(swaps[:, 0] - swaps[:, 1]).max() < 2e-3
    assert np.abs(swaps[:, 0]).max() > 0.05
    assert abs(chain.drift) < 0.05


def test_a_failed_path_is_refused_and_counted():
    class Failing(Wells):
        def forces(self, positions, species):
            if self.broken:
                raise EngineError("lost atoms")
            return super().forces(positions, species)

    wells = Failing()
    wells.broken = False
    world, chain = toy_world(wells), toy_chain()
    chain.length = 6
    begin(chain, world)
    step(chain, world)
    before, wells.broken = copy.deepcopy(chain), True
    step(chain, world)
    count = chain.moves["charge_swap"]
    assert (count.proposed, count.failed) == (2, 1)
    assert np.array_equal(chain.positions, before.positions)
    assert chain.energy == before.energy
    assert np.isnan(chain.records[-1][COLUMNS.index("work_eV")])
    assert chain.pieces.failed == 1


def test_a_failed_piece_ends_plain_dynamics():
    class Exploding(Wells):
        def trajectory(self, *arguments):
            raise EngineError("lost atoms")

    world, chain = toy_world(Exploding(), metropolize=False), toy_chain()
    begin(chain, world)
    with pytest.raises(EngineError, match="lost atoms"):
        step(chain, world)


def test_walls_keep_every_atom_near_its_site():
    world, chain = sampled(600, site_tolerance=0.4)
    assert chain.pieces.failed > 10
    away = chain.positions - world.distortions.geometry.positions
    assert np.linalg.norm(away - away.mean(axis=0), axis=1).max() < 0.4


def test_volumes_follow_the_equation_of_state():
    """Wells that scale with the cell: n free particles in effect, so P <V> = (n + 1) kT.

    False alarm 1e-5.
    """

    class Free(Wells):
        def forces(self, positions, species):
            return 0.0, np.zeros_like(positions)

    pressure = 4 * KB * 600.0 / 8000.0 * EV_PER_A3_TO_GPA
    world, chain = toy_world(Free(), pressure=pressure, swaps=False, interval=1), toy_chain()
    begin(chain, world)
    chain.strain, chain.cell = 1.0, CELL.copy()
    for _ in range(6000):
        step(chain, world)
    volumes = np.array(chain.records[500:])[:, COLUMNS.index("volume_A3")]
    assert abs(volumes.mean() - 8000.0) < 4.4 * standard_error(volumes)
    assert chain.volumes.accepted > 2000


def test_electrons_of_several_couples_in_dynamics():
    """Fe and Mn of two states, Ni of three: populations of all four charge orders are exact.

    The a-priori ratio of a transfer counts: Ni takes two electrons or gives them to two.
    """
    world, chain = couples_world(), toy_chain()
    chain.occupancy = np.array([1, 1, 0], dtype=np.int8)
    chain.length = world.md.protocol_steps
    begin(chain, world)
    for _ in range(3_000):
        step(chain, world)
    weights = couples_weights(world, 600.0)
    assert set(chain.raw_keys) == set(weights)
    for key, weight in weights.items():
        here = np.array([one == key for one in chain.raw_keys[200:]], dtype=float)
        error = standard_error(here)
        assert error < 0.03
        assert abs(here.mean() - weight) < 4.3 * error
        assert 0.04 < weight < 0.7
    assert chain.moves["electron_transfer"].accepted > 500
