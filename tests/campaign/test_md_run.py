"""Campaigns of molecular dynamics on the classical reference: results, resuming, bad input."""

import json

import ase.io
import numpy as np
import pytest

from redoxmc.campaign.parallel import split_ranks
from redoxmc.campaign.run import run_system
from redoxmc.campaign.system import load_system
from redoxmc.config.dynamics import MdConfig
from redoxmc.dynamics.replica import COLUMNS
from redoxmc.errors import InputError
from redoxmc.report.loading import load_results
from redoxmc.report.remarks import remarks
from redoxmc.report.summary import analyze
from redoxmc.results.record import to_json
from redoxmc.results.sealed import BLOCK
from redoxmc.results.store import load, save

FAST = {
    "time_step": 2.0,
    "segment": 5,
    "interval": 2,
    "equilibration": 40.0,
    "protocol_steps": 8,
    "trajectory_interval": 2,
}


def run(config, out, stop_after=None, resume=False, **md):
    system = load_system(config)
    asked = []

    def stopping():
        asked.append(1)
        return stop_after is not None and len(asked) > stop_after

    sampling = system.config.sampling.model_copy(update={"ensemble": "md"})
    changes = {"sampling": sampling, "md": MdConfig(**(FAST | md))}
    system.config = system.config.model_copy(update=changes)
    return run_system(system, split_ranks(1), out, stopping, resume=resume, progress=False)


def rows(trace):
    return np.column_stack([trace.column(name) for name in COLUMNS])


