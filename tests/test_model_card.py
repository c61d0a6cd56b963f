import shutil

import pytest
from conftest import REFERENCE, REPO

from redoxmc.errors import InputError
from redoxmc.model_card import load_card, read_metadata

MACE = REPO / "potentials" / "mace-nafepo4"


def test_reads_the_shipped_cards():
    reference, mace = load_card(REFERENCE), load_card(MACE)
    assert reference.is_classical
    assert not mace.is_classical
    assert [str(s) for s in mace.species] == ["Na+", "Fe2+", "Fe3+", "P5+", "O2-"]
    assert mace.charge_aware
    assert mace.bonds["Fe2+"].mean > mace.bonds["Fe3+"].mean > 2.0
    assert len(mace.sha256) == 64
    assert read_metadata(mace.energy_file)["dtype"] == "float64"  # energies of acceptance tests


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(MACE, tmp_path / "model")


@pytest.mark.parametrize("size", [0, 10, 1000, -100])
def test_a_truncated_model_is_one_sentence(folder, size):
    data = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(data[:size])
    with pytest.raises(InputError, match=r"model\.pt is not a complete TorchScript model"):
        load_card(folder)


def edit(folder, old, new):
    path = folder / "card.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("format = 1", "format = 99", "format 99; this redoxmc reads up to 1"),
        ("architecture", "architektur", "lacks the key 'architecture'"),
        ('"Fe3+"', '"Fe4+"', r"species .*Fe4\+.* but model.pt has"),
        ("format = 1", "format = [", "cannot be read"),
    ],
)
def test_a_wrong_card_is_one_sentence(folder, old, new, sentence):
    edit(folder, old, new)
    with pytest.raises(InputError, match=sentence):
        load_card(folder)


def test_missing_files_are_named(folder):
    (folder / "model.pt").unlink()
    with pytest.raises(InputError, match=r"model\.pt does not exist"):
        load_card(folder)
    with pytest.raises(InputError, match=r"card\.toml does not exist"):
        load_card(folder.parent)


def test_another_torchscript_file_is_not_a_model(folder):
    import torch

    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), folder / "model.pt")
    with pytest.raises(InputError, match="it was not written by 'redoxmc export'"):
        load_card(folder)
