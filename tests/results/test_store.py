"""results.h5: what is written is what is read, in files of older versions too."""

import json
import math
import os

import h5py
import numpy as np
import pytest

from redoxmc.campaign.run import run_campaign
from redoxmc.errors import InputError
from redoxmc.results.layout import SCHEMA
from redoxmc.results.sealed import BLOCK, earlier
from redoxmc.results.store import Store, load, merge, reported, save

LATER_CHAIN = ("chemical_potential", "anneal_from", "anneal_steps")
LATER_LADDER = ("walkers", "ends", "round_trips")


@pytest.fixture
def run(campaign, tmp_path):
    """A short campaign with exchanges and uniform draws; returns (config by steps, folder)."""

    def config(steps):
        more = "tempering = true\nuniform_draws = 20"
        return campaign(temperatures=[500.0, 1500.0], seeds=[1, 2], steps=steps, more=more)

    out = tmp_path / "run"
    assert run_campaign(config(100), out, progress=False) == 0
    return config, out


def unsealed(path):
    """Make of a file one as the first version wrote them: no digest in front."""
    with path.open("r+b") as file:
        file.write(bytes(BLOCK))


def content(store):
    chains = [
        {**vars(chain), "rng": chain.rng.bit_generator.state, "occupancy": chain.occupancy.tolist()}
        for chain in store.chains + store.uniform_chains
    ]
    ladders = [
        {**vars(lad), "rng": lad.rng.bit_generator.state, "chains": [c.name for c in lad.chains]}
        for lad in store.ladders
    ]
    traces = {name: (trace.energies, trace.keys) for name, trace in store.traces.items()}
    return repr((store.header, store.complete, chains, ladders, traces))


def test_saved_and_loaded_is_the_same(run, tmp_path):
    _, out = run
    store = load(out / "results.h5")
    save(store, tmp_path / "copy.h5")
    copy = load(tmp_path / "copy.h5")
    assert content(copy) == content(store)
    assert set(copy.cache.entries) == set(store.cache.entries)
    for key, entry in store.cache.entries.items():
        other = copy.cache[key]
        assert (other.energy, other.reason, other.audit) == (
            entry.energy,
            entry.reason,
            entry.audit,
        )
        for one, two in zip(store.cache.geometry(key), copy.cache.geometry(key), strict=True):
            assert np.array_equal(one, two)
    assert len(store.uniform_chains) == 2
    assert all(math.isinf(chain.temperature) for chain in store.uniform_chains)


def test_of_too_many_geometries_the_reported_ones_are_in_the_file(campaign, tmp_path, monkeypatch):
    """The others are in files beside it, where a resumed run finds them."""
    settings, out = {"supercell": [1, 2, 1], "temperatures": [1500.0]}, tmp_path / "run"
    with monkeypatch.context() as small:
        small.setattr("redoxmc.results.store.MOST_BYTES", 0)
        assert run_campaign(campaign(steps=40, **settings), out, progress=False) == 0
    store = load(out / "results.h5")
    kept = set(store.cache.geometries.kept)
    assert kept == set(reported(store))
    assert len(kept) < len(store.cache)
    before = {key: store.cache.geometry(key) for key in store.cache.entries}
    assert run_campaign(campaign(steps=60, **settings), out, resume=True, progress=False) == 0
    assert not (out / "geometries").exists()
    after = load(out / "results.h5").cache
    assert set(after.geometries.kept) == set(after.entries)
    for key, geometry in before.items():
        for one, two in zip(geometry, after.geometry(key), strict=True):
            assert np.array_equal(one, two)


