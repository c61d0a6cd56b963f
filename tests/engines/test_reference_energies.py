"""Energies of single ions in a classical model: what no pair potential says of two couples."""

import shutil

import pytest
from conftest import HOST, REFERENCE

from redoxmc.campaign.single import energy
from redoxmc.engines.single_point import Job, Structure, evaluate
from redoxmc.errors import InputError
from redoxmc.io.structure import read_structure
from redoxmc.model_card import load_card

TABLE = '\n[reference_energies_eV]\n"Fe2+" = -1.25\n'


@pytest.fixture
def model(tmp_path):
    folder = shutil.copytree(REFERENCE, tmp_path / "model")
    with (folder / "card.toml").open("a", encoding="utf-8") as card:
        card.write(TABLE)
    return folder


def test_they_are_part_of_the_energy_and_of_nothing_else(model):
    plain, shifted = energy(HOST, REFERENCE), energy(HOST, model)
    assert shifted["energy_eV"] == pytest.approx(plain["energy_eV"] - 4 * 1.25, abs=1e-12)
    assert shifted["forces_eV_per_A"] == plain["forces_eV_per_A"]
    structure = Structure.from_atoms(read_structure(HOST, load_card(model).species))
    single = evaluate(Job(model, structure)).energy - evaluate(Job(REFERENCE, structure)).energy
    assert single == pytest.approx(-5.0, abs=1e-12)


def test_they_belong_to_the_identity(model):
    first = load_card(model)
    assert first.identity != load_card(REFERENCE).identity
    assert first.reference_energies == {"Fe2+": -1.25}


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ('"Mn2+" = -1.25', "[reference_energies_eV] names Mn2+, but species are"),
        ('"Fe2+" = "low"', "reference_energies_eV.Fe2+ = 'low', but a number"),
    ],
)
def test_what_is_no_energy_of_a_species_is_refused(model, new, said):
    card = model / "card.toml"
    card.write_text(card.read_text().replace('"Fe2+" = -1.25', new))
    with pytest.raises(InputError) as caught:
        load_card(model)
    assert said in str(caught.value)
