"""Results for Python: records and tables of pandas are what summary.json says."""

import json

import pytest

import redoxmc
from redoxmc.campaign.run import run_campaign
from redoxmc.errors import InputError


def test_tables_hold_what_the_summary_says(campaign, tmp_path):
    out = tmp_path / "run"
    assert run_campaign(campaign(x=[0.0, 0.5], seeds=[1, 2]), out, progress=False) == 0
    summary = json.loads((out / "summary.json").read_text())
    before = sorted(path.name for path in out.iterdir())
    results = redoxmc.load(out)
    thermo = results.to_dataframe()
    assert thermo["x"].tolist() == [0.0, 0.5]
    assert thermo["energy_eV_per_fu"].tolist() == [r["energy_eV_per_fu"] for r in summary["thermo"]]
    runs = results.to_dataframe("runs")
    means = [run["energy_eV_per_fu"]["mean"] for run in summary["runs"]]
    assert runs["energy_eV_per_fu.mean"].tolist() == means
    proposed = [run["moves"]["charge_swap"]["proposed"] for run in summary["runs"]]
    assert runs["moves.charge_swap.proposed"].tolist() == proposed
    states = results.to_dataframe("states")
    assert len(states) == summary["distinct_states"]
    assert set(states["x"]) == {0.0, 0.5}
    assert sorted(path.name for path in out.iterdir()) == before
    with pytest.raises(ValueError, match=r"no rows 'run'; there are runs, thermo, .*states"):
        results.to_dataframe("run")


def test_a_folder_without_results_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        redoxmc.load(tmp_path)
