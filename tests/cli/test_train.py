import json
import signal
import subprocess
import sys
import time

import pytest
from models_helpers import labelled

from redoxmc.cli.main import main
from redoxmc.io.extxyz import COLUMN, read_labelled, write_labelled
from redoxmc.model_card import load_card

MODEL = {
    "MACE": "channels = 4\nradial_mlp = [8]\nnum_radial_basis = 4\nr_cut = 3.5",
    "cPaiNN": "width = 8\nn_layers = 2",
    "CHGNet": "",
}
TEXT = """
architecture = "{architecture}"
species = ["Fe2+", "Fe3+", "O2-"]
{top}
[data]
train = ["train.extxyz"]
valid = ["valid.extxyz"]
test = ["valid.extxyz"]
[model]
{model}
[loss]
moment = 1.0
[optimizer]
epochs = 1
"""


def write(folder, architecture, top=""):
    labelled(4, folder / "train.extxyz")
    labelled(2, folder / "valid.extxyz")
    path = folder / f"{architecture}.toml"
    path.write_text(
        TEXT.format(architecture=architecture, model=MODEL.get(architecture, ""), top=top),
        encoding="utf-8",
    )
    return path


def redoxmc(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["redoxmc", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


@pytest.mark.parametrize("architecture", list(MODEL))
def test_every_architecture_trains_and_exports(tmp_path, monkeypatch, architecture):
    path = write(tmp_path, architecture)
    result = tmp_path / "train.json"
    assert redoxmc(monkeypatch, "train", path, "--out", tmp_path / "c", "--json", result) == 0
    history = json.loads(result.read_text())["history"]
    assert history[0]["force_meV_per_A"] > 0
    assert (history[0]["moment_muB"] is None) == (architecture == "MACE")
    best, folder = tmp_path / "c" / "best.pt", tmp_path / "m"
    assert redoxmc(monkeypatch, "export", best, "--out", folder, "--dtype", "float32") == 0
    card = load_card(folder)
    assert card.architecture == architecture
    assert card.raw["dtype"] == "float32"
    assert card.raw["errors"]["force_meV_per_A"] == pytest.approx(
        history[0]["force_meV_per_A"], rel=2e-3
    )
    assert ("moment_muB" in card.raw["errors"]) == (architecture != "MACE")
    assert ("moment_muB_by_species" in card.raw["errors"]) == (architecture != "MACE")


def test_bond_lengths_are_measured_without_being_asked_for(tmp_path, monkeypatch, capsys):
    """A model without them cannot start a run, so train and export say what becomes of them."""
    path = write(tmp_path, "cPaiNN")
    best, folder = tmp_path / "c" / "best.pt", tmp_path / "m"
    assert redoxmc(monkeypatch, "train", path, "--out", tmp_path / "c") == 0
    assert "no [bonds] of Fe2+, Fe3+" in capsys.readouterr().err
    assert redoxmc(monkeypatch, "export", best, "--out", folder) == 0
    said = capsys.readouterr().out
    assert "bond lengths: Fe2+-O2- 2." in said
    assert "none of Fe3+, which no training frame holds" in said
    card = load_card(folder)
    assert list(card.bonds) == ["Fe2+"]
    assert 1.7 < card.bonds["Fe2+"].mean < 2.5
    assert card.without_bonds == ["Fe3+"]


def test_fine_tuning_starts_from_the_weights_of_a_checkpoint(tmp_path, monkeypatch):
    first = write(tmp_path, "cPaiNN")
    assert redoxmc(monkeypatch, "train", first, "--out", tmp_path / "a") == 0
    slow = 'start = "a/last.pt"'
    second = write(tmp_path, "cPaiNN", top=slow)
    text = second.read_text() + "learning_rate = 1e-12\nfinal_learning_rate = 1e-12\n"
    second.write_text(text, encoding="utf-8")
    assert redoxmc(monkeypatch, "train", second, "--out", tmp_path / "b") == 0
    import torch

    a, b = (torch.load(tmp_path / n / "last.pt", weights_only=True)["weights"] for n in "ab")
    for name, weight in a.items():
        torch.testing.assert_close(b[name], weight, atol=1e-8, rtol=0)
    other = write(tmp_path, "MACE", top=slow)
    assert redoxmc(monkeypatch, "train", other, "--out", tmp_path / "d") == 2


def test_fine_tuning_starts_from_a_model_folder_on_another_energy_scale(tmp_path, monkeypatch):
    first = write(tmp_path, "cPaiNN")
    assert redoxmc(monkeypatch, "train", first, "--out", tmp_path / "a") == 0
    best = tmp_path / "a" / "best.pt"
    assert redoxmc(monkeypatch, "export", best, "--out", tmp_path / "m") == 0
    frames = read_labelled(tmp_path / "train.extxyz")
    scale = {"Fe2+": 3.0, "Fe3+": -1.0, "O2-": 0.5}  # eV
    for frame in frames:
        frame.calc.results["energy"] += sum(scale[s] for s in frame.arrays[COLUMN])
    errors = {}
    for matched in (True, False):
        folder = tmp_path / f"{matched}"
        folder.mkdir()
        top = f'start = "../m"\nmatch_references = {str(matched).lower()}'
        second = write(folder, "cPaiNN", top=top)
        write_labelled(folder / "train.extxyz", frames)
        write_labelled(folder / "valid.extxyz", frames)
        text = second.read_text() + "learning_rate = 1e-12\nfinal_learning_rate = 1e-12\n"
        second.write_text(text, encoding="utf-8")
        assert redoxmc(monkeypatch, "train", second, "--out", folder / "b") == 0
        errors[matched] = json.loads((folder / "b" / "history.json").read_text())[0]
    assert errors[True]["force_meV_per_A"] == pytest.approx(errors[False]["force_meV_per_A"])
    assert errors[False]["energy_meV_per_atom"] > 200
    assert errors[True]["energy_meV_per_atom"] < 0.2 * errors[False]["energy_meV_per_atom"]


def test_matching_references_needs_a_start(tmp_path, monkeypatch, capsys):
    path = write(tmp_path, "cPaiNN", top="match_references = true")
    assert redoxmc(monkeypatch, "train", path, "--out", tmp_path / "a") == 2
    assert "match_references = true needs a start" in capsys.readouterr().err


def test_more_epochs_continue_a_finished_training(tmp_path, monkeypatch):
    path = write(tmp_path, "cPaiNN")
    assert redoxmc(monkeypatch, "train", path, "--out", tmp_path / "c") == 0
    path.write_text(path.read_text().replace("epochs = 1", "epochs = 3"), encoding="utf-8")
    assert redoxmc(monkeypatch, "train", path, "--out", tmp_path / "c") == 0
    history = json.loads((tmp_path / "c" / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2, 3]


def test_a_stop_file_ends_it_after_an_epoch_and_the_same_command_continues(tmp_path, monkeypatch):
    path = write(tmp_path, "cPaiNN")
    path.write_text(path.read_text().replace("epochs = 1", "epochs = 3"), encoding="utf-8")
    out = tmp_path / "c"
    out.mkdir()
    (out / "STOP").touch()
    assert redoxmc(monkeypatch, "train", path, "--out", out) == 75
    assert len(json.loads((out / "history.json").read_text())) == 1
    (out / "STOP").unlink()
    assert redoxmc(monkeypatch, "train", path, "--out", out) == 0
    assert len(json.loads((out / "history.json").read_text())) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_75(tmp_path, number):
    path = write(tmp_path, "cPaiNN")
    path.write_text(path.read_text().replace("epochs = 1", "epochs = 100000"), encoding="utf-8")
    call = "from redoxmc.cli.main import main; main()"
    command = [sys.executable, "-c", call, "train", path, "--out", tmp_path / "c"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "c" / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("architecture", "change", "words"),
    [
        ("PaiNN", ("", ""), "architecture"),
        ("MACE", ("channels = 4", "channels = 0"), "channels"),
        ("MACE", ("train.extxyz", "missing.extxyz"), "missing.extxyz"),
        ("MACE", ('"O2-"]', '"P5+"]'), "O2-"),
        ("MACE", ("epochs = 1", "epoch = 1"), "did you mean 'epochs'"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    tmp_path, monkeypatch, capsys, architecture, change, words
):
    path = write(tmp_path, architecture)
    path.write_text(path.read_text().replace(*change), encoding="utf-8")
    out = tmp_path / "c"
    assert redoxmc(monkeypatch, "train", path, "--out", out) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in message
    assert not out.exists()


def test_export_of_something_else_is_refused(tmp_path, monkeypatch, capsys):
    wrong = tmp_path / "best.pt"
    wrong.write_bytes(b"not a checkpoint")
    assert redoxmc(monkeypatch, "export", wrong, "--out", tmp_path / "m") == 2
    assert "not a complete checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
