"""Bond lengths for the card: the ligands of a charge state are found in the frames themselves."""

import pytest
from conftest import REPO

from redoxmc.config.training import TrainingConfig
from redoxmc.models.bond_lengths import measured_bonds
from redoxmc.models.frames import read_frames

DATA = REPO / "potentials" / "data" / "walled" / "states.extxyz"
CONFIG = {
    "architecture": "MACE",
    "species": ["Na+", "Fe2+", "Fe3+", "P5+", "O2-"],
    "data": {"train": [DATA], "valid": [DATA]},
}


@pytest.fixture(scope="module")
def frames():
    return read_frames([DATA])


def test_ligands_of_the_olivine_are_six_oxygen(frames):
    found = measured_bonds(frames, TrainingConfig.model_validate(CONFIG))
    asked = {name: {"ligand": "O2-", "coordination": 6} for name in ("Fe2+", "Fe3+")}
    given = measured_bonds(frames, TrainingConfig.model_validate(CONFIG | {"bonds": asked}))
    assert found == given
    assert 2.15 < found["Fe2+"].mean < 2.22
    assert 2.04 < found["Fe3+"].mean < 2.10


def test_what_the_training_file_says_counts(frames):
    asked = {"Fe3+": {"ligand": "O2-", "coordination": 4}}
    found = measured_bonds(frames, TrainingConfig.model_validate(CONFIG | {"bonds": asked}))
    assert {name: bond.coordination for name, bond in found.items()} == {"Fe2+": 6, "Fe3+": 4}
