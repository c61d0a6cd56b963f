from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.ion_swap import IonSwap

START = np.array([1, 0, 0, 1, 0, 1, 0, 0, 1], dtype=np.int8)  # 5 redox sites, 4 ion sites


@pytest.mark.parametrize(
    ("move", "sublattice", "pairs"),
    [(ChargeSwap(5), slice(0, 5), 6), (IonSwap(5, 4), slice(5, 9), 4)],
)
def test_every_unlike_pair_of_its_own_sublattice_is_equally_likely(move, sublattice, pairs):
    rng = np.random.default_rng(7)
    before = START.copy()
    drawn = Counter(move.propose(START, rng).changes for _ in range(6000))
    assert np.array_equal(START, before)
    assert set(drawn) == {p.changes for p, _ in move.proposals(START)}
    assert len(drawn) == pairs
    assert sum(p for _, p in move.proposals(START)) == pytest.approx(1.0, abs=1e-12)
    assert chisquare(list(drawn.values())).pvalue > 1e-6  # the false-alarm rate
    for proposal, _ in move.proposals(START):
        after = proposal.apply(START)
        changed = np.flatnonzero(after != START)
        assert set(changed) <= set(range(9)[sublattice])
        assert len(changed) == 2
        assert after[sublattice].sum() == START[sublattice].sum()
        assert proposal.log_apriori_ratio == 0.0


@pytest.mark.parametrize("value", [0, 1])
def test_like_sites_leave_nothing_to_propose(value):
    full = np.full(9, value, dtype=np.int8)
    rng = np.random.default_rng(8)
    for move in (ChargeSwap(5), IonSwap(5, 4)):
        assert not move.applies(full)
        assert move.propose(full, rng) is None
        assert list(move.proposals(full)) == []
    assert ChargeSwap(5).applies(START)
