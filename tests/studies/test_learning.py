"""Learning curves: a model trained further on part of a set; pairs that tell orders apart."""

from pathlib import Path

import numpy as np
import pytest
from models_helpers import labelled

from learning.fit import fit, settings_of
from learning.pairs import mean_difference, one_geometry
from learning_curves import markdown, plot
from redoxmc.config.training import load_training_config
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.models.release import release
from redoxmc.models.train import train

CONFIG = """
architecture = "MACE"
species = ["Fe2+", "Fe3+", "O2-"]
[data]
train = ["train.extxyz"]
valid = ["train.extxyz"]
[model]
channels = 4
radial_mlp = [8]
num_radial_basis = 4
r_cut = 3.5
[optimizer]
epochs = 2
batch_size = 2
learning_rate = 0.02
"""


def test_a_model_learns_the_first_frames_and_errors_are_told_apart(tmp_path: Path) -> None:
    frames = read_labelled(labelled(9, tmp_path / "all.extxyz"))
    write_labelled(tmp_path / "train.extxyz", frames[:3])
    (tmp_path / "train.toml").write_text(CONFIG, encoding="utf-8")
    config = load_training_config(tmp_path / "train.toml")
    release(train(config, tmp_path, tmp_path / "first"), tmp_path / "model")
    for number, atoms in enumerate(frames):
        atoms.info["part"] = ("train", "train", "test")[number % 3]
        atoms.calc.results["energy"] += 7.0  # another scale
        for name in ("forces", "stress"):  # of relaxed states
            atoms.calc.results[name] = 0.05 * atoms.calc.results[name]
    frames[4].info["part"] = "valid"
    for number, redox in ((0, "1000"), (1, "0100"), (2, "0010"), (7, "0001")):
        frames[number].info["order"] = f"1x1x1:{redox}|1000"
    data = tmp_path / "set.extxyz"
    write_labelled(data, frames)
    config = settings_of(tmp_path / "model", data, 3, 12, 0.5)
    assert config.optimizer.epochs == 8
    assert config.optimizer.learning_rate == pytest.approx(0.01)
    assert config.start == tmp_path / "model"  # whose own training started from nothing
    scratch = settings_of(tmp_path / "model", data, 3, 12, 0.5, "none")
    assert (scratch.start, scratch.match_references) == (None, False)
    (tmp_path / "second").mkdir()
    text = 'start = "../model"\n' + CONFIG.replace("train.extxyz", "../train.extxyz")
    (tmp_path / "second" / "train.toml").write_text(text, encoding="utf-8")
    assert settings_of(tmp_path / "second", data, 3, 12, 0.5).start.resolve() == tmp_path / "model"
    found = fit(config, data, tmp_path / "out")
    assert found["train"]["frames"] == 3
    assert found["test"]["frames"] == 3
    assert found["test"]["energy_meV_per_atom"] < 500  # the scale was matched: 7 eV are 875
    assert found["train"]["states"]["pairs"] == 1  # of frames that it was trained on
    assert found["test"]["states"]["pairs"] == 2  # one of these orders and one held out
    text = markdown({"m": {3: found}})
    assert "| m | 3 | in-sample | 3 |" in text
    assert " | 2 | – |" in text  # a single order has no rank
    plot(tmp_path / "curve.png", {"m": {3: found}})
    assert (tmp_path / "curve.png").stat().st_size > 5000
    (tmp_path / "out" / "last.pt").unlink()
    assert fit(config, data, tmp_path / "out") == found  # what is there is not done again


def test_pairs_of_frames_that_differ_in_their_charges_alone(tmp_path: Path) -> None:
    frames = [atoms.copy() for atoms in read_labelled(labelled(1, tmp_path / "a.extxyz")) * 4]
    states = frames[0].arrays["charge_state"]
    frames[1].arrays["charge_state"] = np.roll(states, 2)  # the same iron and oxygen
    frames[2].arrays["charge_state"] = np.where(states == "Fe2+", "Fe3+", states)
    frames[3].positions[0, 0] += 0.1
    assert one_geometry(frames) == [(0, 2), (1, 2)]
    expected, predicted = np.array([0.0, 1.0, 5.0, 2.0]), np.array([0.0, 1.2, 5.0, 1.6])
    pairs = [(0, 1), (1, 3)]
    # errors of 0.2 and 0.6 eV, of four sites each
    assert mean_difference(pairs, expected, predicted, [4] * 4) == pytest.approx(100.0)
    assert mean_difference([], expected, predicted, [4] * 4) is None
