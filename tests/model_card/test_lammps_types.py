"""Types of a classical potential are species of its card because its commands say so."""

import shutil

import numpy as np
import pytest
from conftest import HOST, REFERENCE

from redoxmc.campaign.single import energy
from redoxmc.errors import InputError
from redoxmc.io.extxyz import write_labelled
from redoxmc.io.structure import read_structure
from redoxmc.model_card import load_card

MAP = "labelmap atom 1 Na+ 2 Fe2+ 3 Fe3+ 4 P5+ 5 O2-\n"
ORDER = '["Na+", "Fe2+", "Fe3+", "P5+", "O2-"]'
ANOTHER = '["Na+", "Fe3+", "Fe2+", "P5+", "O2-"]'


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(REFERENCE, tmp_path / "model")


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def refused(model, said):
    with pytest.raises(InputError) as caught:
        load_card(model)
    assert said in str(caught.value)
    assert str(model) in str(caught.value)


def test_species_in_another_order_than_types_are_refused(model):
    edit(model / "card.toml", ORDER, ANOTHER)
    refused(model, "the species of card.toml say 1 Na+ 2 Fe3+ 3 Fe2+ 4 P5+ 5 O2-; list species in")


@pytest.mark.parametrize(
    ("map_", "said"),
    [
        ("", "nothing says which species is meant by type 1 in 'pair_coeff 1 5 pedone"),
        (MAP.replace("5 O2-", ""), "labelmap says that LAMMPS' types are 1 Na+"),
        (MAP.replace("5 O2-", "4 O2-"), "labelmap says that LAMMPS' types are 1 Na+"),
        (MAP.replace("5 O2-", "five O2-"), "must give types and their species"),
        (MAP.replace("atom", "bond"), "must give types and their species"),
        (MAP.replace("O2-", "O"), "5 O, but the species of card.toml say"),
    ],
)
def test_types_without_their_species_are_refused(model, map_, said):
    edit(model / "potential.lmp", MAP, map_)
    refused(model, said)


@pytest.mark.parametrize("line", ["neigh_modify exclude type 2 3", "pair_coeff * * my.table A"])
def test_other_commands_that_need_types(model, line):
    (model / "my.table").write_text("x")
    text = (model / "potential.lmp").read_text()
    for number, name in zip("12345", ("Na+", "Fe2+", "Fe3+", "P5+", "O2-"), strict=True):
        text = text.replace(f"pair_coeff {number} 5", f"pair_coeff {name} O2-")
    (model / "potential.lmp").write_text(text.replace(MAP, ""))
    assert load_card(model).commands.labels == ()
    edit(model / "potential.lmp", "kspace_style", f"{line}\nkspace_style")
    refused(model, "nothing says which species is meant by type")
    edit(model / "potential.lmp", "pair_style", f"{MAP}pair_style")
    assert len(load_card(model).commands.labels) == 5


def test_potentials_that_name_species_follow_the_card_in_any_order(model, tmp_path):
    atoms = read_structure(HOST, load_card(REFERENCE).species)
    atoms.positions += np.random.default_rng(1).normal(0.0, 0.05, atoms.positions.shape)
    write_labelled(tmp_path / "atoms.extxyz", [atoms])
    wanted = energy(tmp_path / "atoms.extxyz", REFERENCE)["energy_eV"]
    text = (model / "potential.lmp").read_text()
    for number, name in zip("12345", ("Na+", "Fe2+", "Fe3+", "P5+", "O2-"), strict=True):
        text = text.replace(f"pair_coeff {number} 5", f"pair_coeff {name} O2-")
    (model / "potential.lmp").write_text(text.replace(MAP, ""))
    edit(model / "card.toml", ORDER, ANOTHER)
    assert energy(tmp_path / "atoms.extxyz", model)["energy_eV"] == pytest.approx(wanted, abs=1e-9)
    edit(model / "potential.lmp", "Fe2+ O2-", "Mn2+ O2-")
    refused(model, "'Mn2+' in 'pair_coeff Mn2+ O2-")


def test_coulomb_forces_without_charges_are_refused(model):
    card = (model / "card.toml").read_text()
    charges = card[card.index("[lammps_charges]") : card.index("[bonds")]
    edit(model / "card.toml", charges, "")
    refused(model, "has Coulomb forces, but there is no table [lammps_charges]")
    (model / "potential.lmp").write_text("pair_style lj/cut 3.0\npair_coeff * * 0.1 2.0\n")
    assert load_card(model).lammps_charges == {}
