"""Stopping at a standard error: asked at fixed steps, so chains follow from the config alone."""

import json

import numpy as np
import pytest

from redoxmc.campaign.run import run_campaign
from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.results.store import load
from redoxmc.sampling.chain import make_chain
from redoxmc.sampling.ladder import make_ladder
from redoxmc.sampling.stopping import FIRST_CHECK, is_check, next_check, step_targets


def test_checks_lie_at_fixed_steps_that_grow():
    checks = [next_check(0)]
    while checks[-1] < 10_000:
        checks.append(next_check(checks[-1]))
    assert checks[:4] == [FIRST_CHECK, 250, 312, 390]
    assert all(is_check(c) and not is_check(c + 1) for c in checks)


@pytest.fixture
def ladders(campaign):
    system = load_system(campaign(x=[0.25, 0.5]))
    found = []
    for x, seed in ((0.25, 1), (0.5, 1), (0.5, 2)):
        chain = make_chain(system.lattice, x, system.ions(x, seed), 600.0, seed)
        found.append(make_ladder([chain], 10))
    return found


def noise(ladders, steps, scale):
    rng = np.random.default_rng(3)
    for ladder in ladders:
        ladder.chains[0].step = steps
    return {ladder.name: scale * rng.normal(size=steps) for ladder in ladders}


def targets(ladders, energies, wanted):
    return step_targets(ladders, energies, steps=1000, uniform_draws=0, burn_in=0.1, wanted=wanted)


def test_an_x_stops_when_all_its_seeds_together_know_enough(ladders):
    assert targets(ladders, {}, None) == [1000] * 3
    assert targets(ladders, {}, 0.1) == [FIRST_CHECK] * 3
    energies = noise(ladders, FIRST_CHECK, 1.0)
    # errors of about 1/sqrt(180) and, for two seeds, 1/sqrt(360)
    assert targets(ladders, energies, 0.06) == [250, FIRST_CHECK, FIRST_CHECK]
    assert targets(ladders, energies, 0.02) == [250] * 3
    assert targets(ladders, energies, 0.2) == [FIRST_CHECK] * 3


def test_nothing_is_asked_before_all_chains_of_an_x_are_there(ladders):
    energies = noise(ladders, FIRST_CHECK, 1.0)
    ladders[1].chains[0].step = 130
    assert targets(ladders, energies, 0.2) == [FIRST_CHECK, FIRST_CHECK, FIRST_CHECK]
    ladders[1].chains[0].step = 250  # the question of 200 was answered with no
    assert targets(ladders, energies, 0.2) == [FIRST_CHECK, 250, 250]


def test_a_chain_that_never_changes_knows_nothing(ladders):
    energies = noise(ladders, FIRST_CHECK, 0.0)
    assert targets(ladders, energies, 10.0) == [250] * 3


def test_a_campaign_stops_early_the_same_way_however_it_was_run(campaign, tmp_path):
    """Two ranks would do as well; here it is a stop and resume, with other rounds."""
    settings = {"supercell": [1, 2, 1], "temperatures": [800.0, 1500.0], "seeds": [1, 2]}
    more = "tempering = true\nstandard_error = {error}\n[parallel]\nsync_seconds = {sync}"
    whole = campaign(steps=50_000, more=more.format(error=0.004, sync=5.0), **settings)
    assert run_campaign(whole, tmp_path / "whole", progress=False) == 0
    # a looser error first: it stops earlier, and goes on when more is asked
    loose = campaign(steps=50_000, more=more.format(error=0.02, sync=0.05), **settings)
    assert run_campaign(loose, tmp_path / "two", progress=False) == 0
    before = load(tmp_path / "two" / "results.h5").chains[0].step
    tight = campaign(steps=50_000, more=more.format(error=0.004, sync=0.05), **settings)
    assert run_campaign(tight, tmp_path / "two", resume=True, progress=False) == 0
    one, two = (load(tmp_path / name / "results.h5") for name in ("whole", "two"))
    assert {n: t.energies for n, t in one.traces.items()} == {
        n: t.energies for n, t in two.traces.items()
    }
    steps = {chain.step for chain in one.chains}
    assert len(steps) == 1
    assert before < min(steps) < 50_000
    summary = json.loads((tmp_path / "whole" / "summary.json").read_text())
    assert summary["complete"] is True
    assert all(0 < r["energy_standard_error_eV_per_fu"] <= 0.004 for r in summary["thermo"])


def test_a_standard_error_that_is_no_number_is_refused(campaign):
    with pytest.raises(InputError, match=r"sampling.standard_error = -0.1"):
        load_system(campaign(more="standard_error = -0.1"))
