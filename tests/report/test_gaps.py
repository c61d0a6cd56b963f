"""Ladders that do not exchange are reported, with temperatures that would."""

from types import SimpleNamespace

import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.report.gaps import GapWatch, gaps, working_ladder
from redoxmc.sampling.chain import make_chain
from redoxmc.sampling.ladder import make_ladder
from redoxmc.sampling.trace import Trace
from redoxmc.units import KB

STEPS = 1000
HEAT = 40  # degrees of freedom of the toy: the mean energy at T is HEAT k_B T


@pytest.fixture
def store(campaign):
    """A ladder of three temperatures with a tenth of its run behind it, and a gap at its top."""
    system = load_system(campaign())
    rng = np.random.default_rng(1)
    ions = system.ions(0.5, 1)
    chains = [make_chain(system.lattice, 0.5, ions, t, 1) for t in (300.0, 330.0, 1500.0)]
    ladder = make_ladder(chains, 10)
    ladder.tried, ladder.accepted = [5, 5], [3, 0]
    traces = {}
    for chain in chains:
        chain.step = STEPS // 10
        series = rng.gamma(HEAT, KB * chain.temperature, chain.step).tolist()
        traces[chain.name] = Trace(series, ["0101|0110"] * chain.step)
    return SimpleNamespace(ladders=[ladder], traces=traces)


def test_a_gap_is_said_once_with_the_ladder_that_would_work(store):
    said = []
    watch = GapWatch(STEPS, said.append)
    watch.look(store)
    watch.look(store)
    (sentence,) = said
    assert sentence.startswith("x = 0.5: no exchange was accepted between 330 and 1500 K")
    better = working_ladder(store, store.ladders[0], STEPS)
    assert f"temperatures = {better} would exchange" in sentence
    assert better[0] == 300.0
    assert better[-1] == 1500.0
    assert len(better) > 5


def test_nothing_is_said_too_early_or_of_a_ladder_that_exchanges(store):
    said = []
    (ladder,) = store.ladders
    ladder.chains[0].step -= 1
    GapWatch(STEPS, said.append).look(store)
    ladder.chains[0].step += 1
    ladder.tried = [5, 4]  # too few to say anything
    GapWatch(STEPS, said.append).look(store)
    ladder.tried, ladder.accepted = [5, 5], [3, 1]
    GapWatch(STEPS, said.append).look(store)
    assert said == []
    assert gaps(ladder) == []


def test_without_a_tenth_of_the_run_there_is_no_advice(store):
    assert working_ladder(store, store.ladders[0], 10 * STEPS) is None


def test_a_plain_chain_has_no_gaps(store):
    ladder = make_ladder(store.ladders[0].chains[:1], 10)
    assert gaps(ladder) == []
