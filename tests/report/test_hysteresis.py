"""Chains that begin in order and in disorder: where they begin, and what is said."""

import json

import pytest

from redoxmc.campaign.monte_carlo import MonteCarloSampler
from redoxmc.campaign.parallel import split_ranks
from redoxmc.campaign.run import run_campaign
from redoxmc.campaign.system import load_system
from redoxmc.config.campaign import load_config
from redoxmc.errors import InputError
from redoxmc.report.hysteresis import SAME
from redoxmc.report.loading import load_results
from redoxmc.report.remarks import remarks
from redoxmc.report.summary import write_report
from redoxmc.results.store import load
from redoxmc.structures.occupancy import occupancy_key
from redoxmc.structures.ordering import lowest_charge_order, lowest_order


@pytest.fixture
def finished(campaign, tmp_path):
    """Two seeds, of which the first begins in order, at a temperature that forgets where."""
    path = campaign(temperatures=[3000.0], seeds=[1, 2], steps=400, more="ordered_seeds = [1]")
    assert run_campaign(path, tmp_path / "run", progress=False) == 0
    return tmp_path / "run"


def test_chains_that_forget_their_start_close_the_loop(finished):
    summary = json.loads((finished / "summary.json").read_text())
    (loop,) = summary["hysteresis"]
    assert (loop["x"], loop["temperature_K"]) == (0.5, 3000.0)
    assert loop["difference"] == pytest.approx(loop["ordered"] - loop["random"])
    # false alarm 1e-5; whether it is called open is told by two errors, whatever the seed
    assert abs(loop["difference"]) < 4.4 * loop["standard_error"]
    assert loop["open"] is (abs(loop["difference"]) > 2 * loop["standard_error"] + SAME)
    assert (finished / "plots" / "hysteresis.png").is_file()
    said = " ".join(remarks(load_results(finished).summary))
    assert ("hysteresis, not equilibrium" in said) is loop["open"]


@pytest.mark.parametrize("frozen", [True, False])
def test_chains_that_keep_their_start_leave_it_open_and_it_is_said(finished, frozen):
    """A frozen chain has no error: then it is that the branches share no energy."""
    store = load(finished / "results.h5")
    states = sorted(store.cache.entries, key=lambda key: store.cache[key].energy)
    lowest, highest = states[0], states[-1]
    for chain in store.chains:
        trace = store.traces[chain.name]
        share = [highest if chain.seed == 2 else lowest] * len(trace.keys)
        if not frozen:
            share[:: 5 if chain.seed == 2 else 7] = [states[1]] * len(
                share[:: 5 if chain.seed == 2 else 7]
            )
        trace.keys = share
        trace.energies = [store.cache[key].energy for key in share]
    summary = write_report(store, finished)
    (loop,) = summary.hysteresis
    assert loop.open is True
    assert loop.difference < -0.01
    assert "x = 0.5, 3000 K: the energy depends on the start" in " ".join(remarks(summary))
    assert "hysteresis, not equilibrium" in (finished / "report.html").read_text()


def test_ordered_seeds_begin_in_the_lowest_electrostatic_order(campaign):
    def ladders(system):
        return MonteCarloSampler(system, split_ranks(1)).fresh({}).ladders

    fixed = load_system(campaign(seeds=[1, 2], more="ordered_seeds = [2]"))
    ions = fixed.ions(0.5, 2)
    first, second = (ladder.chains[0] for ladder in ladders(fixed))
    wanted = lowest_charge_order(fixed.lattice, ions)
    assert occupancy_key(fixed.lattice, second.occupancy) == occupancy_key(fixed.lattice, wanted)
    plain = load_system(campaign(seeds=[1, 2]))
    assert (first.occupancy == ladders(plain)[0].chains[0].occupancy).all()
    moves = "ordered_seeds = [2]\n[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0"
    sampled = load_system(campaign(seeds=[1, 2], ordering="sampled", more=moves))
    both = ladders(sampled)[1].chains[0].occupancy
    assert (both == lowest_order(sampled.host, 2)).all()


def test_the_two_branches_of_an_isotherm(campaign, tmp_path):
    more = (
        "ensemble = 'semigrand'\nchemical_potential = [10.4, 10.7]\n"
        "[sampling.moves]\ninsertion_removal = 1.0\ncharge_swap = 1.0"
    )
    settings = {"ordering": "sampled", "x": [0.0, 1.0], "temperatures": [2000.0]}
    path = campaign(steps=120, more=more, **settings)
    assert run_campaign(path, tmp_path / "run", progress=False) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert [loop["chemical_potential_eV"] for loop in summary["hysteresis"]] == [10.4, 10.7]
    for loop in summary["hysteresis"]:
        assert 0 <= loop["low_start"] <= 1
        assert loop["difference"] == pytest.approx(loop["low_start"] - loop["high_start"])
    assert (tmp_path / "run" / "plots" / "hysteresis.png").is_file()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("ordered_seeds = [7]", "ordered_seeds names 7, which is none of seeds"),
        ("ensemble = 'md'\nordered_seeds = [1]", r"ordered_seeds is not read"),
        (
            "ensemble = 'semigrand'\nchemical_potential = -2.0\nordered_seeds = [1]\n"
            "[sampling.moves]\ninsertion_removal = 1.0\ncharge_swap = 1.0",
            "take 0 and 1 for the two branches",
        ),
    ],
)
def test_where_it_has_no_meaning_it_is_refused(campaign, more, sentence):
    ordering = "sampled" if "semigrand" in more else "ewald"
    with pytest.raises(InputError, match=sentence):
        load_config(campaign(ordering=ordering, more=more))
