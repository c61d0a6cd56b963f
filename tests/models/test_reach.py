"""A domain with ghosts gives the energies of the periodic crystal, with ever fewer ghosts."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from ase import Atoms
from models_helpers import SPECIES

from redoxmc.models.chgnet import ChgnetSettings, chgnet_from_table
from redoxmc.models.cpainn import CPainnSettings, cpainn_from_table
from redoxmc.models.graph import build_graph
from redoxmc.models.reach import receivers_of_layers
from redoxmc.models.table import make_table, row_of

TABLE = make_table(SPECIES, True)


def build(architecture):
    if architecture == "CHGNet":
        return chgnet_from_table(ChgnetSettings(), TABLE, True, 1)
    return cpainn_from_table(CPainnSettings(width=8, n_layers=4), TABLE, True, 1)


def chain():
    """Periodic along x alone; the vacuum is wider than any cutoff."""
    positions = [[0.0, 0.0, 0.0], [1.9, 0.4, 0.1], [3.7, -0.3, 0.5], [5.5, 0.2, -0.4]]
    atoms = Atoms("FeOFeO", positions, cell=[7.3, 15.0, 15.0], pbc=True)
    atoms.set_array("charge_state", np.array(["Fe2+", "O2-", "Fe3+", "O2-"]))
    return atoms


def graph_of(atoms, model):
    return build_graph(atoms, [row_of(n, TABLE) for n in atoms.arrays["charge_state"]], model.r_cut)


def domain(model):
    """The atoms of one cell and, behind them, the ghosts that n_layers edges lead to."""
    cells = 2 * int(np.ceil(model.n_layers * model.r_cut / 7.3)) + 1
    atoms = chain() * (cells, 1, 1)
    nearest = np.argsort(np.abs(np.arange(cells) - cells // 2), kind="stable")
    atoms = atoms[np.concatenate([4 * n + np.arange(4) for n in nearest])]
    atoms.pbc = False
    graph = graph_of(atoms, model)
    shell = torch.full((len(atoms),), model.n_layers + 1)
    shell[:4] = 0
    for n in range(model.n_layers):
        senders = graph.edges[0][shell[graph.edges[1]] == n]
        shell[senders] = shell[senders].clamp(max=n + 1)
    # the outermost ghosts send and do not receive, as in LAMMPS
    kept = shell[graph.edges[1]] < model.n_layers
    return dataclasses.replace(graph, edges=graph.edges[:, kept], vectors=graph.vectors[kept])


@pytest.mark.parametrize("architecture", ["cPaiNN", "CHGNet"])
def test_a_domain_with_ghosts_gives_what_the_periodic_crystal_gives(architecture):
    model = build(architecture)
    whole, part = graph_of(chain(), model), domain(model)
    expected = model.module(whole.species, whole.edges, whole.vectors, 4)
    for module in (model.module, model.compile(model.module)):
        vectors = part.vectors.clone().requires_grad_(True)
        found = module(part.species, part.edges, vectors, 4)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, atol=1e-11, rtol=0)
        (gradient,) = torch.autograd.grad(found["energy"].sum(), vectors)
        assert torch.isfinite(gradient).all()


def test_each_layer_needs_fewer_ghosts_than_the_one_before():
    model = build("cPaiNN")
    graph = domain(model)
    n = len(graph.species)
    counts = receivers_of_layers(graph.edges, 4, n, 4)
    assert n > counts[0] > counts[1] > counts[2] > counts[3] == 4
    # the farthest atom that still counts is read by one that counts in the next layer
    for outer, inner in itertools.pairwise(counts):
        senders = graph.edges[0][graph.edges[1] < inner]
        assert outer == int(senders.max()) + 1


def test_without_ghosts_all_atoms_count_in_all_layers():
    edges = torch.tensor([[1, 0, 2], [0, 1, 1]])
    assert receivers_of_layers(edges, 3, 3, 4) == [3, 3, 3, 3]
    # atoms without neighbours
    assert receivers_of_layers(edges[:, :0], 1, 3, 2) == [1, 1]
