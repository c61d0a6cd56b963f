"""The public checks pass what is right and, above all, fail what is wrong."""

import math
import shutil

import numpy as np
import pytest
from conftest import REFERENCE
from lattice_engine import random_engine

from redoxmc.moves.base import Move, Proposal
from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.neighbour_swap import NeighbourSwap
from redoxmc.structures.enumeration import occupancies
from redoxmc.testing import (
    assert_boltzmann_sampling,
    assert_detailed_balance,
    assert_model_consistent,
)

STATES = list(occupancies(6, 3))
ENGINE = random_engine(6, 0.03, seed=1)
ENGINE4 = random_engine(4, 0.03, seed=2)
CHAIN = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]])  # open: unlike pairs vary in number
T = 500.0


class WithoutRatio(NeighbourSwap):
    """The neighbour swap with the classic mistake: no a-priori ratio."""

    def _proposal(self, occupancy, pair, n_unlike):
        return Proposal(super()._proposal(occupancy, pair, n_unlike).changes, 0.0)


class Hidden(Move):
    """Hides the enumeration of another move, as a user's move without one."""

    def __init__(self, move):
        self.inner, self.name = move, move.name

    def propose(self, occupancy, rng):
        return self.inner.propose(occupancy, rng)

    def applies(self, occupancy):
        return self.inner.applies(occupancy)


@pytest.mark.parametrize("move", [ChargeSwap(6), NeighbourSwap(6, CHAIN)])
@pytest.mark.parametrize("wrap", [lambda m: m, Hidden])
def test_right_moves_pass(move, wrap):
    assert_detailed_balance(wrap(move), ENGINE.energy, T, STATES)
    assert_boltzmann_sampling(wrap(move), ENGINE.energy, T, STATES, chains=1000, steps=10)


def test_a_missing_apriori_ratio_fails_the_exact_check():
    with pytest.raises(AssertionError, match="neighbour_swap breaks detailed balance"):
        assert_detailed_balance(WithoutRatio(6, CHAIN), ENGINE.energy, T, STATES)


def test_a_missing_apriori_ratio_fails_the_check_by_draws():
    with pytest.raises(AssertionError, match=r"breaks detailed balance.*binomial"):
        assert_detailed_balance(Hidden(WithoutRatio(6, CHAIN)), ENGINE.energy, T, STATES)


def test_a_missing_apriori_ratio_fails_the_sampling_check():
    with pytest.raises(AssertionError, match="does not sample the Boltzmann distribution"):
        assert_boltzmann_sampling(WithoutRatio(6, CHAIN), ENGINE.energy, T, STATES, steps=60)


def test_a_propose_that_does_not_follow_its_proposals_fails():
    class Biased(ChargeSwap):
        def propose(self, occupancy, rng):
            ones, zeros = np.flatnonzero(occupancy == 1), np.flatnonzero(occupancy == 0)
            return Proposal(((int(ones[0]), 0), (int(rng.choice(zeros)), 1)))

    with pytest.raises(AssertionError, match="propose does not follow its proposals"):
        assert_detailed_balance(Biased(6), ENGINE.energy, T, STATES)


def test_a_move_without_a_reverse_fails():
    class OneWay(ChargeSwap):
        """Moves electrons to the right only."""

        def proposals(self, occupancy):
            kept = [(p, q) for p, q in super().proposals(occupancy) if p.changes[0] < p.changes[1]]
            yield from kept

        def propose(self, occupancy, rng):
            proposal = super().propose(occupancy, rng)
            return proposal if proposal.changes[0] < proposal.changes[1] else None

    for move in (OneWay(6), Hidden(OneWay(6))):
        with pytest.raises(AssertionError, match="breaks detailed balance"):
            assert_detailed_balance(move, ENGINE.energy, T, STATES)


def test_a_move_that_leaves_the_state_space_fails():
    class Flip(ChargeSwap):
        def proposals(self, occupancy):
            yield Proposal(((0, 1 - int(occupancy[0])),)), 1.0

    with pytest.raises(AssertionError, match="leaves the state space"):
        assert_detailed_balance(Flip(6), ENGINE.energy, T, STATES)


def test_a_move_that_modifies_its_argument_fails():
    class Careless(ChargeSwap):
        def propose(self, occupancy, rng):
            proposal = super().propose(occupancy, rng)
            for site, value in proposal.changes:
                occupancy[site] = value
            return proposal

    with pytest.raises(AssertionError, match="modifies the occupancy"):
        assert_detailed_balance(Careless(6), ENGINE.energy, T, [s.copy() for s in STATES])


def test_a_move_that_does_not_connect_the_states_fails_unless_it_is_allowed():
    broken = NeighbourSwap(6, CHAIN[:4])  # site 5 has no neighbour
    with pytest.raises(AssertionError, match="fall into 2 sets"):
        assert_detailed_balance(broken, ENGINE.energy, T, STATES)
    assert_detailed_balance(broken, ENGINE.energy, T, STATES, ergodic=False)


def test_probabilities_above_one_fail():
    class Loud(ChargeSwap):
        def proposals(self, occupancy):
            for proposal, probability in super().proposals(occupancy):
                yield proposal, 2.0 * probability

    with pytest.raises(AssertionError, match="add up to 2"):
        assert_detailed_balance(Loud(6), ENGINE.energy, T, STATES)


def test_a_sampler_of_ones_own():
    energies = {s.tobytes(): ENGINE.energy(s) for s in STATES}
    kt = 8.617333262145e-5 * T

    def heat_bath(state, rng):
        """Gibbs sampling of two unlike sites: another right answer than Metropolis."""
        trial = ChargeSwap(6).propose(state, rng).apply(state)
        gap = energies[trial.tobytes()] - energies[state.tobytes()]
        return trial if rng.random() < 1.0 / (1.0 + math.exp(gap / kt)) else state

    def too_hot(state, rng):
        trial = ChargeSwap(6).propose(state, rng).apply(state)
        gap = energies[trial.tobytes()] - energies[state.tobytes()]
        return trial if rng.random() < math.exp(min(0.0, -gap / (1.3 * kt))) else state

    assert_boltzmann_sampling(heat_bath, ENGINE.energy, T, STATES, chains=1000, steps=20)
    with pytest.raises(AssertionError, match="too_hot does not sample"):
        assert_boltzmann_sampling(too_hot, ENGINE.energy, T, STATES)


def test_the_false_alarm_rate_is_what_it_says():
    # at a rate of 5 % each, 60 right runs fail 3 times on average; more than 10: probability 2e-4
    failures = 0
    for seed in range(60):
        try:
            assert_boltzmann_sampling(
                ChargeSwap(4), ENGINE4.energy, T, list(occupancies(4, 2)),
                chains=300, steps=3, seed=seed, false_alarm=0.05,
            )  # fmt: skip
        except AssertionError:
            failures += 1
    assert failures <= 10


def test_states_must_be_listed_once():
    with pytest.raises(ValueError, match="exactly once"):
        assert_detailed_balance(ChargeSwap(6), ENGINE.energy, T, [*STATES, STATES[0]])


def test_a_consistent_model_passes():
    assert_model_consistent(REFERENCE)


def test_a_model_that_is_not_what_its_card_says_fails(tmp_path):
    blind = shutil.copytree(REFERENCE, tmp_path / "blind")
    card = (blind / "card.toml").read_text()
    assert "charge_aware = true" in card
    (blind / "card.toml").write_text(card.replace("charge_aware = true", "charge_aware = false"))
    with pytest.raises(AssertionError, match=r"not consistent: energy change on a charge swap"):
        assert_model_consistent(blind)
