"""Materials of other kinds than one couple: detailed balance, and sampling against enumeration.

Three charge states, two couples, no mobile ion, ion sites that exclude each other. The energies are
those of the lattice engine, on the lattices that the configs make.
"""

import math
from collections import Counter

import numpy as np
import pytest
from conftest import HOST
from lattice_engine import crystal_engine, random_engine
from materials import cobaltate, magnetite, nickelate, two_couples, write_campaign
from scipy.stats import chisquare

from redoxmc.campaign.system import load_system
from redoxmc.moves.electron_transfer import ElectronTransfer
from redoxmc.moves.insertion import InsertionRemoval
from redoxmc.moves.mixture import build_moves
from redoxmc.moves.pair_exchange import PairExchange
from redoxmc.moves.sites import Sites
from redoxmc.sampling.cache import EnergyCache
from redoxmc.sampling.chain import make_chain
from redoxmc.sampling.energies import EnergiesOfAnyCount, RelaxedEnergies
from redoxmc.sampling.ladder import advance, make_ladder
from redoxmc.structures.enumeration import charge_orders, n_orders, orders_with
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.testing import assert_boltzmann_sampling, assert_detailed_balance
from redoxmc.thermo.entropy import boltzmann_probabilities

SAMPLING = "[sampling]\ntemperatures = [900.0]\nsteps = 100\n"
IONS_TOO = SAMPLING + "[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0\n"
KINDS = {
    "Ni2+, Ni3+, Ni4+": (nickelate(), SAMPLING, 141),
    "Fe and Mn": (two_couples(HOST), SAMPLING, 6),
    "no ion": (magnetite(), SAMPLING, 70),
    "excluded sites": (cobaltate(), IONS_TOO, 27160),
}


def p_value(keys, probabilities):
    """Chi-square of visits to states, those below 8 expected visits pooled."""
    counts = Counter(keys)
    assert set(counts) <= set(probabilities)
    names = sorted(probabilities, key=lambda key: -probabilities[key])
    expected = np.array([probabilities[key] for key in names]) * len(keys)
    observed = np.array([counts[key] for key in names], dtype=float)
    common = expected >= 8
    groups = [(observed[common], expected[common])]
    if expected[~common].sum() >= 5:
        groups.append(([observed[~common].sum()], [expected[~common].sum()]))
    seen, wanted = (np.concatenate(parts) for parts in zip(*groups, strict=True))
    assert len(seen) > 2
    return chisquare(seen, wanted * seen.sum() / wanted.sum()).pvalue


@pytest.mark.parametrize("kind", KINDS)
def test_sampling_is_that_of_enumeration(kind, tmp_path):
    """Every state that is neutral and allowed is enumerated; false alarm 2e-5 for each material."""
    material, sampling, orders = KINDS[kind]
    system = load_system(write_campaign(tmp_path, material, sampling))
    ((x, n_ions),) = system.counts.items()
    assert n_orders(system.host, n_ions, ions_fixed=not system.config.samples_ions) == orders
    engine = crystal_engine(system.lattice, 400.0, [0.03, -0.02], redox_ion_shells=[-0.03])
    energies = RelaxedEnergies(system.host, engine, EnergyCache(), system.mixture, audit=0.05)
    ions = None if system.config.samples_ions else system.ions(x, 1)
    states = Counter(
        energies.look_up(occupancy).key for occupancy in orders_with(system.host, n_ions, ions)
    )
    assert sum(states.values()) == orders
    levels = [energies.look_up(occupancy_of_key(key)).entry.energy for key in states]
    p = boltzmann_probabilities(levels, list(states.values()), 900.0)
    thin = 12
    chain = make_chain(system.lattice, x, system.ions(x, 1), 900.0, 1)
    advance(make_ladder([chain], 10), energies, system.mixture, thin * 2500, lambda: False)
    visits = chain.keys[thin::thin]
    assert p_value(visits, dict(zip(states, p, strict=True))) > 2e-5


@pytest.mark.parametrize("most", [[2, 2, 2, 2], [1, 1, 1, 1, 1], [1, 2, 1, 3]])
@pytest.mark.parametrize("electrons", [1, 3, 4])
def test_electron_transfer(most, electrons):
    states = list(charge_orders(most, electrons))
    engine = random_engine(len(most), 0.03, seed=5)
    move = ElectronTransfer(np.array(most))
    assert_detailed_balance(move, engine.energy, 500.0, states)
    assert_boltzmann_sampling(move, engine.energy, 500.0, states, chains=1000, steps=10)


