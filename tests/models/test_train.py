import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from models_helpers import labelled

from redoxmc.config.training import load_training_config
from redoxmc.errors import InputError
from redoxmc.model_card import load_card
from redoxmc.models.checkpoint import load_checkpoint
from redoxmc.models.release import release
from redoxmc.models.train import batches, train

CONFIG = """
architecture = "{architecture}"
charge_aware = {aware}
species = ["Fe2+", "Fe3+", "O2-"]
seed = {seed}
[data]
train = ["train.extxyz"]
valid = ["valid.extxyz"]
test = ["valid.extxyz"]
[model]
{model}
[loss]
moment = 1.0
[optimizer]
epochs = {epochs}
{extra}
[bonds."Fe2+"]
ligand = "O2-"
coordination = 3
"""
MODEL = {
    "MACE": "channels = 4\nradial_mlp = [8]\nnum_radial_basis = 4\nr_cut = 3.5",
    "cPaiNN": "width = 8\nn_layers = 2",
    "CHGNet": "",
}


def config(folder: Path, architecture="MACE", *, epochs=4, seed=1, aware="true", extra="") -> Path:
    labelled(6, folder / "train.extxyz")
    labelled(2, folder / "valid.extxyz")
    path = folder / f"train_{epochs}_{seed}.toml"
    text = CONFIG.format(
        architecture=architecture,
        model=MODEL[architecture],
        epochs=epochs,
        seed=seed,
        aware=aware,
        extra=extra,
    )
    path.write_text(text, encoding="utf-8")
    return path


def run(path: Path, out: Path) -> dict:
    train(load_training_config(path), path, out)
    return load_checkpoint(out / "last.pt")


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("architecture", MODEL)
def test_loss_falls_and_the_same_seed_gives_the_same_weights(tmp_path, architecture):
    path = config(tmp_path, architecture, epochs=5)
    first, second = run(path, tmp_path / "a"), run(path, tmp_path / "b")
    assert same(first["weights"], second["weights"])
    losses = [entry["valid_loss"] for entry in first["history"]]
    assert losses[-1] < losses[0]
    other = run(config(tmp_path, architecture, epochs=5, seed=2), tmp_path / "c")
    assert not same(first["weights"], other["weights"])
    assert (tmp_path / "a" / "learning_curve.png").stat().st_size > 1000
    assert len(json.loads((tmp_path / "a" / "history.json").read_text())) == 5


@pytest.mark.parametrize("architecture", MODEL)
def test_killed_and_resumed_it_ends_with_the_same_weights(tmp_path, architecture):
    path = config(tmp_path, architecture, epochs=8)
    whole = run(path, tmp_path / "whole")
    code = (
        "import sys; from pathlib import Path; from redoxmc.models.train import train\n"
        "from redoxmc.config.training import load_training_config as load\n"
        "p = Path(sys.argv[1]); train(load(p), p, Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, path, tmp_path / "k"])
    deadline = time.monotonic() + 60
    while not (tmp_path / "k" / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(load_checkpoint(tmp_path / "k" / "last.pt")["history"]) < 8
    resumed = run(path, tmp_path / "k")
    assert len(resumed["history"]) == 8
    assert same(resumed["weights"], whole["weights"])
    assert same(resumed["mean"], whole["mean"])


def test_without_improvement_it_stops_early(tmp_path):
    extra = "learning_rate = 1e-12\nfinal_learning_rate = 1e-12\npatience = 2\nema_decay = 0.0"
    done = run(config(tmp_path, epochs=30, extra=extra), tmp_path / "out")
    assert len(done["history"]) < 30


def test_batches_cover_every_frame_once_in_an_order_of_the_epoch():
    orders = [[i for batch in batches(10, 4, 1, epoch) for i in batch] for epoch in (0, 1, 0)]
    assert sorted(orders[0]) == list(range(10))
    assert orders[0] == orders[2]
    assert orders[0] != orders[1]


@pytest.mark.parametrize("aware", ["true", "false"])
def test_release_writes_a_model_folder_with_measured_errors(tmp_path, aware):
    path = config(tmp_path, aware=aware)
    note = "Lennard-Jones, for tests."
    path.write_text(f'note = "{note}"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    run(path, tmp_path / "out")
    release(tmp_path / "out" / "best.pt", tmp_path / "model")
    card = load_card(tmp_path / "model")
    assert card.charge_aware == (aware == "true")
    assert card.raw["note"] == note
    assert card.bonds["Fe2+"].coordination == 3
    assert 1.5 < card.bonds["Fe2+"].mean < 3.0
    errors = card.raw["errors"]
    history = load_checkpoint(tmp_path / "out" / "best.pt")["history"][-1]
    # test and validation frames are the same here, training ran in float32
    assert errors["force_meV_per_A"] == pytest.approx(history["force_meV_per_A"], rel=1e-3)
    assert errors["frames"] == 2
    # of each species of the data, also where the blind model has one row for both charge states
    assert set(errors["force_meV_per_A_by_species"]) == {"Fe2+", "O2-"}
    assert (tmp_path / "model" / card.raw["example"]).exists()
    again = load_training_config(tmp_path / "model" / "train.toml")
    assert again.data.train == [tmp_path / "model" / ".." / "train.extxyz"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("learning_rat = 1.0", "did you mean 'learning_rate'"),
        ("batch_size = 0", "optimizer.batch_size = 0"),
    ],
)
def test_a_bad_key_or_value_is_named(tmp_path, extra, message):
    with pytest.raises(InputError, match=message):
        load_training_config(config(tmp_path, extra=extra))


def test_another_config_and_a_damaged_checkpoint_are_refused(tmp_path):
    run(config(tmp_path, epochs=1), tmp_path / "out")
    with pytest.raises(InputError, match="with another seed;"):
        run(config(tmp_path, epochs=1, seed=2), tmp_path / "out")
    data = (tmp_path / "out" / "last.pt").read_bytes()
    (tmp_path / "out" / "last.pt").write_bytes(data[:1000])
    with pytest.raises(InputError, match="not a complete checkpoint"):
        run(config(tmp_path, epochs=1), tmp_path / "out")


def test_an_unknown_setting_of_the_architecture_is_named(tmp_path):
    path = config(tmp_path)
    path.write_text(path.read_text().replace("channels", "chanels"), encoding="utf-8")
    with pytest.raises(InputError, match="did you mean 'channels'"):
        run(path, tmp_path / "out")
