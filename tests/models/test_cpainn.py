import numpy as np
import pytest
import torch
from models_helpers import SPECIES, crystal

from redoxmc.models.cpainn import CPainnSettings, cpainn_from_table
from redoxmc.models.graph import build_graph, evaluate
from redoxmc.models.table import make_table, row_of

STEP = 1e-4


@pytest.fixture(scope="module")
def model():
    settings = CPainnSettings(width=16, n_layers=3, charge=True, scale=3.0)
    return cpainn_from_table(settings, make_table(SPECIES, True), True, 1)


def graph_of(atoms, model):
    rows = [row_of(name, model.table) for name in atoms.arrays["charge_state"]]
    return build_graph(atoms, rows, model.r_cut)


def test_script_and_module_agree_and_ghosts_are_left_out(model):
    graph = graph_of(crystal(1), model)
    script = model.compile(model.module)
    whole = model.module(graph.species, graph.edges, graph.vectors, 8)
    assert set(whole) == {"energy", "moment", "charge"}
    for n_local in (8, 3):
        found = script(graph.species, graph.edges, graph.vectors, n_local)
        for name, value in found.items():
            torch.testing.assert_close(value, whole[name][:n_local], atol=1e-13, rtol=0)


def test_forces_are_minus_the_gradient(model):
    atoms = crystal(2)
    forces = evaluate(model.module, graph_of(atoms, model)).forces.numpy()
    for atom, axis in ((0, 0), (5, 2)):
        pair = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * STEP
            pair.append(evaluate(model.module, graph_of(moved, model)).energy.item())
        assert forces[atom, axis] == pytest.approx(-(pair[0] - pair[1]) / (2 * STEP), abs=1e-6)
    assert np.abs(forces).max() > 1e-3


def test_rotation_leaves_energies_moments_and_charges_and_turns_the_forces(model):
    atoms = crystal(4)
    turned = atoms.copy()
    turned.rotate(37.0, (1, 2, 3), rotate_cell=True)
    found, image = (evaluate(model.module, graph_of(a, model)) for a in (atoms, turned))
    rotation = np.linalg.solve(atoms.cell.array, turned.cell.array)
    for name in ("energy", "moment", "charge"):
        torch.testing.assert_close(image.nodes[name], found.nodes[name], atol=1e-10, rtol=0)
    np.testing.assert_allclose(image.forces.numpy(), found.forces.numpy() @ rotation, atol=1e-10)


def test_the_energy_is_smooth_where_an_atom_leaves_the_cutoff(model):
    graph = graph_of(crystal(3), model)
    energies = []
    for length in (model.r_cut - 1e-7, model.r_cut + 1e-7):
        vectors = torch.cat([graph.vectors, torch.tensor([[length, 0.0, 0.0]])])
        edges = torch.cat([graph.edges, torch.tensor([[0], [7]])], dim=1)
        energies.append(model.module(graph.species, edges, vectors, 8)["energy"].sum().item())
    assert energies[0] == pytest.approx(energies[1], abs=1e-9)
