"""CHGNet's native kernels give what TorchScript gives, with ghosts, on threads and on ranks."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import REPO
from kernel_calls import NativeModel, NodeGraph
from native_models import compare, example_cell, torch_energies_and_gradients

from redoxmc.engines.on_ranks import evaluate_on_ranks
from redoxmc.engines.single_point import Job, Structure, evaluate
from redoxmc.model_card import load_card
from redoxmc.models.export import load_script
from redoxmc.native.build import native_library

FOLDER = REPO / "potentials" / "chgnet-nafepo4"
MODEL = FOLDER / "model.pt"
NATIVE, TORCH = "redoxmc backend native", "redoxmc backend torchscript"

pytestmark = pytest.mark.skipif(not MODEL.exists(), reason="not shipped")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDOXMC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def cell():
    return example_cell(FOLDER)


@pytest.fixture(scope="module")
def script():
    return load_script(MODEL)[0].double()


def names_of(cell):
    names = [str(species) for species in load_card(FOLDER).species]
    return tuple(names[row] for row in cell.species)


@pytest.fixture(scope="module")
def in_vacuum(cell):
    """Few ghosts on several ranks, which see four cutoffs beyond their own atoms."""
    box = np.diag([30.0, 31.0, 32.0])
    return Job(FOLDER, Structure(box, cell.positions + 10.0, names_of(cell)), pair_style=NATIVE)


def agree(a, b, limit):
    assert abs(a.energy - b.energy) <= limit * len(a.forces)
    for name in ("forces", "stress", "atom_energies", "moments"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=0, atol=limit)
    scale = np.abs(b.atom_virials).max()
    np.testing.assert_allclose(a.atom_virials / scale, b.atom_virials / scale, rtol=0, atol=limit)


def test_kernels_agree_with_torchscript(cell, script):
    native = NativeModel(native_library(MODEL))
    expected = torch_energies_and_gradients(script, cell.graph)
    compare(native, expected, cell, cell.graph, (1e-10, 1e-8, 1e-8))
    np.testing.assert_allclose(native.energies(cell.graph), expected[0], rtol=0, atol=1e-10)


def test_ghosts_are_evaluated_as_far_as_the_model_sees(cell, script):
    """Energies of some atoms alone, in a cell whose other atoms are ghosts that receive edges."""
    whole = cell.graph
    some = NodeGraph(whole.species, whole.senders, whole.receivers, whole.vectors, 7)
    energies, gradient = NativeModel(native_library(MODEL)).energies_and_gradients(some)
    expected, expected_gradient = torch_energies_and_gradients(script, some)
    np.testing.assert_allclose(energies, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=1e-8)


def test_threads_agree(cell):
    one, two = (NativeModel(native_library(MODEL), n) for n in (1, 2))
    energies, gradient = one.energies_and_gradients(cell.graph)
    again, gradient_again = two.energies_and_gradients(cell.graph)
    np.testing.assert_allclose(again, energies, rtol=0, atol=1e-11)
    np.testing.assert_allclose(gradient_again, gradient, rtol=0, atol=1e-10)


def test_the_pair_style_gives_what_torchscript_gives(cell):
    native = Job(FOLDER, Structure(cell.cell, cell.positions, names_of(cell)), pair_style="redoxmc")
    found, expected = evaluate(native), evaluate(replace(native, pair_style=TORCH))
    agree(found, expected, 1e-8)
    assert np.abs(expected.moments).max() > 3.0
    assert np.abs(found.forces - expected.forces).max() > 0.0  # or it was the same code


def test_ranks_agree(in_vacuum):
    expected = evaluate(in_vacuum)
    for ranks in (2, 3, 4):
        agree(evaluate_on_ranks([in_vacuum], ranks)[0], expected, 1e-10)


@pytest.mark.slow  # another library to compile
def test_float32_agrees(cell, script):
    native = NativeModel(native_library(MODEL, "float32"))
    expected = torch_energies_and_gradients(script, cell.graph)
    compare(native, expected, cell, cell.graph, (1e-4, 2e-3, 1e-3))
