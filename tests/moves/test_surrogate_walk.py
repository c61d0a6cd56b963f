"""Walks on a surrogate: exact whatever it is worth, and decorrelating where it is good."""

from itertools import combinations, product

import numpy as np
import pytest
from lattice_engine import random_engine

from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.cluster_model import ClusterModel
from redoxmc.moves.insertion import InsertionRemoval
from redoxmc.moves.ion_swap import IonSwap
from redoxmc.moves.mixture import WeightedMixture
from redoxmc.moves.surrogate_walk import SWEEPS, SurrogateWalk
from redoxmc.structures.enumeration import occupancies
from redoxmc.testing import assert_boltzmann_sampling, assert_detailed_balance

ENGINE = random_engine(8, 0.02, seed=3)
STATES = [
    np.concatenate([charges, ions])
    for charges, ions in product(occupancies(4, 2), occupancies(4, 1))
]
FIXED_IONS = [np.concatenate([c, np.array([0, 1, 0, 0], np.int8)]) for c in occupancies(4, 2)]
LENGTHS = (1, 3, 9)


def random_model(scale, seed=0):
    rng = np.random.default_rng(seed)
    pair = scale * rng.normal(size=(8, 8))
    pair = np.triu(pair, 1)
    single, triplets = scale * rng.normal(size=8), np.array(list(combinations(range(8), 3)))
    return ClusterModel(0.3, single, pair + pair.T, triplets, scale * rng.normal(size=56))


def walk(model, temperature, ions=True):
    return SurrogateWalk(4, {1: model}, ions, temperature, lengths=LENGTHS)


# of no use, weak, and strong enough to be wrong nearly everywhere; walks hotter and colder than
# the chain
CASES = [(0.0, 400.0), (0.02, 400.0), (0.02, 200.0), (0.05, 1500.0)]


@pytest.mark.parametrize(("scale", "temperature"), CASES)
@pytest.mark.parametrize("ions", [True, False])
def test_any_surrogate_obeys_detailed_balance(scale, temperature, ions):
    move = walk(random_model(scale), temperature, ions)
    states = STATES if ions else FIXED_IONS
    assert_detailed_balance(move, ENGINE.energy, 400.0, states)


def test_sampling_is_that_of_the_energy_not_of_the_surrogate():
    move = WeightedMixture(
        [walk(random_model(0.03), 400.0), ChargeSwap(4), IonSwap(4, 4)], [2.0, 1.0, 1.0]
    )
    assert_boltzmann_sampling(move, ENGINE.energy, 400.0, STATES, chains=1500, steps=15)


def test_without_its_ratio_it_would_sample_the_surrogate():
    class Forgetful(SurrogateWalk):
        def proposals(self, occupancy):
            for proposal, probability in super().proposals(occupancy):
                yield type(proposal)(proposal.changes), probability

    forgetful = Forgetful(4, {1: random_model(0.03)}, True, 400.0, lengths=LENGTHS)
    with pytest.raises(AssertionError, match="breaks detailed balance"):
        assert_detailed_balance(forgetful, ENGINE.energy, 400.0, STATES, ergodic=False)


def test_a_perfect_surrogate_is_always_accepted():
    model, rng = random_model(0.05), np.random.default_rng(1)
    move = walk(model, 300.0)
    for state in STATES:
        proposal = move.propose(state, rng)
        if proposal is not None:
            gained = model.energy(proposal.apply(state)) - model.energy(state)
            assert -gained / (8.617333262e-5 * 300.0) + proposal.log_apriori_ratio == pytest.approx(
                0.0, abs=1e-9
            )


def test_the_walk_of_a_chain_has_its_temperature():
    mixture = WeightedMixture([ChargeSwap(4)], [1.0])
    assert mixture.at(300.0) is mixture
    both = WeightedMixture([ChargeSwap(4), walk(random_model(0.02), 999.0)], [0.75, 0.25])
    assert both.at(300.0).moves[1].temperature == 300.0
    assert both.changes_ions


MU, KAPPA = 0.03, 0.08
ALL = [
    np.concatenate([charges, ions])
    for n in range(5)
    for charges, ions in product(occupancies(4, n), occupancies(4, n))
]


def biased(state):
    n = int(state[4:].sum())
    return ENGINE.energy(state) - MU * n + KAPPA * n * n / 4


def inserting(scale, counts=range(5), mu=MU):
    models = {n: random_model(scale, seed=n) for n in counts}
    insertion = InsertionRemoval(4)
    move = SurrogateWalk(4, models, True, 400.0, lengths=LENGTHS, insertion=insertion)
    return move.semigrand(mu, KAPPA)


@pytest.mark.parametrize("counts", [range(5), (0, 1, 3)])
@pytest.mark.parametrize(("scale", "mu"), [(0.0, MU), (0.03, MU), (0.03, -0.2)])
def test_walks_that_insert_ions_obey_detailed_balance(counts, scale, mu):
    """Whatever the surrogates, whether all numbers of ions have one, and for a wrong potential."""
    move = inserting(scale, counts, mu)
    assert move.changes_count
    assert_detailed_balance(move, biased, 400.0, ALL, ergodic=len(counts) == 5)


def test_walks_that_insert_ions_sample_the_energy():
    move = WeightedMixture(
        [inserting(0.03), ChargeSwap(4), IonSwap(4, 4), InsertionRemoval(4)], [2.0, 1.0, 1.0, 1.0]
    )
    assert_boltzmann_sampling(move, biased, 400.0, ALL, chains=1500, steps=15)


def test_a_perfect_surrogate_of_all_compositions_is_always_accepted():
    move, rng = inserting(0.05), np.random.default_rng(1)

    def exact(state):
        n = int(state[4:].sum())
        return move.models[n].energy(state) - MU * n + KAPPA * n * n / 4

    counts = set()
    for state in ALL:
        proposal = move.propose(state, rng)
        if proposal is not None:
            end = proposal.apply(state)
            counts.add(int(end[4:].sum() - state[4:].sum()))
            gained = exact(end) - exact(state)
            assert -gained / (8.617333262e-5 * 400.0) + proposal.log_apriori_ratio == pytest.approx(
                0.0, abs=1e-9
            )
    assert {-1, 0, 1} <= counts


def test_walks_grow_with_the_number_of_sites_that_change():
    for ions, sites in ((True, 8), (False, 4)):
        for sweeps in SWEEPS:
            move = SurrogateWalk(4, {1: random_model(0.02)}, ions, 400.0, sweeps=sweeps)
            assert move._lengths(STATES[0]) == (round(sweeps * sites),)
            states = STATES if ions else FIXED_IONS
            assert_detailed_balance(move, ENGINE.energy, 400.0, states)


def test_where_there_is_no_surrogate_or_nothing_to_exchange_it_stays():
    rng, move = np.random.default_rng(0), walk(random_model(0.02), 300.0)
    two_ions = np.array([1, 1, 0, 0, 1, 1, 0, 0], np.int8)
    assert move.propose(two_ions, rng) is None
    assert not move.applies(two_ions)
    charges_alone = walk(random_model(0.02), 300.0, ions=False)
    alike = np.array([1, 1, 1, 1, 0, 1, 0, 0], np.int8)
    assert charges_alone.propose(alike, rng) is None
    assert not charges_alone.applies(alike)
