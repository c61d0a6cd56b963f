import json
import shutil
import zipfile

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


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('architecture = "MACE"', "architecture = 3", "architecture = 3, but a text"),
        ("charge_aware = true", 'charge_aware = "yes"', "charge_aware = 'yes', but true or false"),
        ("charge_aware = true", "charge_aware = false", "charge_aware False but model.pt has True"),
        ('architecture = "MACE"', 'architecture = "cPaiNN"', "but model.pt has 'MACE'"),
        ("n_layers = 2", "n_layers = 1", "n_layers 1 but model.pt has 2"),
        ("r_cut_A = 4.5", "r_cut_A = 5.5", "r_cut_A 5.5 but model.pt has 4.5"),
        ('dtype = "float64"', 'dtype = "float32"', "dtype 'float32' but model.pt has"),
        ('species = ["Na+",', "species = [3,", "species = 3, but a species"),
        ('species = ["Na+",', 'species = ["Na+", "Na+",', "hold one twice"),
        ('species = ["Na+"', 'species = "Na+" #', "species = 'Na+', but a list"),
        ("format = 1", 'format = "new"', "format = 'new', but a whole number"),
        ("coordination = 6", "coordination = 6.5", "bonds.Fe2+.coordination = 6.5, but a whole"),
        ("coordination = 6", "coordination = true", "but a whole number from 1 to 24"),
        ("mean_A = 2", "mean_A = nan #", "bonds.Fe2+.mean_A = nan, but a number from 0.3"),
        ("mean_A = 2", "mean_A = -2", "but a number from 0.3 to 10"),
        ('ligand = "O2-"', 'ligand = "S2-"', "[bonds] names S2-"),
        ('[bonds."Fe2+"]', "[bonds.iron]", "'iron' is not a charge-state species"),
        ('example = "', 'example = "../', "must name a file of the model's folder"),
        ("[errors]", '[lammps_charges]\n"Na+" = 1.0\n[errors]', "is for classical models"),
        ("[errors]", "[errors", "cannot be read"),
    ],
)
def test_a_card_of_wrong_types_or_of_another_model_is_refused(folder, old, new, said):
    edit(folder, old, new)
    with pytest.raises(InputError) as caught:
        load_card(folder)
    assert said in str(caught.value)
    assert "card.toml" in str(caught.value)


def test_a_card_over_another_model_is_refused(folder):
    shutil.copy(REPO / "potentials" / "mace-nafepo4-blind" / "model.pt", folder)
    with pytest.raises(InputError, match=r"charge_aware True but model\.pt has False"):
        load_card(folder)
    shutil.copy(REPO / "potentials" / "cpainn-nafepo4" / "model.pt", folder)
    with pytest.raises(InputError, match=r"architecture 'MACE' but model\.pt has 'cPaiNN'"):
        load_card(folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"Na+" = 0.6', '"Na+" = nan', "lammps_charges.Na+ = nan, but a number from -20 to 20"),
        ('"Na+" = 0.6', '"Na+" = "one"', "lammps_charges.Na+ = 'one', but a number"),
        ('"Na+" = 0.6\n', "", "but every species needs one"),
    ],
)
def test_charges_of_a_classical_model_are_checked(tmp_path, old, new, said):
    folder = shutil.copytree(REFERENCE, tmp_path / "reference")
    edit(folder, old, new)
    with pytest.raises(InputError) as caught:
        load_card(folder)
    assert said in str(caught.value)


def rewrite(folder, change):
    """Write model.pt anew with the list of its (name, content) changed."""
    path = folder / "model.pt"
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in change(entries):
            archive.writestr(name, content)


@pytest.mark.parametrize("part", ["code/", "data.pkl", "constants.pkl", "version"])
def test_a_model_without_a_part_is_refused(folder, part):
    """Without its code torch ends the process that opens it."""
    rewrite(folder, lambda entries: [e for e in entries if f"archive/{part}" not in e[0]])
    with pytest.raises(InputError, match=r"is not a complete TorchScript model \(it lacks"):
        load_card(folder)


def test_a_flipped_bit_is_found(folder):
    data = bytearray((folder / "model.pt").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.pt").write_bytes(bytes(data))
    with pytest.raises(InputError, match="is not a complete TorchScript model"):
        load_card(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dtype": "float16"}, "its dtype is 'float16'"),
        ({"r_cut": float("nan")}, "r_cut = nan, but a number"),
        ({"n_layers": True}, "n_layers = True, but a whole number"),
        ({"species": []}, "species = [], but a list with entries"),
        ({"units": {"energy": "Ry"}}, "its units are not eV and angstrom"),
        ({"charge_aware": False}, "but its table tells charge states apart"),
        ({"format": 2}, "has format 2; this redoxmc reads up to 1"),
    ],
)
def test_metadata_that_cannot_be_meant_is_refused(folder, change, said):
    def changed(entries):
        for name, content in entries:
            if name.endswith("redoxmc.json"):
                content = json.dumps(json.loads(content) | change).encode()
            yield name, content

    rewrite(folder, changed)
    with pytest.raises(InputError) as caught:
        load_card(folder)
    assert said in str(caught.value)


def test_one_identity_for_all_that_determines_energies(folder):
    first = load_card(folder)
    edit(folder, "frames = ", "frames = 1")  # of the errors on the test set
    assert load_card(folder).identity == first.identity
    edit(folder, "mean_A = 2.1", "mean_A = 2.0")  # where relaxations start
    assert load_card(folder).identity != first.identity
    assert load_card(folder).sha256 == first.sha256


def with_metal(folder, text):
    path = folder / "card.toml"
    path.write_text(path.read_text() + f"\n[metal]\n{text}\n")
    return load_card(folder)


def test_the_zero_of_voltages_is_no_part_of_the_identity(folder):
    path = folder / "card.toml"
    path.write_text(path.read_text().split("[metal]")[0])
    bare = load_card(folder)
    card = with_metal(folder, 'species = "Na"\nenergy_eV_per_atom = -1.25')
    assert bare.metal is None
    assert (card.metal.element, card.metal.energy) == ("Na", -1.25)
    assert card.identity == bare.identity


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('species = "Na+"\nenergy_eV_per_atom = -1.3', "metal.species = 'Na\\+', but an element"),
        ('species = "Na"', "lacks the key 'metal.energy_eV_per_atom'"),
        ('species = "Na"\nenergy_eV_per_atom = nan', "metal.energy_eV_per_atom = nan"),
    ],
)
def test_a_wrong_metal_is_one_sentence(folder, text, said):
    path = folder / "card.toml"
    path.write_text(path.read_text().split("[metal]")[0])
    with pytest.raises(InputError, match=said):
        with_metal(folder, text)