def test_a_file_from_before_round_trips_is_read_and_continued(run):
    config, out = run
    with h5py.File(out / "results.h5", "r+") as file:
        file.attrs["schema"] = 1
        ladders = json.loads(file.attrs["ladders"])
        assert any(sum(ladder["round_trips"]) for ladder in ladders)
        for ladder in ladders:
            for name in LATER_LADDER:
                del ladder[name]
        file.attrs["ladders"] = json.dumps(ladders)
        for group in file["replicas"].values():
            chain = json.loads(group.attrs["checkpoint"])
            for name in LATER_CHAIN:
                del chain[name]
            group.attrs["checkpoint"] = json.dumps(chain)
    unsealed(out / "results.h5")
    store = load(out / "results.h5")
    for ladder in store.ladders:
        assert ladder.round_trips == [0] * len(ladder.chains)
        assert ladder.walkers == list(range(len(ladder.chains)))
    assert store.chains[0].chemical_potential is None
    assert run_campaign(config(200), out, resume=True, progress=False) == 0
    whole = out.parent / "whole"
    assert run_campaign(config(200), whole, progress=False) == 0
    grown, fresh = load(out / "results.h5"), load(whole / "results.h5")
    assert {n: t.energies for n, t in grown.traces.items()} == {
        n: t.energies for n, t in fresh.traces.items()
    }


def test_a_newer_schema_is_refused(run, tmp_path, monkeypatch):
    _, out = run
    store = load(out / "results.h5")
    with monkeypatch.context() as newer:
        newer.setattr("redoxmc.results.layout.SCHEMA", SCHEMA + 1)
        save(store, tmp_path / "newer.h5")
    with pytest.raises(InputError, match=f"has schema {SCHEMA + 1}; this redoxmc reads up to"):
        load(tmp_path / "newer.h5")


def test_any_flipped_bit_is_noticed(run, tmp_path):
    """A hundred places all over the file; every one is one sentence."""
    data = (run[1] / "results.h5").read_bytes()
    rng = np.random.default_rng(16)
    path = tmp_path / "flipped.h5"
    for place in [0, 30, 100, 511, 512, *rng.integers(513, len(data), 95)]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=r"is damaged|has schema"):
            load(path)


def test_every_array_carries_a_checksum(run):
    arrays = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.size and item.shape:
            arrays.append(name)
            assert item.fletcher32, name

    with h5py.File(run[1] / "results.h5", "r") as file:
        file.visititems(visit)
    assert {"states/key", "states/energy_eV", "replicas/x0.5_T500_seed1/state"} <= set(arrays)


def test_in_an_older_file_energies_that_do_not_fit_their_states_are_noticed(run):
    path = run[1] / "results.h5"
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = 1
        file["replicas/x0.5_T500_seed1/energy_eV"][7] *= -1e6
    unsealed(path)
    with pytest.raises(InputError, match=r"replica x0\.5_T500_seed1 was at"):
        load(path)


def test_the_last_good_checkpoint_is_kept_and_taken(run):
    config, out = run
    path = out / "results.h5"
    whole = path.read_bytes()
    assert run_campaign(config(150), out, resume=True, progress=False) == 0
    assert earlier(path).read_bytes() == whole
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="is damaged"):
        load(path)
    assert run_campaign(config(200), out, resume=True, progress=False) == 0
    assert "The checkpoint before it is continued." in (out / "log.txt").read_text()
    assert run_campaign(config(200), out.parent / "whole", progress=False) == 0
    grown, fresh = load(path), load(out.parent / "whole" / "results.h5")
    assert grown.traces == fresh.traces


def test_a_kill_between_the_two_names_of_a_checkpoint_leaves_nothing_behind(run, monkeypatch):
    """Both names are those of one file then, and to rename one to the other does nothing."""
    _, out = run
    path, store = out / "results.h5", load(out / "results.h5")
    earlier(path).unlink(missing_ok=True)
    os.link(path, earlier(path))
    save(store, path)
    assert earlier(path).is_file()
    assert not earlier(path).samefile(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        save(store, path)
    assert [p.name for p in out.iterdir() if p.name.startswith(".")] == []


def test_runs_of_one_model_on_several_devices_come_together():
    def run_with(**model):
        tables = {"parallel": {}, "report": {}, "ions": None, "model": model}
        return Store({"config": tables, "model": {}, "lattice": {}})

    plain = run_with(path="m")  # from before there was the key
    merged = merge([plain, run_with(path="m", device="cuda")], ["a", "b"])
    assert merged.header["config"]["model"] == {"path": "m"}
    with pytest.raises(InputError, match="b and a have different configs or models"):
        merge([plain, run_with(path="n")], ["a", "b"])
