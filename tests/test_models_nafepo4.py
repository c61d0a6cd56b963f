"""The shipped MACE of NaxFePO4: what its card promises."""

import tomllib

import numpy as np
import pytest
from ase.optimize import FIRE
from conftest import REPO

from redoxmc.data.cells import make_cell
from redoxmc.data.distil import in_cell
from redoxmc.data.extxyz import read_labelled
from redoxmc.data.teacher import find_shells
from redoxmc.models.calculator import ModelCalculator
from redoxmc.models.card import load_card
from redoxmc.models.frames import hash_files
from redoxmc.structures.reference_start import make_distorter

MODEL = REPO / "potentials" / "mace-nafepo4"
DATA = REPO / "potentials" / "data"


def data_files(part):
    """The files of the training config, which the card names."""
    config = tomllib.loads((MODEL / "train.toml").read_text(encoding="utf-8"))
    files = [MODEL / name for name in config["data"][part]]
    assert [file.name for file in files] == load_card(MODEL).raw["data"][part]
    return files


def test_the_card_names_the_data_in_the_repository():
    card = load_card(MODEL)
    assert hash_files(data_files("train")) == card.raw["training_data_sha256"]
    assert card.bonds["Fe2+"].mean > card.bonds["Fe3+"].mean + 0.05


def test_errors_on_the_test_frames_are_those_of_the_card():
    card = load_card(MODEL)
    frames = [f for file in data_files("test") for f in read_labelled(file)]
    calculator = ModelCalculator(MODEL)
    energy, forces = [], []
    for frame in frames[::4]:  # a quarter of them: the mean of all lies within a few errors of it
        atoms = frame.copy()
        atoms.calc = calculator
        error = atoms.get_potential_energy() - frame.get_potential_energy()
        energy.append(1e3 * abs(error) / len(atoms))
        forces.append(1e3 * np.abs(atoms.get_forces() - frame.get_forces()).mean())
    for name, values in (("energy_meV_per_atom", energy), ("force_meV_per_A", forces)):
        spread = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - card.raw["errors"][name]) < 4 * spread


@pytest.mark.slow
def test_every_order_of_the_small_cell_keeps_its_charges_when_it_relaxes():
    config = tomllib.loads((DATA / "distil_nafepo4.toml").read_text(encoding="utf-8"))
    cell = make_cell(config, DATA, [1, 1, 1])
    lattice, card, calculator = cell.lattice, load_card(MODEL), ModelCalculator(MODEL)
    mixed = [o for o in cell.distinct_orders() if 0 < o[: lattice.n_redox].sum() < lattice.n_redox]
    assert len(mixed) > 10
    for order in mixed:
        x = order[lattice.n_redox :].mean()
        box = (1 - x) * cell.empty + x * lattice.cell
        distorter = make_distorter(lattice, box, lattice.scaled @ box, card.bonds)
        sites, _ = lattice.atoms(order)
        atoms = in_cell(cell.atoms(order), box)
        atoms.positions = (distorter.positions + distorter.displacements(order))[sites]
        atoms.calc = calculator
        assert FIRE(atoms, logfile=None).run(fmax=0.01, steps=400)
        states = atoms.arrays["charge_state"]
        means = {"Fe2+": [], "Fe3+": []}
        for shell in find_shells(atoms, states, card.bonds):
            length = np.linalg.norm(shell.vectors(atoms.positions), axis=1).mean()
            means[states[shell.centre]].append(length)
        assert min(means["Fe2+"]) > max(means["Fe3+"])
