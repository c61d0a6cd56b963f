"""Forces are the derivative of the energy; threads and isolated atoms change nothing."""

from dataclasses import replace

import numpy as np
import pytest
from kernel_calls import NativeModel, NodeGraph
from native_models import export, make_cell

from redoxmc.native.build import native_library

SETTINGS = {
    "MACE": {"l_max": 3, "feature_l_max": 1, "correlation": 3, "channels": 8},
    "cPaiNN": {"painn": True, "n_layers": 2},
}


@pytest.fixture(scope="module", params=SETTINGS)
def library(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    model = export(folder / "m", **SETTINGS[request.param])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDOXMC_CACHE", str(folder / "cache"))
        return native_library(model)


def test_forces_are_the_derivative_of_the_energy(library, request):
    native, cell = NativeModel(library), make_cell(seed=3)
    # the cosine that ends cPaiNN's filters has a second derivative at the cutoff, and edges meet it
    h = 1e-3 if "MACE" in request.node.name else 1e-4
    graph = cell.graph
    forces = cell.forces(graph, native.energies_and_gradients(graph)[1])

    def energy(atom, axis, shift):
        vectors = graph.vectors.copy()
        vectors[graph.receivers == atom, axis] += shift
        vectors[graph.senders == atom, axis] -= shift
        return native.energies(replace(graph, vectors=vectors)).sum()

    for atom, axis in [(0, 0), (7, 1), (13, 2), (20, 0)]:
        e = [energy(atom, axis, k * h) for k in (-2, -1, 1, 2)]
        slope = (e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * h)
        assert -slope == pytest.approx(forces[atom, axis], abs=1e-6)


def energies_and_forces(native, cell):
    """Not gradients: an edge may have that of its reverse, too."""
    graph = cell.graph
    energies, gradient = native.energies_and_gradients(graph)
    return energies, cell.forces(graph, gradient)


def test_threads_give_the_same_bits_every_time(library):
    cell = make_cell(64)
    one = energies_and_forces(NativeModel(library, 1), cell)
    three = NativeModel(library, 3)
    first, second = energies_and_forces(three, cell), energies_and_forces(three, cell)
    for a, b, alone in zip(first, second, one, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, alone, rtol=0, atol=1e-12)


def test_more_threads_than_atoms(library):
    cell = make_cell(8)
    expected = energies_and_forces(NativeModel(library, 1), cell)
    found = energies_and_forces(NativeModel(library, 20), cell)
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-12)


def test_an_atom_without_neighbours_has_no_forces(library, request):
    nothing = np.zeros(0, dtype=np.int64)
    graph = NodeGraph(np.array([2, 4, 2]), nothing, nothing, np.zeros((0, 3)), 3)
    energies, gradient = NativeModel(library).energies_and_gradients(graph)
    if "MACE" in request.node.name:
        np.testing.assert_array_equal(energies, 0.0)  # the reference energies are not part of it
    assert energies[0] == pytest.approx(energies[2], abs=1e-14)
    assert gradient.shape == (0, 3)


def test_beyond_the_cutoff_a_neighbour_does_nothing(library):
    cell = make_cell()
    graph = cell.graph
    last, far = len(cell.species) - 1, np.array([0.0, 4.6, 0.0])
    order = np.argsort(np.append(graph.receivers, [last, 3]), kind="stable")
    more = NodeGraph(
        graph.species,
        np.append(graph.senders, [3, last])[order],
        np.append(graph.receivers, [last, 3])[order],
        np.vstack([graph.vectors, far, -far])[order],
        graph.n_local,
    )
    native = NativeModel(library)
    expected = native.energies_and_gradients(graph)
    energies, gradient = native.energies_and_gradients(more)
    np.testing.assert_array_equal(energies, expected[0])
    np.testing.assert_array_equal(gradient[order >= len(graph.senders)], 0.0)


def test_ghosts_give_their_gradients_to_the_caller(library):
    """Atoms of another domain as ghosts, features and gradients exchanged by hand."""
    cell = make_cell()
    graph = cell.graph
    n, whole = len(cell.species), NativeModel(library)
    expected_energy, expected_gradient = whole.energies_and_gradients(graph)
    mine = np.arange(n) < n // 2
    domains = []
    for members in (np.flatnonzero(mine), np.flatnonzero(~mine)):
        order = np.concatenate([members, np.setdiff1d(np.arange(n), members)])
        node = np.argsort(order)
        edges = np.flatnonzero(np.isin(graph.receivers, members))
        part = NodeGraph(
            cell.species[order],
            node[graph.senders[edges]],
            node[graph.receivers[edges]],
            graph.vectors[edges],
            len(members),
        )
        native = NativeModel(library)
        native.set_graph(part)
        domains.append((native, order, edges, len(members), np.zeros((len(edges), 3))))
    energy = np.zeros(n)
    scratch = [np.zeros(d[3]) for d in domains]
    for d, e in zip(domains, scratch, strict=True):
        d[0].forward(0, e)
        energy[d[1][: d[3]]] += e
    features = np.zeros((n, domains[0][0].features(1).shape[1]))
    for native, order, _, count, _ in domains:
        features[order[:count]] = native.features(1)[:count]
    for (native, order, _, count, gradient), e in zip(domains, scratch, strict=True):
        native.features(1)[count:] = features[order[count:]]
        native.backward(1, e, gradient)
        energy[order[:count]] += e
    total = np.zeros_like(features)
    for native, order, *_ in domains:
        total[order] += native.gradients(1)
    found = np.zeros_like(expected_gradient)
    for (native, order, edges, _, gradient), e in zip(domains, scratch, strict=True):
        native.gradients(1)[:] = total[order]
        native.backward(0, e, gradient)
        found[edges] = gradient
    np.testing.assert_allclose(energy, expected_energy, rtol=0, atol=1e-12)
    forces = [cell.forces(graph, one) for one in (found, expected_gradient)]
    np.testing.assert_allclose(*forces, rtol=0, atol=1e-12)


def test_a_position_that_is_not_a_number_shows_in_the_energy(library):
    graph = make_cell().graph
    vectors = graph.vectors.copy()
    vectors[graph.receivers == 4] = np.nan
    energies, _ = NativeModel(library).energies_and_gradients(replace(graph, vectors=vectors))
    assert np.isnan(energies[4])
