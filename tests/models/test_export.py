import json
import zipfile

import pytest
import torch
from models_helpers import NAMES, SMALL, SPECIES, crystal

from redoxmc.errors import InputError
from redoxmc.model_card import Bonds, load_card, read_metadata
from redoxmc.models.export import Provenance, export_model, load_script
from redoxmc.models.graph import build_graph
from redoxmc.models.mace import build_mace
from redoxmc.models.table import row_of
from redoxmc.species import Species


@pytest.fixture(scope="module")
def model():
    return build_mace(SMALL, SPECIES, 1)


def run(module, model, dtype):
    atoms = crystal(1)
    rows = [row_of(name, model.table) for name in atoms.arrays["charge_state"]]
    graph = build_graph(atoms, rows, model.r_cut)
    return module(graph.species, graph.edges, graph.vectors.to(dtype), 8)["energy"]


@pytest.mark.parametrize(
    ("name", "dtype", "limit"),
    [("float64", torch.float64, 1e-13), ("float32", torch.float32, 1e-5)],
)
def test_the_script_gives_the_energies_of_the_module(model, tmp_path, name, dtype, limit):
    export_model(model, tmp_path / "m", dtype=name)
    script, metadata = load_script(tmp_path / "m" / "model.pt")
    energies = run(script, model, dtype)
    assert metadata["dtype"] == name
    assert energies.dtype == dtype
    expected = run(model.module, model, torch.float64)
    torch.testing.assert_close(energies.double(), expected, atol=limit, rtol=0)


def test_metadata_and_card_tell_what_the_model_is(model, tmp_path):
    bond = Bonds(2.18, 6, Species.parse("O2-"))
    provenance = Provenance("abc", {"energy_meV_per_atom": 1.5}, {"Fe2+": bond}, {"data": {"n": 1}})
    export_model(model, tmp_path / "m", provenance)
    metadata = read_metadata(tmp_path / "m" / "model.pt")
    assert [s["name"] for s in metadata["species"]] == list(NAMES)
    assert [s["row"] for s in metadata["species"]] == [0, 1, 2, 3, 4]
    assert metadata["species"][1]["charge"] == 2
    assert metadata["species"][1]["mass"] == pytest.approx(55.845)
    assert (metadata["r_cut"], metadata["n_layers"]) == (3.5, 2)
    assert metadata["hyperparameters"]["channels"] == 4
    card = load_card(tmp_path / "m")
    assert card.species == tuple(SPECIES)
    assert card.bonds == {"Fe2+": bond}
    assert card.raw["errors"] == {"energy_meV_per_atom": 1.5}
    assert card.raw["data"] == {"n": 1}
    assert card.charge_aware


def test_mace_weights_keep_their_names(model, tmp_path):
    export_model(model, tmp_path)
    names = load_script(tmp_path / "model.pt")[0].state_dict().keys()
    assert "model.interactions.0.linear_up.weight" in names


def test_a_second_export_replaces_the_first_and_leaves_no_temporary_file(model, tmp_path):
    for dtype in ("float32", "float64"):
        export_model(model, tmp_path, dtype=dtype)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card.toml", "model.pt"]
    assert read_metadata(tmp_path / "model.pt")["dtype"] == "float64"


def test_bad_input_is_refused(model, tmp_path):
    with pytest.raises(InputError, match="float16"):
        export_model(model, tmp_path, dtype="float16")
    export_model(model, tmp_path)
    whole = (tmp_path / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a complete TorchScript model"):
        load_script(tmp_path / "model.pt")
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("archive/extra/redoxmc.json", json.dumps({"format": 1}))
    with pytest.raises(InputError, match="not a complete TorchScript model"):
        load_script(tmp_path / "model.pt")
