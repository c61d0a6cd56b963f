"""Campaigns with walks on a surrogate: exact, resumable, and told in the summary."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare
from stopped_runs import run

from redoxmc.campaign import walks
from redoxmc.campaign.enumeration import enumerate_states
from redoxmc.config.campaign import load_config
from redoxmc.errors import InputError
from redoxmc.moves.surrogate_walk import SWEEPS
from redoxmc.results.store import load
from redoxmc.structures.occupancy import ions_of_key
from redoxmc.thermo.correlation import standard_error
from redoxmc.thermo.entropy import boltzmann_probabilities

MODEL = Path(__file__).parents[2] / "potentials" / "mace-nafepo4-small"
MOVES = "[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0"


@pytest.fixture
def config(campaign):
    """Ions and charges of 4 Fe together, at 300 K, with walks."""

    def write(name="campaign.toml", **changes):
        settings = {"model": MODEL, "cell": "full", "ordering": "sampled", "steps": 1500}
        settings |= {"temperatures": [300.0], "more": "surrogate = true\n" + MOVES}
        return campaign(name, **(settings | changes))

    return write


def test_it_samples_what_is_enumerated(config, tmp_path):
    exact = enumerate_states(config()).thermo[0].energy_eV_per_fu
    assert run(config(), tmp_path / "out")
    store = load(tmp_path / "out" / "results.h5")
    energies = np.array(store.kept(store.chains[0]).energies) / 4
    # a right sampler fails once in 16,000 seeds; this one is fixed
    assert abs(energies.mean() - exact) < 4 * standard_error(energies)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    (told,) = summary["surrogates"]
    assert told["x"] == 0.5
    assert 0 < told["error_eV_per_fu"] < 0.05
    (record,) = summary["runs"]
    taken = [count for name, count in record["moves"].items() if name.startswith("surrogate_walk")]
    assert sum(count["accepted"] for count in taken) > 900
    assert record["walk_sweeps"] in SWEEPS
    assert 0.9 < record["walk_share"] < 1.0  # of 1,350 attempts after burn-in


def test_a_stopped_run_goes_on_bit_for_bit_with_the_surrogate_it_had(config, tmp_path):
    assert run(config(steps=60), tmp_path / "whole")
    assert not run(config(steps=60), tmp_path / "parts", stop_after=30)
    first = load(tmp_path / "parts" / "results.h5").surrogates[2]
    assert run(config(steps=60), tmp_path / "parts", resume=True)
    whole, parts = (load(tmp_path / name / "results.h5") for name in ("whole", "parts"))
    assert np.array_equal(parts.surrogates[2].model.pair, first.model.pair)
    assert np.array_equal(parts.surrogates[2].model.pair, whole.surrogates[2].model.pair)
    assert [t.keys for t in parts.traces.values()] == [t.keys for t in whole.traces.values()]
    assert [t.energies for t in parts.traces.values()] == [
        t.energies for t in whole.traces.values()
    ]


def test_walks_of_the_semigrand_ensemble_sample_what_is_enumerated(campaign, tmp_path, monkeypatch):
    """All x of 4 Fe; then the same, stopped and continued. False alarm 5e-5."""
    monkeypatch.setattr(walks, "SWEEPS", (0.5, 2.0, 8.0))  # longer ones cost a minute here
    mu, temperature, thin = 10.69, 2000.0, 4
    more = f"""ensemble = "semigrand"
chemical_potential = {mu}
surrogate = true
[sampling.moves]
insertion_removal = 1.0
charge_swap = 1.0
"""
    settings = {"ordering": "sampled", "temperatures": [temperature], "steps": 300 * thin}
    settings |= {"more": more}
    assert run(campaign(**settings), tmp_path / "whole")
    every = {"x": [0.0, 0.25, 0.5, 0.75, 1.0], "ordering": "sampled", "more": MOVES}
    states = enumerate_states(campaign("every.toml", **every)).states
    weights = [state.energy_eV - mu * 4 * state.x for state in states]
    p = boltzmann_probabilities(weights, [state.degeneracy for state in states], temperature)
    store = load(tmp_path / "whole" / "results.h5")
    assert sorted(store.surrogates) == [0, 1, 2, 3, 4]
    for chain in store.chains:
        taken = [count for name, count in chain.moves.items() if name.startswith("surrogate_walk")]
        assert sum(count.accepted for count in taken) > 200
        keys = store.traces[chain.name].keys[10 * thin :: thin]
        expected = p * len(keys)
        rare = expected < 8
        seen = np.array([keys.count(state.key) for state in states])
        pooled = [np.append(v[~rare], v[rare].sum()) for v in (seen, expected)]
        assert chisquare(*pooled).pvalue > 5e-5
    assert len({ions_of_key(key) for key in keys}) == 5
    told = json.loads((tmp_path / "whole" / "summary.json").read_text())["surrogates"]
    assert [one["x"] for one in told] == every["x"]
    assert not run(campaign(**settings), tmp_path / "parts", stop_after=150)
    assert run(campaign(**settings), tmp_path / "parts", resume=True)
    parts = load(tmp_path / "parts" / "results.h5")
    assert [t.keys for t in parts.traces.values()] == [t.keys for t in store.traces.values()]


def test_compositions_of_one_state_have_none(config, tmp_path):
    assert run(config(x=[0.0, 1.0, 0.5], steps=20), tmp_path / "out")
    assert list(load(tmp_path / "out" / "results.h5").surrogates) == [2]


def test_where_walks_have_no_meaning_they_are_refused(config, campaign):
    with pytest.raises(InputError, match=r"sampling\.surrogate is not read"):
        load_config(campaign(more="ensemble = 'md'\nsurrogate = true"))


def test_results_from_before_walks_stay_resumable(campaign):
    def identity(**changes):
        return load_config(campaign(**changes)).identity("model", "host")

    assert identity() == identity(more="surrogate = false")
    assert identity() != identity(more="surrogate = true")
