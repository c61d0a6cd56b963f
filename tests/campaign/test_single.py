import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from conftest import REFERENCE

from redoxmc.campaign.single import energy, relax
from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.structures.occupancy import occupancy_of_key

REDOXMC = Path(sys.executable).parent / "redoxmc"


@pytest.fixture
def structure(campaign, tmp_path):
    """A rattled half-filled cell as extxyz."""
    lattice = load_system(campaign()).lattice
    sites, species = lattice.atoms(occupancy_of_key("0101|0110"))
    rng = np.random.default_rng(0)
    positions = (lattice.scaled @ lattice.cell)[sites] + 0.03 * rng.normal(size=(len(sites), 3))
    atoms = Atoms([s.element for s in species], positions, cell=lattice.cell, pbc=True)
    atoms.arrays["charge_state"] = np.array([str(s) for s in species])
    path = tmp_path / "state.extxyz"
    write_labelled(path, [atoms])
    return path


def test_energy_is_the_contract(structure, tmp_path):
    done = subprocess.run(
        [REDOXMC, "energy", structure, "--model", REFERENCE, "--json", tmp_path / "e.json"],
        capture_output=True,
        text=True,
        check=True,
    )
    data = json.loads((tmp_path / "e.json").read_text())
    keys = {"energy_eV", "forces_eV_per_A", "stress_eV_per_A3", "charge_states", "relaxed"}
    assert set(data) == keys
    assert np.shape(data["forces_eV_per_A"]) == (26, 3)
    assert np.shape(data["stress_eV_per_A3"]) == (6,)
    assert data["charge_states"].count("Fe3+") == 2
    assert data["relaxed"] is None
    assert f"{data['energy_eV']:.8f}" in done.stdout
    assert np.abs(np.sum(data["forces_eV_per_A"], axis=0)).max() < 1e-9


def test_relaxing_lowers_the_energy_and_writes_the_structure(structure):
    before = energy(structure, REFERENCE)
    ions = relax(structure, REFERENCE)
    cell = relax(structure, REFERENCE, cell=True, out=structure.with_name("cell.extxyz"))
    assert cell["energy_eV"] < ions["energy_eV"] < before["energy_eV"]
    assert np.abs(ions["forces_eV_per_A"]).max() < 1e-3
    assert np.abs(cell["stress_eV_per_A3"]).max() < 1e-4 < np.abs(ions["stress_eV_per_A3"]).max()
    (atoms,) = read_labelled(ions["relaxed"])
    again = energy(Path(ions["relaxed"]), REFERENCE)
    assert again["energy_eV"] == pytest.approx(ions["energy_eV"], abs=1e-8)
    assert list(atoms.arrays["charge_state"]) == before["charge_states"]


def test_cif_with_oxidation_states_needs_no_labels(campaign, tmp_path):
    from conftest import HOST

    data = energy(HOST, REFERENCE)
    assert data["charge_states"].count("Fe2+") == 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Fe3+", "Fe2+", ["neutral", "state.extxyz"]),
        ("Fe3+", "Fe4+", ["Fe4+"]),
        ("charge_state:S:1", "comment:S:1", ["Fe2+ or Fe3+", "charge_state"]),
    ],
)
def test_a_state_that_is_wrong_is_one_sentence(structure, old, new, words):
    structure.write_text(structure.read_text().replace(old, new))
    with pytest.raises(InputError) as caught:
        energy(structure, REFERENCE)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_structure_without_a_cell_is_refused(structure):
    (atoms,) = read_labelled(structure)
    atoms.cell = np.zeros((3, 3))
    atoms.pbc = False
    write_labelled(structure, [atoms])
    with pytest.raises(InputError, match="cell"):
        energy(structure, REFERENCE)


def test_a_left_handed_structure_is_told_what_to_exchange(structure):
    (atoms,) = read_labelled(structure)
    atoms.set_cell(atoms.cell[[1, 0, 2]], scale_atoms=False)
    write_labelled(structure, [atoms])
    with pytest.raises(InputError, match=r"is left-handed .* exchange two cell vectors"):
        energy(structure, REFERENCE)