def summary_of(out):
    return json.loads((out / "summary.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished campaign of two temperatures, with its config."""
    from conftest import CAMPAIGN, HOST, REFERENCE

    folder = tmp_path_factory.mktemp("md")
    values = {"host": HOST, "supercell": [1, 1, 1], "x": [0.5], "ordering": "ewald"}
    values |= {"model": REFERENCE, "cell": "fixed", "start": "reference", "steps": 6}
    values |= {"temperatures": [600.0, 900.0], "seeds": [1], "more": ""}
    config = folder / "campaign.toml"
    config.write_text(CAMPAIGN.format(**values))
    assert run(config, folder / "out")
    return config, folder / "out"


def test_results_say_what_happened(finished):
    _, out = finished
    summary = summary_of(out)
    assert summary["complete"] is True
    assert summary["ensemble"] == "md"
    assert [record["temperature_K"] for record in summary["runs"]] == [600.0, 900.0]
    for record in summary["runs"]:
        assert record["steps"] == 6
        assert record["n_atoms"] == 26
        assert record["n_reduced"] == 2
        assert record["moves"]["charge_swap"]["proposed"] == 6
        moved = record["ions"]["hops"] > 0 or record["ions"]["away_share"] > 0
        assert moved or sum(record["state_counts"].values()) == 6
        assert record["lost_orders"]["checked"] == 0  # six steps are too few for a mean of ten
        assert record["md"]["path_steps"] == 8
        assert record["md"]["time_ps"] == pytest.approx(
            record["md"]["pieces"]["accepted"] * 5 * 0.002
        )
        assert record["md"]["work_eV"] > 0.2  # so short a path is nearly an instant swap
        assert record["md"]["outside_training_range"]["largest_A"] > 0.0
        assert abs(record["md"]["conserved_drift_eV_per_atom_ps"]) < 0.05
        assert 200 < record["md"]["temperature_K"] < 2000
        assert record["failure"] is None
        best = ase.io.read(out / record["best_structure"])
        assert best.get_potential_energy() / 4 == pytest.approx(record["energy_eV_per_fu"]["min"])
        assert best.info["step"] in range(1, 7)
        assert (out / record["final_structure"]).is_file()


def test_thermodynamics_is_null_where_dynamics_cannot_tell_it(finished):
    _, out = finished
    records = summary_of(out)["thermo"]
    assert [record["temperature_K"] for record in records] == [600.0, 900.0]
    for record, run_of in zip(records, summary_of(out)["runs"], strict=True):
        assert record["energy_eV_per_fu"] == run_of["energy_eV_per_fu"]["mean"]
        assert record["ideal_finite_size_kB_per_site"] == pytest.approx(np.log(6) / 4)
        for unknown in ("free_energy_eV_per_fu", "formation_energy_eV_per_fu", "on_hull"):
            assert record[unknown] is None
        assert record["electronic_entropy_kB_per_site"] is None  # six steps are too few


def test_the_report_shows_the_dynamics(finished):
    _, out = finished
    names = {"md_dynamics", "md_swaps", "md_path_lengths", "md_work", "md_outside"}
    assert {path.stem for path in (out / "plots").glob("*.png")} == names
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64") == len(names)
    assert "Charge disorder of" in page
    assert "trajectory_interval = 2" in page  # the config, with all defaults


def test_trajectories_carry_charge_states_in_both_formats(finished):
    _, out = finished
    frames = ase.io.read(out / "trajectories" / "x0.5_T600_seed1.extxyz", ":")
    assert [frame.info["step"] for frame in frames] == [2, 4, 6]
    assert sorted(set(frames[0].arrays["charge_state"])) == ["Fe2+", "Fe3+", "Na+", "O2-", "P5+"]
    dump = (out / "trajectories" / "x0.5_T600_seed1.lammpstrj").read_text()
    assert dump.count("ITEM: TIMESTEP") == 3
    atoms = [line.split() for line in dump.split("ITEM: ATOMS")[-1].splitlines()[1:]]
    assert [atom[1] for atom in atoms] == list(frames[-1].arrays["charge_state"])
    cell = frames[-1].cell.array
    positions = np.array([[float(value) for value in atom[3:6]] for atom in atoms])
    away = (positions - frames[-1].positions) @ np.linalg.inv(cell)
    assert np.abs((away - np.round(away)) @ cell).max() < 1e-6
    swaps = (out / "trajectories" / "x0.5_T600_seed1_swaps.csv").read_text().splitlines()
    assert len(swaps) == 7
    assert swaps[0].startswith("step,time_ps,work_eV,")
    final = ase.io.read(out / "structures" / "x0.5_T600_seed1_final.extxyz")
    assert np.array_equal(final.positions, frames[-1].positions)


@pytest.mark.parametrize("stop_after", [0, 1, 3])  # 0: before any replica has begun
def test_a_stopped_run_goes_on_bit_for_bit(finished, tmp_path, monkeypatch, stop_after):
    config, reference = finished
    # a round is one step of each replica, and every round is a checkpoint
    text = config.read_text() + "[parallel]\nsync_seconds = 1e-6\n"
    slow = tmp_path / "campaign.toml"
    slow.write_text(text)
    monkeypatch.setattr("redoxmc.campaign.root.CHECKPOINT_SECONDS", 0.0)
    out = tmp_path / "out"
    assert not run(slow, out, stop_after=stop_after)
    done = [chain.step for chain in load(out / "results.h5").md_chains]
    assert all(step < 6 for step in done)
    assert (max(done) > 0) is (stop_after > 0)
    assert summary_of(out)["complete"] is False
    # what was written after the checkpoint is cut off
    path = out / "trajectories" / "x0.5_T600_seed1.extxyz"
    if path.is_file():
        path.write_text(path.read_text() + "26\nhalf a frame step=4\n")
    assert run(slow, out, resume=True)
    first, second = (load(folder / "results.h5") for folder in (reference, out))
    for a, b in zip(first.md_chains, second.md_chains, strict=True):
        assert np.array_equal(a.positions, b.positions)
        assert np.array_equal(a.velocities, b.velocities)
        assert a.rng.bit_generator.state == b.rng.bit_generator.state
        assert first.traces[a.name].raw_keys == second.traces[a.name].raw_keys
        assert first.traces[a.name].raw_keys
        both = [rows(store.traces[a.name]) for store in (first, second)]
        assert np.array_equal(*both, equal_nan=True)
        for suffix in (".extxyz", ".lammpstrj"):
            files = [f / "trajectories" / f"{a.name}{suffix}" for f in (reference, out)]
            assert files[0].read_text() == files[1].read_text()


def test_the_summary_is_recomputed_from_the_store(finished):
    _, out = finished
    text = (out / "summary.json").read_text()
    analyze([out])
    assert (out / "summary.json").read_text() == text


def test_a_finished_run_is_extended(finished, tmp_path):
    import shutil

    config, reference = finished
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    longer = tmp_path / "campaign.toml"
    longer.write_text(config.read_text().replace("steps = 6", "steps = 8"))
    assert run(longer, out, resume=True)
    assert [record["steps"] for record in summary_of(out)["runs"]] == [8, 8]


def test_a_store_is_read_back_as_it_was_written(finished, tmp_path):
    _, out = finished
    store = load(out / "results.h5")
    store.md_chains.reverse()  # their order is not that of their names
    save(store, tmp_path / "again.h5")
    again = load(tmp_path / "again.h5")
    assert [a.name for a in again.md_chains] == [a.name for a in store.md_chains]
    assert again.header == store.header
    assert again.complete is store.complete
    for a, b in zip(store.md_chains, again.md_chains, strict=True):
        assert np.array_equal(a.positions, b.positions)
        assert a.moves == b.moves
        assert a.lowest.step == b.lowest.step
        assert np.array_equal(a.lowest.positions, b.lowest.positions)
        assert np.array_equal(a.lowest.occupancy, b.lowest.occupancy)
        one, two = store.traces[a.name], again.traces[a.name]
        assert np.array_equal(rows(one), rows(two), equal_nan=True)
        assert one.raw_keys == two.raw_keys
        assert one.keys == two.keys == []


def test_results_of_before_times_were_kept_are_read_and_reported(finished, tmp_path):
    """What an earlier version wrote: without time_ps, drift_eV and the lowest step."""
    import shutil

    import h5py

    out = tmp_path / "out"
    shutil.copytree(finished[1], out)
    older = COLUMNS[: COLUMNS.index("time_ps")]
    with h5py.File(out / "results.h5", "r+") as file:
        del file["states"], file.attrs["order"], file.attrs["ladders"]
        file.attrs["schema"] = 1
        for group in file["replicas"].values():
            del group["lowest"]
            group["rows"] = np.column_stack([group[name][:] for name in older])
            group.attrs["columns"] = json.dumps(older)
            group.move("raw_key", "keys")
            group.move("raw_state", "state")
            for name in COLUMNS:
                del group[name]
    with (out / "results.h5").open("r+b") as raw:
        raw.write(bytes(BLOCK))  # and without a digest
    before, store = load(finished[1] / "results.h5"), load(out / "results.h5")
    (chain, _), traces = store.md_chains, store.traces
    assert chain.lowest is None
    assert np.isnan(traces[chain.name].column("drift_eV")).all()
    for name, trace in traces.items():
        assert trace.raw_keys == before.traces[name].raw_keys
        for column in older:
            both = trace.column(column), before.traces[name].column(column)
            assert np.array_equal(*both, equal_nan=True)
    summary = to_json(analyze([out]))
    assert summary["runs"][0]["best_structure"] is None
    assert summary["runs"][0]["md"] == summary_of(finished[1])["runs"][0]["md"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"time_step": 12.0, "damping": 100.0}, "md.time_step = 12 fs heats the system at 900 K"),
        ({"protocol_steps": 9}, "belongs to another config"),
    ],
)
def test_bad_input_is_refused(finished, tmp_path, changes, sentence):
    config, reference = finished
    again = "another config" in sentence
    with pytest.raises(InputError, match=sentence):
        run(config, reference if again else tmp_path / "out", resume=again, **changes)


