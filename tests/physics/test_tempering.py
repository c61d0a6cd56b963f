"""Entropy and free energy from tempering, from the chains on, against exact enumeration."""

import math

import numpy as np
import pytest
from lattice_engine import crystal_engine

from redoxmc.config.campaign import load_config
from redoxmc.model_card import load_card
from redoxmc.moves.mixture import build_moves
from redoxmc.moves.sites import Sites
from redoxmc.results.record import to_json
from redoxmc.sampling.cache import Entry
from redoxmc.sampling.chain import make_chain
from redoxmc.sampling.energies import Lookup
from redoxmc.sampling.ladder import advance, make_ladder
from redoxmc.structures.enumeration import occupancies
from redoxmc.structures.host_file import build_lattice
from redoxmc.structures.occupancy import occupancy_key, occupancy_of_key
from redoxmc.structures.symmetry import find_symmetry
from redoxmc.thermo.entropy import canonical_averages, finite_size_entropy
from redoxmc.thermo.ladder import ladder_averages

TEMPERATURES = [200.0, 300.0, 450.0, 700.0, 1100.0, 2000.0]
FIELDS = ("mean_energy", "heat_capacity", "entropy", "free_energy")
IONS = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=np.int8)


class Table:
    """Relaxed energies that are known beforehand."""

    def __init__(self, lattice, energies):
        self.lattice, self.energies = lattice, energies

    def look_up(self, occupancy, current=None):
        key = occupancy_key(self.lattice, occupancy)
        return Lookup(key, Entry(self.energies[key], 0), computed=False)


@pytest.fixture
def lattice(campaign):
    config = load_config(campaign(supercell=[1, 2, 1]))
    return build_lattice(config, load_card(config.model.path))