def test_a_transfer_without_its_ratio_would_be_wrong():
    """Three charge states: the ratio is not 0, and leaving it out is found."""

    class Careless(ElectronTransfer):
        def _ways(self, occupancy, donor):
            return 1

    states = list(charge_orders([2, 2, 2], 3))
    engine = random_engine(3, 0.03, seed=5)
    with pytest.raises(AssertionError, match="breaks detailed balance"):
        assert_detailed_balance(Careless(np.full(3, 2)), engine.energy, 500.0, states)


def test_of_one_couple_it_is_the_charge_swap_draw_for_draw():
    transfer, swap = ElectronTransfer(np.ones(6, np.int64)), PairExchange(0, 6)
    a, b = np.random.default_rng(3), np.random.default_rng(3)
    occupancy = np.array([0, 1, 1, 0, 1, 0, 1, 0], np.int8)
    for _ in range(50):
        proposal, other = transfer.propose(occupancy, a), swap.propose(occupancy, b)
        assert proposal == other
        occupancy = proposal.apply(occupancy)


def test_insertion_brings_one_electron_to_sites_that_take_several():
    most = np.array([2, 1, 2])
    states = [
        np.concatenate([charges, ions])
        for n in range(4)
        for charges in charge_orders(most.tolist(), n)
        for ions in charge_orders([1, 1, 1], n)
    ]
    engine = random_engine(6, 0.02, seed=2)

    def potential(occupancy):
        return engine.energy(occupancy) + 0.02 * int(occupancy[3:].sum())

    move = InsertionRemoval(3, most=most)
    assert_detailed_balance(move, potential, 400.0, states)
    assert_boltzmann_sampling(move, potential, 400.0, states, chains=1000, steps=10)


def test_excluded_sites_keep_detailed_balance():
    """Five ion sites in a row, of which neighbours exclude each other."""
    excluded = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
    weights = {"charge_swap": 1.0, "ion_swap": 1.0, "ion_charge_swap": 1.0}
    pairs = np.array([[r, i] for r in range(3) for i in range(5)])
    mixture = build_moves(weights, Sites(3, 5, ion_pairs=pairs, excluded=excluded))
    states = [
        np.concatenate([charges, ions])
        for charges in charge_orders([1] * 3, 1)
        for ions in charge_orders([1] * 5, 2)
        if not (ions[excluded[:, 0]] & ions[excluded[:, 1]]).any()
    ]
    assert len(states) == 3 * 6
    engine = random_engine(8, 0.02, seed=4)
    assert_detailed_balance(mixture, engine.energy, 400.0, states)
    assert_boltzmann_sampling(mixture, engine.energy, 400.0, states, chains=1000, steps=10)


def test_semigrand_with_three_charge_states(tmp_path):
    """All compositions of a small nickelate; p above 0.01 with this seed."""
    mu, temperature, thin = 0.03, 1200.0, 12
    material = nickelate()
    ions = material.ions.replace("[1.0]", "[0.333333333]") + '\nordering = "sampled"'
    sampling = (
        f'[sampling]\nensemble = "semigrand"\nchemical_potential = {mu}\n'
        f"temperatures = [{temperature}]\nsteps = 10\n[sampling.moves]\n"
        "electron_transfer = 1.0\ninsertion_removal = 1.0\nion_swap = 0.5\n"
    )
    smaller = type(material)(
        material.cell, material.sites, material.species, material.redox, ions, (1, 1, 1)
    )
    system = load_system(write_campaign(tmp_path, smaller, sampling))
    engine = crystal_engine(system.lattice, math.inf, [0.04], redox_ion_shells=[-0.02])
    cache = EnergyCache()

    def of_count(_):
        return RelaxedEnergies(system.host, engine, cache, system.mixture.at_fixed_count())

    energies = EnergiesOfAnyCount(system.lattice, of_count)
    states, potentials = Counter(), {}
    for n in system.reachable_counts:
        for occupancy in orders_with(system.host, n):
            answer = energies.look_up(occupancy)
            states[answer.key] += 1
            potentials[answer.key] = answer.entry.energy - mu * n
    assert sum(states.values()) == 1 + 3 * 3 + 3 * 6 + 7
    p = boltzmann_probabilities(
        [potentials[key] for key in states], list(states.values()), temperature
    )
    ((x, _),) = system.counts.items()
    chain = make_chain(system.lattice, x, system.ions(x, 1), temperature, 1, mu)
    advance(make_ladder([chain], 10), energies, system.mixture, thin * 2500, lambda: False)
    # the false-alarm rate
    assert p_value(chain.keys[thin::thin], dict(zip(states, p, strict=True))) > 1e-4
