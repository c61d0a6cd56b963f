import numpy as np
import pytest
import torch
from ase import Atoms
from models_helpers import SMALL, SPECIES, crystal

from redoxmc.errors import InputError
from redoxmc.models.graph import build_graph, evaluate, join
from redoxmc.models.mace import build_mace
from redoxmc.models.table import row_of

STEP = 1e-4


@pytest.fixture(scope="module")
def model():
    return build_mace(SMALL, SPECIES, 1)


def graph_of(atoms, model):
    rows = [row_of(name, model.table) for name in atoms.arrays["charge_state"]]
    return build_graph(atoms, rows, model.r_cut)


def energy(atoms, model):
    return evaluate(model.module, graph_of(atoms, model)).energy.item()


def test_edges_are_grouped_by_receiver_and_point_to_it(model):
    atoms = crystal()
    graph = graph_of(atoms, model)
    sender, receiver = graph.edges.numpy()
    assert np.all(np.diff(receiver) >= 0)
    bare = atoms.positions[receiver] - atoms.positions[sender]
    images = np.linalg.solve(atoms.cell.array.T, (graph.vectors.numpy() - bare).T)
    np.testing.assert_allclose(images, np.round(images), atol=1e-10)
    assert np.linalg.norm(graph.vectors.numpy(), axis=1).max() < model.r_cut


def test_forces_are_minus_the_gradient(model):
    atoms = crystal()
    forces = evaluate(model.module, graph_of(atoms, model)).forces.numpy()
    assert np.abs(forces).max() > 1e-2
    for atom, axis in ((0, 0), (3, 1), (7, 2)):
        pair = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * STEP
            pair.append(energy(moved, model))
        assert forces[atom, axis] == pytest.approx(-(pair[0] - pair[1]) / (2 * STEP), abs=1e-7)


def test_stress_is_the_derivative_with_respect_to_strain(model):
    atoms = crystal()
    stress = evaluate(model.module, graph_of(atoms, model)).stress[0].numpy()
    np.testing.assert_allclose(stress, stress.T, atol=1e-15)
    for a, b in ((0, 0), (1, 1), (0, 2)):
        pair = []
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[a, b] += sign * STEP / 2
            strain[b, a] += sign * STEP / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
            pair.append(energy(strained, model))
        numeric = (pair[0] - pair[1]) / (2 * STEP) / atoms.get_volume()
        assert stress[a, b] == pytest.approx(numeric, abs=1e-8)


def test_structures_side_by_side_do_not_see_each_other(model):
    graphs = [graph_of(crystal(seed), model) for seed in (1, 2, 3)]
    together = evaluate(model.module, join(graphs))
    alone = [evaluate(model.module, g) for g in graphs]
    torch.testing.assert_close(together.energy, torch.cat([a.energy for a in alone]))
    torch.testing.assert_close(together.forces, torch.cat([a.forces for a in alone]))
    torch.testing.assert_close(together.stress, torch.cat([a.stress for a in alone]))


def test_a_structure_without_neighbours_is_refused():
    atoms = Atoms("Na", cell=[20, 20, 20], pbc=True)
    with pytest.raises(InputError, match=r"4\.5 Å"):
        build_graph(atoms, [0], 4.5)