def tempered(lattice, energies, seed, steps, temperatures=TEMPERATURES, draws=0):
    """The energies of one tempering run after burn-in, for each temperature.

    draws: of uniform states, which come last.
    """
    ions = occupancy_of_key(next(iter(energies)))[lattice.n_redox :]
    chains = [make_chain(lattice, 0.5, ions, t, seed) for t in temperatures]
    ladder = make_ladder(chains, interval=5)
    mixture = build_moves({"charge_swap": 1.0}, Sites(lattice.n_redox, lattice.n_ion_sites))
    advance(ladder, Table(lattice, energies), mixture, steps, lambda: False)
    series = [np.array(chain.energies[steps // 10 :]) for chain in ladder.chains]
    if draws:
        uniform = make_ladder([make_chain(lattice, 0.5, ions, math.inf, seed)], 1)
        advance(uniform, Table(lattice, energies), mixture, draws, lambda: False)
        series.append(np.array(uniform.chains[0].energies))
    return series


def coverage(lattice, energies, repeats, steps, draws=0):
    """For each quantity, how often two standard errors cover the exact value; [repeats, n_T]."""
    levels = np.array(list(energies.values()))
    ground = int(np.sum(levels < levels.min() + 1e-6))
    exact = [canonical_averages(levels, np.ones(len(levels)), t) for t in TEMPERATURES]
    covered = {field: np.zeros((repeats, len(TEMPERATURES))) for field in FIELDS}
    for seed in range(repeats):
        series = tempered(lattice, energies, seed, steps, draws=draws)
        temperatures = TEMPERATURES + [math.inf] * (draws > 0)
        found = ladder_averages(temperatures, series, math.log(len(levels)), None, ground)
        for n, (a, e) in enumerate(zip(found, exact, strict=True)):
            for field in FIELDS:
                estimate = getattr(a, field)
                error = abs(estimate.value - getattr(e, field))
                covered[field][seed, n] = error <= 2 * estimate.standard_error
    return covered


@pytest.fixture
def energies(lattice):
    engine = crystal_engine(lattice, permittivity=25.0, redox_shells=[0.03])
    return {
        occupancy_key(lattice, state): engine.energy(state)
        for charges in occupancies(8, 4)
        for state in [np.concatenate([charges, IONS])]
    }


@pytest.mark.parametrize("draws", [0, 500])
def test_tempering_agrees_with_enumeration_on_the_lattice_engine(lattice, energies, draws):
    """Anchored at the ground states, or at infinite temperature by uniform draws."""
    assert np.ptp(list(energies.values())) > 0.2  # eV: neither frozen nor free over the ladder
    covered = coverage(lattice, energies, repeats=10, steps=2000, draws=draws)
    # 60 intervals, 95 % expected. Were those of a run all the same, fewer than half would hold with
    # probability 2e-6 (binomial, for each of eight); thermo/test_coverage.py asks for much more
    for field, hits in covered.items():
        assert hits.mean() >= 0.5, field


def test_at_a_million_kelvin_the_entropy_is_ideal(lattice, energies):
    """ln C(8, 4)/8 to 1e-3 k_B per site, from chains that know no spectrum."""
    temperatures = [300.0, 600.0, 1200.0, 3000.0, 10_000.0, 1e6]
    levels = np.array(list(energies.values()))
    ground = int(np.sum(levels < levels.min() + 1e-6))
    series = tempered(lattice, energies, 1, 3000, temperatures)
    *_, hot = ladder_averages(temperatures, series, math.log(70), None, ground)
    assert hot.anchored
    assert hot.entropy.value / 8 == pytest.approx(finite_size_entropy(8, 4), abs=1e-3)


def test_the_anchor_does_not_depend_on_states_that_are_hardly_ever_visited(lattice, energies):
    """The highest states matter at infinite temperature alone; a ladder up to 2000 K misses them.

    Raised by 3 eV they are never seen. Anchored at ln 70 every entropy would then be too high by
    ln(70/68) = 0.029 k_B. That is less than their errors here, so the anchor itself is asked for.
    """
    levels = sorted(set(energies.values()))
    raised = {k: e + 3.0 * (e == levels[-1]) for k, e in energies.items()}
    values = np.array(list(raised.values()))
    ground = int(np.sum(values < values.min() + 1e-6))
    series = tempered(lattice, raised, 2, 4000)
    assert max(s.max() for s in series) < levels[-1] + 2.9
    found = ladder_averages(TEMPERATURES, series, math.log(70), None, ground)
    for averages in found[:3]:
        exact = canonical_averages(values, np.ones(70), averages.temperature)
        error = abs(averages.entropy.value - exact.entropy)
        # of a jackknife over ten blocks or more: false alarm 3e-5 for each of three
        assert error <= 6.5 * averages.entropy.standard_error
        assert averages.anchor == "ground states"


def test_several_seeds_that_agree_anchor_a_cold_ladder(lattice, energies):
    """200 to 700 K does not reach infinite temperature: alone it claims nothing."""
    cold = TEMPERATURES[:4]
    levels = np.array(list(energies.values()))
    ground = int(np.sum(levels < levels.min() + 1e-6))
    seeds = [tempered(lattice, energies, seed, 2000, cold) for seed in (1, 2)]
    series = [np.array(own) for own in zip(*seeds, strict=True)]
    alone = ladder_averages(cold, series, math.log(70) + 20.0, None, ground)
    assert not any(a.anchored for a in alone)
    assert all(math.isnan(a.entropy.value) for a in alone)
    for count in (math.log(70) + 20.0, None):  # the number of states does not matter
        found = ladder_averages(cold, series, count, None, ground, ground_found=True)
        for a in found:
            assert a.anchor == "ground states"
            exact = canonical_averages(levels, np.ones(70), a.temperature)
            for what in ("entropy", "free_energy"):  # of ten blocks or more: 1e-5 for each of eight
                own = getattr(a, what)
                assert abs(own.value - getattr(exact, what)) <= 7.5 * own.standard_error


@pytest.mark.slow
def test_errors_are_honest_on_the_reference_potential(lattice, campaign):
    """Fifty tempering runs on LAMMPS' relaxed energies: at every temperature intervals cover.

    95 % expected; fewer than 39 of 50 cover at any of 24 with probability 5e-5 (binomial).
    """
    from redoxmc.campaign.enumeration import enumerate_states

    found = to_json(enumerate_states(campaign(supercell=[1, 2, 1], temperatures=TEMPERATURES)))
    symmetry = find_symmetry(lattice)
    energies = {}
    ions = occupancy_of_key(found["states"][0]["key"])[lattice.n_redox :]
    for state in found["states"]:
        for image in symmetry.orbit(occupancy_of_key(state["key"])):
            energies[occupancy_key(lattice, image)] = state["energy_eV"]
    energies = {k: e for k, e in energies.items() if (occupancy_of_key(k)[8:] == ions).all()}
    assert len(energies) == 70
    covered = coverage(lattice, energies, repeats=50, steps=4000)
    for field, hits in covered.items():
        assert hits.mean(axis=0).min() >= 0.78, field