def test_a_replica_that_fails_does_not_stop_the_others(finished, tmp_path, monkeypatch):
    from redoxmc.campaign import dynamics
    from redoxmc.errors import EngineError

    true_step = dynamics.step

    def failing(chain, world):
        if chain.temperature == 600.0 and chain.step == 2:
            raise EngineError("lost atoms")
        true_step(chain, world)

    monkeypatch.setattr(dynamics, "step", failing)
    assert run(finished[0], tmp_path / "out")
    runs = summary_of(tmp_path / "out")["runs"]
    assert runs[0]["failure"] == "step 3: lost atoms"
    assert [record["steps"] for record in runs] == [2, 6]


def test_at_constant_pressure_the_cell_moves(finished, tmp_path):
    settings = {"pressure": 0.0, "equilibration": 400.0}
    assert run(finished[0], tmp_path / "out", **settings)
    for chain in load(tmp_path / "out" / "results.h5").chains:
        assert chain.volumes.accepted > 0
        host = load(tmp_path / "out" / "results.h5").hosts[2].cell
        assert not np.allclose(chain.cell, host)
        assert np.abs(chain.cell @ np.linalg.inv(host) - np.eye(3)).max() < 0.1
    record = summary_of(tmp_path / "out")["runs"][0]["md"]
    assert record["volume_moves"]["proposed"] == 6
    assert 250 < record["volume_A3"] < 380


