"""The summary where a campaign is not the ordinary one: failed, stopped, without end members."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import REFERENCE

from redoxmc.campaign.run import run_campaign
from redoxmc.report.analysis import Analysis
from redoxmc.report.averages import log_share_that_relaxes, thermal_averages
from redoxmc.report.summary import write_report
from redoxmc.results.record import to_json
from redoxmc.results.store import load
from redoxmc.sampling.cache import Entry

LADDER = [300.0, 600.0, 1200.0, 2400.0, 5000.0]


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture
def run(campaign, tmp_path):
    """Runs a campaign; returns its folder."""

    def go(**changes):
        out = tmp_path / "run"
        assert run_campaign(campaign(**changes), out, progress=False) == 0
        return out

    return go


def test_a_failed_replica_leaves_the_others_their_results(run):
    out = run(x=[0.0, 0.5, 1.0], temperatures=[600.0], seeds=[1, 2])
    store = load(out / "results.h5")
    failed = next(c for c in store.chains if (c.x, c.seed) == (0.5, 2))
    failed.failure, failed.step = "no state of 50 random ones relaxes: told to", 0
    store.traces.pop(failed.name)
    summary = to_json(write_report(store, out))
    records = {(r["x"], r["seed"]): r for r in summary["runs"]}
    assert records[0.5, 2]["failure"].startswith("no state")
    assert records[0.5, 2]["energy_eV_per_fu"] == dict.fromkeys(("mean", "standard_error", "min"))
    assert records[0.5, 2]["best_structure"] is None
    assert records[0.5, 1]["energy_eV_per_fu"]["mean"] is not None
    (half,) = [r for r in summary["thermo"] if r["x"] == 0.5]
    assert half["energy_eV_per_fu"] == records[0.5, 1]["energy_eV_per_fu"]["mean"]
    assert half["formation_energy_eV_per_fu"] is not None
    assert (out / "report.html").is_file()


def test_all_replicas_of_an_x_failed(run):
    out = run(x=[0.0, 0.5, 1.0])
    store = load(out / "results.h5")
    for chain in store.chains:
        if chain.x == 0.5:
            chain.failure, chain.step = "told to", 0
            store.traces.pop(chain.name)
    store.cache.entries = {k: e for k, e in store.cache.entries.items() if k.count("1") != 4}
    summary = to_json(write_report(store, out))
    (half,) = [r for r in summary["thermo"] if r["x"] == 0.5]
    for key in ("energy_eV_per_fu", "formation_energy_eV_per_fu", "free_energy_eV_per_fu", "r_hat"):
        assert half[key] is None
    assert [low["x"] for low in summary["lowest_states"]] == [0.0, 1.0]
    assert summary["phase_diagram"] == []


def test_stopped_before_the_first_step(campaign, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "STOP").touch()
    config = campaign(x=[0.0, 0.5, 1.0], temperatures=[300.0, 600.0], more="tempering = true")
    assert run_campaign(config, out, progress=False) == 75
    summary = summary_of(out)
    assert summary["complete"] is False
    assert {run["steps"] for run in summary["runs"]} == {0}
    assert summary["runs"][0]["energy_eV_per_fu"] == {
        "mean": None,
        "standard_error": None,
        "min": None,
    }
    assert all(r["energy_eV_per_fu"] is None for r in summary["thermo"])
    assert summary["voltage"] == []
    assert (out / "report.html").is_file()


def test_of_a_single_x_there_is_no_formation_energy(run):
    summary = summary_of(run(x=[0.5]))
    for record in summary["thermo"]:
        assert record["formation_energy_eV_per_fu"] is None
        assert record["on_hull"] is None
        assert record["free_energy_eV_per_fu"] is not None
    assert summary["phase_diagram"] == []


def test_phases_need_no_x_of_0_and_1(run):
    """Two-phase regions are those of what was sampled."""
    summary = summary_of(run(x=[0.25, 0.5, 0.75]))
    assert [d["temperature_K"] for d in summary["phase_diagram"]] == [0.0, 600.0]


def test_hull_phases_and_voltage_follow_free_energies(run):
    out = run(x=[0.0, 0.25, 0.5, 0.75, 1.0], temperatures=[300.0, 1500.0], cell="per_x")
    summary = summary_of(out)
    by_t = {
        d["temperature_K"]: sorted(d["two_phase"] + d["unresolved"])
        for d in summary["phase_diagram"]
    }
    for d in summary["phase_diagram"]:  # the x are quarters
        assert all(high - low > 0.3 for low, high in d["two_phase"])
        assert all(high - low < 0.3 for low, high in d["unresolved"])
    assert len(by_t) > 20  # a curve, not the two temperatures alone
    for temperature in (300.0, 1500.0):
        own = [r for r in summary["thermo"] if r["temperature_K"] == temperature]
        stable = [r["x"] for r in own if r["on_free_energy_hull"]]
        assert stable == sorted({x for region in by_t[temperature] for x in region})
        for record in own:
            ends = own[0]["free_energy_eV_per_fu"], own[-1]["free_energy_eV_per_fu"]
            mixed = (1 - record["x"]) * ends[0] + record["x"] * ends[1]
            assert record["formation_free_energy_eV_per_fu"] == pytest.approx(
                record["free_energy_eV_per_fu"] - mixed, abs=1e-9
            )
        plateaus = [p for p in summary["voltage"] if p["temperature_K"] == temperature]
        assert [[p["x_low"], p["x_high"]] for p in plateaus] == by_t[temperature]
    for name in ("phase_diagram", "electronic_entropy"):
        assert (out / "plots" / f"{name}.png").stat().st_size > 5000


def test_voltages_at_temperature_are_drawn_with_a_metal(campaign, run):
    path = campaign(x=[0.0, 0.5, 1.0], temperatures=[300.0, 900.0])
    text = path.read_text().replace("[model]", "metal_energy = 15.0\n[model]")
    path.write_text(text)
    out = path.parent / "metal"
    assert run_campaign(path, out, progress=False) == 0
    summary = summary_of(out)
    free = {(r["x"], r["temperature_K"]): r["free_energy_eV_per_fu"] for r in summary["thermo"]}
    for plateau in summary["voltage"]:
        if plateau["temperature_K"]:
            low, high, t = plateau["x_low"], plateau["x_high"], plateau["temperature_K"]
            slope = (free[high, t] - free[low, t]) / (high - low)
            assert plateau["voltage_V"] == pytest.approx(15.0 - slope, abs=1e-9)
    assert (out / "plots" / "voltage.png").is_file()


@pytest.mark.parametrize(
    ("element", "key", "expected"), [("Na", None, 15.0), ("Na", 14.0, 14.0), ("K", None, None)]
)
def test_the_model_card_gives_the_zero_of_voltages(campaign, run, element, key, expected):
    folder = campaign().parent
    model = shutil.copytree(REFERENCE, folder / "model")
    with (model / "card.toml").open("a") as card:
        card.write(f'\n[metal]\nspecies = "{element}"\nenergy_eV_per_atom = 15.0\n')
    path = campaign(x=[0.0, 0.5, 1.0], model=model)
    if key is not None:
        text = path.read_text().replace("[model]", f"metal_energy = {key}\n[model]")
        path.write_text(text)
    assert run_campaign(path, folder / "run", progress=False) == 0
    summary = summary_of(folder / "run")
    energies = {r["x"]: r["energy_eV_per_fu"]["min"] for r in summary["runs"]}
    plateaus = [p for p in summary["voltage"] if not p["temperature_K"]]
    assert plateaus
    if expected is None:
        assert all(p["voltage_V"] is None for p in plateaus)
        return
    charge = sum((p["x_high"] - p["x_low"]) * p["voltage_V"] for p in plateaus)
    assert charge == pytest.approx(expected - (energies[1.0] - energies[0.0]), abs=1e-6)


def test_orders_are_told_in_words_and_numbers(run):
    out = run(x=[0.0, 0.5], ordering="ewald")
    summary = summary_of(out)
    nothing, half = summary["lowest_states"]
    assert nothing["order"] == "no charge order: all sites alike"
    assert nothing["peaks"] == []
    assert half["order"].startswith("layers normal to (0 0 1), reduced share in the sequence")
    assert half["peaks"][0]["q"] == [0.0, 0.0, 1.0]
    assert 0.9 < half["peaks"][0]["share"] <= 1.0
    entries = load(out / "results.h5").cache.entries
    own = [key for key in entries if key.count("1") == 4]
    assert own[half["relaxations"] - 1] == half["key"]
    spent = sum(entries[key].force_evaluations for key in own[: half["relaxations"]])
    assert half["force_evaluations"] == spent > 0
    order = next(r for r in summary["runs"] if r["x"] == 0.5)["order"]
    assert len(order["warren_cowley"]) == len(order["warren_cowley_ions"]) == 3
    assert order["dominant"] == half["order"]


def test_ionic_entropy_where_both_orders_are_sampled(run):
    moves = "[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0"
    out = run(ordering="sampled", more=moves, temperatures=[1200.0], steps=1500)
    (record,) = summary_of(out)["thermo"]
    parts = record["ionic_entropy_kB_per_site"], record["electronic_entropy_kB_per_site"]
    assert all(0.0 < part < math.log(6) / 4 for part in parts)
    assert sum(parts) == pytest.approx(record["configurational_entropy_kB_per_site"], abs=1e-9)


def test_failed_states_of_an_incomplete_spectrum_are_not_counted_as_states(run):
    """ln of the space would count them: the entropy is unknown, unless uniform draws tell."""
    out = run(supercell=[1, 2, 1], temperatures=LADDER, steps=600, more="tempering = true")
    store = load(out / "results.h5")
    analysis = Analysis.of(store)
    chains = store.chains
    spectrum = analysis.spectra[chains[0].name]
    assert spectrum.complete
    missing = max(store.cache.entries, key=lambda key: store.cache[key].energy)
    failed = sorted(store.cache.entries, key=lambda key: store.cache[key].energy)[-2]
    del store.cache.entries[missing]
    analysis = Analysis.of(store)
    assert not analysis.spectra[chains[0].name].complete
    (known,) = thermal_averages(analysis, chains, [600.0])
    assert np.isfinite(known.entropy)  # all that is known relaxes
    store.cache.entries[failed] = Entry(None, 0, reason="told to")
    (unknown,) = thermal_averages(Analysis.of(store), chains, [600.0])
    assert np.isnan(unknown.entropy)
    assert np.isnan(unknown.free_energy)


def without_the_highest(analysis):
    """Spectra as if the highest state had never been asked for."""
    for own in {id(s): s for s in analysis.spectra.values()}.values():
        top = int(np.nanargmax(own.energies))
        kept = [n for n in range(len(own.keys)) if n != top]
        less = replace(
            own,
            keys=[own.keys[n] for n in kept],
            degeneracies=[own.degeneracies[n] for n in kept],
            energies=own.energies[kept],
        )
        analysis.spectra = dict.fromkeys(analysis.spectra, less)
    return analysis


def test_seeds_that_agree_anchor_the_entropy_at_their_ground_states(run):
    """A cold ladder, some states unknown and some that fail: one seed claims nothing."""
    out = run(
        supercell=[1, 2, 1],
        temperatures=[400.0, 700.0, 1200.0],
        seeds=[1, 2],
        steps=3000,
        more="tempering = true",
    )
    store = load(out / "results.h5")
    top = max(store.cache.entries, key=lambda key: store.cache[key].energy)
    assert not any(top in trace.keys for trace in store.traces.values())
    store.cache.entries[top] = Entry(None, 0, reason="told to")
    exact = thermal_averages(Analysis.of(store), store.chains, [400.0, 1000.0])
    assert {t.anchor for t in exact} == {"all states"}
    found = thermal_averages(without_the_highest(Analysis.of(store)), store.chains, [400.0, 1000.0])
    for one, other in zip(found, exact, strict=True):
        assert one.anchor == "ground states"
        assert abs(one.entropy - other.entropy) < 4 * one.entropy_error
        assert abs(one.free_energy - other.free_energy) < 4 * one.free_energy_error
    store.ladders = store.ladders[:1]
    alone = thermal_averages(without_the_highest(Analysis.of(store)), store.chains, [400.0])
    assert np.isnan(alone[0].entropy)
    assert alone[0].anchor == ""


def test_uniform_draws_tell_how_many_states_relax(run):
    """Of 70 states two fail and others are unknown: the draws find the share that relaxes."""
    out = run(
        supercell=[1, 2, 1],
        temperatures=LADDER,
        steps=600,
        more="tempering = true\nuniform_draws = 2000",
    )
    store = load(out / "results.h5")
    exact = Analysis.of(store)
    spectrum = exact.spectra[store.chains[0].name]
    rare = [k for k, g in zip(spectrum.keys, spectrum.degeneracies, strict=True) if g == 2]
    store.cache.entries[rare[0]] = Entry(None, 0, reason="told to")
    for chain in store.chains + store.uniform_chains:
        trace = store.traces[chain.name]
        if chain.uniform:
            hit = [key == rare[0] for key in trace.keys]
            trace.energies = np.where(hit, np.nan, trace.energies).tolist()
            assert 20 < sum(hit) < 120
        else:  # chains reject what fails
            good = [n for n, key in enumerate(trace.keys) if key != rare[0]]
            trace.energies = [trace.energies[n] for n in good]
            trace.keys = [trace.keys[n] for n in good]
    wanted = thermal_averages(Analysis.of(store), store.chains, [600.0, 5000.0])
    analysis = without_the_highest(Analysis.of(store))
    found = thermal_averages(analysis, store.chains, [600.0, 5000.0])
    assert wanted[1].entropy < math.log(68)
    for one, other in zip(found, wanted, strict=True):
        assert other.entropy_error == 0.0
        assert 0.0 < one.entropy_error < 0.2
        assert abs(one.entropy - other.entropy) < 4 * one.entropy_error
        assert abs(one.free_energy - other.free_energy) < 4 * one.free_energy_error


def test_several_starts_are_compared(run):
    """Where each seed ended: a seed kept from its lowest state lies above the other."""
    out = run(temperatures=[300.0, 1200.0], seeds=[1, 2], more="tempering = true")
    summary = summary_of(out)
    assert [(s["x"], s["seed"], s["temperature_K"]) for s in summary["starts"]] == [
        (0.5, 1, 300.0),
        (0.5, 2, 300.0),
    ]
    (cold, hot) = summary["thermo"]
    for start, record in zip(summary["starts"], summary["runs"][::2], strict=True):
        assert start["lowest_above_meV_per_fu"] == 0.0
        assert start["warren_cowley"] == record["order"]["warren_cowley"][0]
        assert start["energy_eV_per_fu"] == record["energy_eV_per_fu"]["mean"]
        assert start["r_hat"] == max(r[k] for r in (cold, hot) for k in ("r_hat", "r_hat_order"))
    page = (out / "report.html").read_text()
    assert "Where the starts ended" in page
    assert "Lowest charge order found at x = 0.5: " in page
    assert (out / "plots" / "lowest_x0.5.png").stat().st_size > 5000
    assert (out / "plots" / "order_parameters.png").stat().st_size > 5000
    store = load(out / "results.h5")
    for chain in store.chains:
        if chain.seed == 2:
            trace = store.traces[chain.name]
            lowest = min(trace.energies)
            keep = [n for n, energy in enumerate(trace.energies) if energy > lowest + 1e-4]
            trace.energies = [trace.energies[n] for n in keep]
            trace.keys = [trace.keys[n] for n in keep]
    starts = to_json(write_report(store, out))["starts"]
    assert starts[0]["lowest_above_meV_per_fu"] == 0.0
    assert starts[1]["lowest_above_meV_per_fu"] > 0.01


def test_a_single_start_is_compared_with_nothing(run):
    assert summary_of(run())["starts"] == []


def test_chains_that_do_not_agree_have_no_free_energy(run):
    """Split R-hat above 1.05 at one temperature: no entropy, no free energy, and a sentence."""
    out = run(supercell=[1, 2, 1], temperatures=LADDER, steps=600, more="tempering = true")
    store = load(out / "results.h5")
    analysis = without_the_highest(Analysis.of(store))
    known = thermal_averages(analysis, store.chains, LADDER)
    assert np.isfinite([t.free_energy for t in known]).all()
    coldest = next(c for c in store.chains if c.temperature == LADDER[0])
    energies = store.traces[coldest.name].energies
    half = len(energies) // 2
    energies[:half] = [max(energies) + 0.01 * (n % 2) for n in range(half)]
    for thermal in thermal_averages(analysis, store.chains, LADDER):
        assert np.isnan(thermal.free_energy)
        assert np.isnan(thermal.entropy)
        assert thermal.reason.startswith("the energies of the chains at 300 K do not agree: R-hat")
    thermo = to_json(write_report(store, out))["thermo"]
    record = next(r for r in thermo if r["temperature_K"] == 300.0)
    assert record["entropy_anchor"] == "all states"  # what is exact does not ask the chains
    assert record["why_unknown"] is None or "free" not in record["why_unknown"]


@pytest.mark.parametrize("ordering", ["sampled", "ewald"])
def test_sampled_ion_orders_are_held_to_more(run, monkeypatch, ordering):
    """R-hat of 1.02 and 100 effective samples, or nothing is told; a fixed order is not asked."""
    sampled = ordering == "sampled"
    more = "[sampling.moves]\ncharge_swap = 1.0\nion_charge_swap = 1.0" if sampled else ""
    out = run(ordering=ordering, temperatures=[1200.0], steps=400, seeds=[1, 2], more=more)
    store = load(out / "results.h5")
    for limits, words in (
        ((0.5, 0.0), "do not agree: R-hat"),
        ((9.0, 1e6), "effective samples; where ion orders are sampled"),
    ):
        monkeypatch.setattr("redoxmc.report.averages.MAX_R_HAT_IONS", limits[0])
        monkeypatch.setattr("redoxmc.report.averages.MIN_SAMPLES_IONS", limits[1])
        analysis = without_the_highest(Analysis.of(store))
        (thermal,) = thermal_averages(analysis, store.chains, [1200.0])
        assert (words in thermal.reason) == sampled


@pytest.mark.parametrize(("drawn", "good"), [(20, 20), (400, 400), (400, 300)])
def test_the_share_that_relaxes_has_an_error_even_where_no_draw_failed(drawn, good):
    """The posterior of a share under a flat prior: never certain while states are known to fail."""
    log_share, error = log_share_that_relaxes(drawn, good)
    share = np.random.default_rng(151).beta(good + 1, drawn - good + 1, size=200_000)
    assert log_share == pytest.approx(np.log(share.mean()), abs=2e-3)
    assert error == pytest.approx(share.std() / share.mean(), rel=0.02)
    assert error > 0.9 / (drawn + 2)
