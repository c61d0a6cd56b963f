"""The shipped models of NaxFePO4: what their cards promise."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from ase.optimize import FIRE
from conftest import REPO

from distillation.cells import make_cell
from distillation.model_calculator import ModelCalculator
from redoxmc.campaign.run import run_campaign
from redoxmc.config.training import load_training_config
from redoxmc.data.bond_bias import find_shells
from redoxmc.model_card import load_card
from redoxmc.models.check import check_model
from redoxmc.models.frames import frames_of, hash_files
from redoxmc.structures.host import HostGeometry

POTENTIALS = REPO / "potentials"
DATA = POTENTIALS / "data"
WITH_TWIN = ("mace-nafepo4", "cpainn-nafepo4", "chgnet-nafepo4")
AWARE = (*WITH_TWIN, "mace-nafepo4-small")
BLIND = tuple(f"{name}-blind" for name in WITH_TWIN)
# CHGNet and cPaiNN run in TorchScript: a minute and more each
AWARE_SLOWLY = [
    pytest.param(name, marks=[] if name.startswith("mace") else [pytest.mark.slow])
    for name in AWARE
]


def training_file(name):
    return tomllib.loads((POTENTIALS / name / "train.toml").read_text(encoding="utf-8"))


def data_files(name, part):
    """The files of the training config, which the card names."""
    files = [POTENTIALS / name / file for file in training_file(name)["data"][part]]
    assert [file.name for file in files] == load_card(POTENTIALS / name).raw["data"][part]
    return files


@pytest.mark.parametrize("name", AWARE + BLIND)
def test_the_card_names_the_data_in_the_repository(name):
    card = load_card(POTENTIALS / name)
    assert hash_files(data_files(name, "train")) == card.raw["training_data_sha256"]
    assert card.bonds["Fe2+"].mean > card.bonds["Fe3+"].mean + 0.05
    assert card.charge_aware == (name in AWARE)


@pytest.mark.parametrize("name", AWARE + BLIND)
def test_the_card_has_errors_of_each_charge_state_and_a_speed(name):
    errors = load_card(POTENTIALS / name).raw["errors"]
    names = {"Na+", "Fe2+", "Fe3+", "P5+", "O2-"}
    assert set(errors["force_meV_per_A_by_species"]) == names
    if not name.startswith("mace"):
        assert set(errors["moment_muB_by_species"]) == names
    assert load_card(POTENTIALS / name).raw["speed"]["us_per_atom_and_force_call"] > 0
    assert (POTENTIALS / name / "model.pt").stat().st_size < 20e6


@pytest.mark.parametrize("name", WITH_TWIN)
def test_the_blind_twin_differs_in_nothing_else(name):
    ours, theirs = training_file(name), training_file(f"{name}-blind")
    for config in (ours, theirs):
        config.pop("note", None)
    start, start_of_twin = ours.pop("start", ""), theirs.pop("start", "")
    assert start_of_twin == (f"{start}-blind" if start else "")  # a twin of the same kind
    assert (ours.pop("charge_aware"), theirs.pop("charge_aware")) == (True, False)
    assert ours == theirs
    cards = [load_card(POTENTIALS / n).raw for n in (name, f"{name}-blind")]
    assert cards[0]["training_data_sha256"] == cards[1]["training_data_sha256"]


@pytest.mark.parametrize("name", AWARE_SLOWLY)
def test_errors_on_the_test_frames_are_those_of_the_card(name):
    card = load_card(POTENTIALS / name)
    data_files(name, "test")
    data = load_training_config(POTENTIALS / name / "train.toml").data
    frames = [frame.atoms for frame in frames_of(data, "test")]
    calculator = ModelCalculator(POTENTIALS / name)
    energy, forces = [], []
    # a hundred at most: the mean of all lies within a few errors of theirs
    for frame in frames[:: -(-len(frames) // 100)]:
        atoms = frame.copy()
        atoms.calc = calculator
        error = atoms.get_potential_energy() - frame.get_potential_energy()
        energy.append(1e3 * abs(error) / len(atoms))
        forces.append(1e3 * np.abs(atoms.get_forces() - frame.get_forces()).mean())
    for key, values in (("energy_meV_per_atom", energy), ("force_meV_per_A", forces)):
        spread = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - card.raw["errors"][key]) < 4 * spread


@pytest.mark.slow
@pytest.mark.parametrize("name", AWARE + BLIND)
def test_every_check_passes(name):
    failed = [check for check in check_model(POTENTIALS / name) if not check.passed]
    assert not failed


@pytest.mark.slow
@pytest.mark.parametrize("name", AWARE)
def test_the_main_job_runs_with_another_model_on_one_line(tmp_path, name):
    folder = REPO / "lammps_inputs" / "olivine_nafepo4"
    text = (folder / "campaign.toml").read_text(encoding="utf-8")
    line = 'path = "../../potentials/cpainn-nafepo4"'
    assert line in text
    text = text.replace(line, f'path = "{POTENTIALS / name}"')
    # of the rest only the size: the whole job takes TorchScript an hour
    for old, new in (
        ('"host.cif"', f'"{folder / "host.cif"}"'),
        ('"hull_dft.csv"', f'"{folder / "hull_dft.csv"}"'),
        ("[1, 2, 1]", "[1, 1, 1]"),
        ("[0.0, 0.25, 0.5, 0.75, 1.0]", "[0.5]"),
        ("steps = 2000", "steps = 10"),
        ("seeds = [1, 2]", "seeds = [1]"),
    ):
        assert old in text
        text = text.replace(old, new)
    config = tmp_path / "campaign.toml"
    config.write_text(text, encoding="utf-8")
    assert run_campaign(config, tmp_path / "run", progress=False) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert summary["model"]["architecture"] == load_card(POTENTIALS / name).architecture
    moves = [run["moves"]["charge_swap"] for run in summary["runs"]]
    assert sum(m["accepted"] for m in moves) > 0
    assert all(m["failed"] == 0 for m in moves)


@pytest.mark.slow
@pytest.mark.parametrize("name", AWARE)
def test_every_order_of_the_small_cell_keeps_its_charges_when_it_relaxes(name):
    config = tomllib.loads((DATA / "distil_nafepo4.toml").read_text(encoding="utf-8"))
    cell = make_cell(config, DATA, [1, 1, 1])
    folder = POTENTIALS / name
    lattice, card, calculator = cell.lattice, load_card(folder), ModelCalculator(folder)
    host = replace(cell.host, bonds=card.bonds)
    mixed = [o for o in cell.distinct_orders() if 0 < o[: lattice.n_redox].sum() < lattice.n_redox]
    assert len(mixed) > 10
    for order in mixed:
        x = order[lattice.n_redox :].mean()
        box = (1 - x) * cell.empty + x * lattice.cell
        atoms = host.start(order, HostGeometry(box, lattice.scaled @ box))
        atoms.calc = calculator
        assert FIRE(atoms, logfile=None).run(fmax=0.01, steps=400)
        states = atoms.arrays["charge_state"]
        means = {"Fe2+": [], "Fe3+": []}
        for shell in find_shells(atoms, states, card.bonds):
            length = np.linalg.norm(shell.vectors(atoms.positions), axis=1).mean()
            means[states[shell.centre]].append(length)
        assert min(means["Fe2+"]) > max(means["Fe3+"])