def test_hops_of_ions_without_walls_are_counted_and_said(finished, tmp_path, monkeypatch):
    """An ion is put onto the vacant site after the third step, with md.site_tolerance = None."""
    from redoxmc.campaign import dynamics

    config, _ = finished
    true_step = dynamics.step

    def hopping(chain, world):
        true_step(chain, world)
        if chain.step == 3:
            watch = world.watch
            free = np.setdiff1d(watch.lattice.ion_sites, watch.sites)[0]
            chain.positions = chain.positions.copy()
            chain.positions[watch._ions[0]] = watch.geometry.positions[free]
            seen = watch.look(chain.memory, chain.memory.charges, chain.cell, chain.positions)
            chain.records[-1] = (*chain.records[-1][:-4], seen.hops, seen.ions_away, 0.0, 0.0)

    monkeypatch.setattr(dynamics, "step", hopping)
    assert run(config, tmp_path / "out")
    summary = summary_of(tmp_path / "out")
    for record in summary["runs"]:
        assert record["ions"]["hops"] >= 1
        assert record["state_counts"] is None
    assert all("ions have left" in record["why_unknown"] for record in summary["thermo"])
    said = remarks(load_results(tmp_path / "out").summary)
    assert len(said) == 2
    assert "hops of ions between sites" in said[0]
    assert "hops of ions between sites" in (tmp_path / "out" / "report.html").read_text()


def test_a_bath_faster_than_the_time_step_is_refused():
    with pytest.raises(ValueError, match=r"damping = 0.5 fs is below time_step = 1 fs"):
        MdConfig(damping=0.5)
    with pytest.raises(ValueError, match="the bath acts too rarely; take at most 40 steps"):
        MdConfig(damping=20.0, segment=50)


def test_moments_and_charges_are_written_with_a_structure(finished, tmp_path):
    from redoxmc.results.trajectory import append_extxyz
    from redoxmc.structures.lattice import Lattice

    store = load(finished[1] / "results.h5")
    chain, lattice = store.md_chains[0], Lattice.from_data(store.header["lattice"])
    moments = np.linspace(0.0, 5.0, len(chain.positions))
    append_extxyz(tmp_path, chain, lattice, {"moment": moments, "charge": -moments})
    (frame,) = ase.io.read(tmp_path / f"{chain.name}.extxyz", ":")
    assert np.array_equal(frame.get_magnetic_moments(), moments)
    assert np.array_equal(frame.get_charges(), -moments)
