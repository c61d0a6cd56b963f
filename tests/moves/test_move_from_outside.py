"""A move is one file: one that lies outside the package runs in a campaign by its path."""

import json

import numpy as np
import pytest
from cycle_move import Cycle
from lattice_engine import random_engine

from redoxmc.campaign.enumeration import enumerate_states
from redoxmc.campaign.run import run_campaign
from redoxmc.config.campaign import load_config
from redoxmc.errors import InputError
from redoxmc.moves import mixture
from redoxmc.moves.catalogue import make_move
from redoxmc.moves.ion_swap import IonSwap
from redoxmc.moves.sites import Sites
from redoxmc.results.record import to_json
from redoxmc.results.store import load
from redoxmc.structures.enumeration import occupancies
from redoxmc.testing import assert_boltzmann_sampling, assert_detailed_balance
from redoxmc.thermo.entropy import canonical_averages

ENGINE = random_engine(5, 0.03, seed=4)
STATES = list(occupancies(5, 2))


def weights(*names):
    lines = (f'"{name}" = 1.0' for name in names)
    return "\n".join(["[sampling.moves]", *lines])


def test_it_obeys_detailed_balance():
    assert_detailed_balance(Cycle(5), ENGINE.energy, 500.0, STATES)
    assert_boltzmann_sampling(Cycle(5), ENGINE.energy, 500.0, STATES, chains=1000, steps=15)


def test_a_campaign_samples_with_it_what_enumeration_gives(campaign, tmp_path):
    """The mean energy of four independent seeds within 5 of their standard errors."""
    settings = {"temperatures": [1200.0], "seeds": [1, 2, 3, 4]}
    config = campaign(steps=1500, more=weights("cycle_move:Cycle"), **settings)
    assert run_campaign(config, tmp_path / "run", progress=False) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    for run in summary["runs"]:
        assert set(run["moves"]) == {"cycle"}
        assert run["moves"]["cycle"]["accepted"] > 100
    states = to_json(enumerate_states(config))["states"]
    energies, degeneracies = zip(*((s["energy_eV"], s["degeneracy"]) for s in states), strict=True)
    exact = canonical_averages(energies, degeneracies, 1200.0).mean_energy
    traces = load(tmp_path / "run" / "results.h5").traces.values()
    means = [np.mean(trace.energies[150:]) for trace in traces]
    assert abs(np.mean(means) - exact) < 5 * np.std(means, ddof=1) / 2


def test_what_it_says_of_itself_is_heard(campaign):
    with pytest.raises(InputError, match="Grand changes x and needs the semigrand ensemble"):
        make_move("cycle_move:Grand", Sites(4, 4))
    with pytest.raises(InputError, match="Silent cannot be built: it does not define from_sites"):
        make_move("cycle_move:Silent", Sites(4, 4))
    with pytest.raises(InputError, match="Cycle needs three redox sites and the cell has 2"):
        make_move("cycle_move:Cycle", Sites(2, 2))
    twice = dict.fromkeys(("cycle_move:Cycle", "cycle_move:Grand"), 1.0)
    with pytest.raises(InputError, match=r"two moves of one name, \['cycle', 'cycle'\]"):
        mixture.build_moves(twice, Sites(4, 4, semigrand=True))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:Cycle", "'no_such_module' cannot be imported"),
        (":Cycle", "the module '' cannot be imported"),
        ("cycle_move:Cykle", "'cycle_move' has no 'Cykle'"),
        ("cycle_move:NOT_A_MOVE", "is no move; give a subclass of redoxmc.moves.base.Move"),
    ],
)
def test_a_path_that_leads_to_no_move_is_refused(campaign, name, words):
    with pytest.raises(InputError, match=words):
        load_config(campaign(more=weights(name)))


def test_a_mixture_needs_a_move_that_says_it_connects_all():
    class Lone(Cycle):
        connects_all = False

    alone = mixture.WeightedMixture([Lone(4)], [1.0])
    assert not alone.connects_all
    assert not alone.changes_ions
    both = mixture.WeightedMixture([Lone(4), Cycle(4), IonSwap(4, 2)], [1.0, 1.0, 1.0])
    assert both.connects_all
    assert both.changes_ions
    assert not both.changes_count
