import numpy as np
import pytest

from redoxmc.errors import InputError
from redoxmc.moves.base import Proposal
from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.ion_charge_swap import IonChargeSwap
from redoxmc.moves.ion_swap import IonSwap
from redoxmc.moves.mixture import WeightedMixture, build_moves, refuse_idle_moves
from redoxmc.moves.neighbour_swap import NeighbourSwap
from redoxmc.moves.sites import Sites


def occupancy(*values):
    return np.array(values, dtype=np.int8)


def test_weights_become_frequencies():
    mixture = build_moves({"charge_swap": 3.0, "ion_swap": 1.0}, Sites(4, 4))
    rng = np.random.default_rng(5)
    chosen = [mixture.choose(rng).name for _ in range(20_000)]
    share = chosen.count("charge_swap") / len(chosen)
    assert abs(share - 0.75) < 4.9 * np.sqrt(0.75 * 0.25 / 20_000)  # false alarm 1e-6
    assert mixture.probabilities == (0.75, 0.25)


def test_a_weight_of_zero_leaves_the_move_out():
    assert [m.name for m in build_moves({"charge_swap": 1, "ion_swap": 0}, Sites(4, 1)).moves] == [
        "charge_swap"
    ]


def test_a_move_that_cannot_apply_here_is_a_rejection_and_not_another_draw():
    mixture = build_moves({"charge_swap": 1.0, "ion_swap": 1.0}, Sites(2, 2))
    start = occupancy(1, 1, 1, 0)
    rng = np.random.default_rng(6)
    proposals = [mixture.propose(start, rng) for _ in range(4000)]
    empty = sum(p is None for p in proposals)
    assert abs(empty - 2000) < 4.9 * np.sqrt(1000)
    assert sum(p for _, p in mixture.proposals(start)) == pytest.approx(0.5)
    assert mixture.applies(start)
    assert not mixture.applies(occupancy(1, 1, 1, 1))


@pytest.mark.parametrize(
    ("weights", "sites", "words"),
    [
        ({"charge_swop": 1.0}, (4, 4), "did you mean 'charge_swap'?"),
        ({"charge_swap": -1.0}, (4, 4), "charge_swap is -1.0"),
        ({"charge_swap": float("nan")}, (4, 4), "charge_swap is nan"),
        ({}, (4, 4), "no move a positive weight"),
        ({"charge_swap": 0.0}, (4, 4), "no move a positive weight"),
        ({"charge_swap": 1.0}, (1, 4), "needs two redox sites and the cell has 1"),
        ({"ion_swap": 1.0}, (4, 1), "needs two ion sites and the cell has 1"),
    ],
)
def test_bad_weights_are_refused_with_a_sentence(weights, sites, words):
    with pytest.raises(InputError, match=words.replace("?", r"\?")):
        build_moves(weights, Sites(*sites))


def test_a_move_idle_at_every_concentration_is_refused():
    mixture = WeightedMixture([ChargeSwap(2), IonSwap(2, 2)], [1.0, 1.0])
    end, middle = occupancy(1, 1, 1, 1), occupancy(1, 0, 1, 0)
    refuse_idle_moves(mixture, 2, [end, middle])
    with pytest.raises(InputError, match="charge_swap can never apply"):
        refuse_idle_moves(mixture, 2, [end, occupancy(0, 0, 0, 0)])


def test_a_move_is_judged_by_all_orders_of_a_concentration():
    """The packed order has its charges, and its ions, where these moves cannot use them."""
    packed = occupancy(1, 1, 0, 0, 1, 1, 0, 0)
    hop = NeighbourSwap(4, np.array([[0, 1], [2, 3]]))  # unlike neighbours in 1010, not in 1100
    coupled = IonChargeSwap(4, 4, np.array([[2, 0], [3, 1], [0, 2], [1, 3]]))
    for move in (hop, coupled):
        assert not move.applies(packed)
        refuse_idle_moves(WeightedMixture([move], [1.0]), 4, [packed])
        with pytest.raises(InputError, match=f"{move.name} can never apply"):
            refuse_idle_moves(WeightedMixture([move], [1.0]), 4, [np.ones_like(packed)])


def test_a_mixture_needs_as_many_weights_as_moves():
    with pytest.raises(ValueError, match="one weight per move"):
        WeightedMixture([ChargeSwap(2)], [1.0, 2.0])
    with pytest.raises(ValueError, match="positive numbers"):
        WeightedMixture([ChargeSwap(2)], [0.0])


def test_a_proposal_leaves_the_old_occupancy_alone():
    old = occupancy(1, 0)
    new = Proposal(((0, 0), (1, 1))).apply(old)
    assert old.tolist() == [1, 0]
    assert new.tolist() == [0, 1]
    assert new.dtype == np.int8


def test_moves_that_leave_charge_orders_out_of_reach_are_refused():
    sites = Sites(4, 2, redox_pairs=np.array([[0, 1], [2, 3]]))
    for weights in ({"neighbour_swap": 1.0}, {"charge_swap_2": 1.0, "ion_swap": 1.0}):
        with pytest.raises(InputError, match="cannot reach all charge orders"):
            build_moves(weights, sites)
        build_moves(weights | {"charge_swap": 0.1}, sites)
    chain = Sites(4, 2, redox_pairs=np.array([[0, 1], [1, 2], [2, 3]]))
    build_moves({"neighbour_swap": 1.0}, chain)
