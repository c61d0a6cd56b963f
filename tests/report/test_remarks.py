"""Charges that a model does not hold are noticed: in the summary, on the page, on the terminal."""

import json
from pathlib import Path

import pytest

from redoxmc.campaign.run import run_campaign
from redoxmc.report.loading import load_results
from redoxmc.report.remarks import remarks
from redoxmc.report.tables import print_thermo
from redoxmc.results.runs import LostOrders
from redoxmc.results.store import load, save

MODELS = Path(__file__).parents[2] / "potentials"


@pytest.mark.parametrize(
    ("model", "keeps"), [("mace-nafepo4", True), ("mace-nafepo4-blind", False)]
)
def test_a_model_blind_to_charge_loses_them_and_one_that_is_not_keeps_them(
    campaign, tmp_path, capsys, model, keeps
):
    settings = {"x": [0.5], "steps": 60, "cell": "full", "temperatures": [300.0]}
    out = tmp_path / "run"
    assert run_campaign(campaign(model=MODELS / model, **settings), out, progress=False) == 0
    summary = json.loads((out / "summary.json").read_text())
    (run,) = summary["runs"]
    assert run["lost_orders"]["checked"] == 54  # of 60 steps, without burn-in
    assert summary["lost_orders"]["checked"] == summary["distinct_states"]
    records = load_results(out).summary
    print_thermo(records)
    text, page = capsys.readouterr().out, (out / "report.html").read_text()
    if keeps:
        assert run["lost_orders"]["share"] == 0.0
        assert remarks(records) == []
        assert "charge orders are lost" not in text + page
    else:
        assert run["lost_orders"]["share"] > 0.5
        assert "charge orders are lost" in text
        assert "charge orders are lost" in page
    store = load(out / "results.h5")
    save(store, tmp_path / "again.h5")
    lost = {key: entry.lost_charges for key, entry in store.cache.entries.items()}
    again = load(tmp_path / "again.h5").cache.entries
    assert {key: entry.lost_charges for key, entry in again.items()} == lost
    assert any(count for count in lost.values()) is not keeps


def test_results_of_earlier_versions_say_that_it_is_not_known(campaign, tmp_path):
    from dataclasses import replace

    from redoxmc.report.summary import write_report

    out = tmp_path / "run"
    run_campaign(campaign(steps=20), out, progress=False)
    store = load(out / "results.h5")
    entries = store.cache.entries
    store.cache.entries = {k: replace(e, lost_charges=None) for k, e in entries.items()}
    summary = write_report(store, out)
    assert summary.runs[0].lost_orders == LostOrders(checked=0, lost=None, share=None)
    assert remarks(summary) == []
