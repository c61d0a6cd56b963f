"""Native kernels against TorchScript, in the shapes that are trained."""

import numpy as np
import pytest
from conftest import REPO
from kernel_calls import NativeModel
from native_models import compare, example_cell, export, make_cell, reference, torch_energies_and_gradients

from redoxmc.models.export import load_script
from redoxmc.native.build import native_library

# energy in eV/atom, forces in eV/Å, virial relative
LIMITS = {"float64": (1e-8, 1e-5, 1e-6), "float32": (1e-5, 1e-3, 1e-4)}
SHAPES = {
    "l1-one-layer": {"l_max": 1, "n_layers": 1},
    "l2-scalars": {"channels": 16},
    "l2-correlation3": {"feature_l_max": 1, "correlation": 3},
    "l3": {"l_max": 3, "feature_l_max": 1},
    "l3-correlation3-one-layer": {"l_max": 3, "correlation": 3, "n_layers": 1, "channels": 4},
    "l1-correlation3-three-layers": {
        "l_max": 1,
        "feature_l_max": 1,
        "correlation": 3,
        "n_layers": 3,
    },
    "three-layers-odd-channels": {"feature_l_max": 2, "n_layers": 3, "channels": 5},
    "correlation1": {"correlation": 1, "r_cut": 5.0},
    "painn": {"painn": True, "width": 16, "n_layers": 4},
    "painn-one-layer": {"painn": True, "n_layers": 1, "moment": False, "charge": False},
    "painn-odd-width": {"painn": True, "n_layers": 2, "width": 9, "num_radial_basis": 8},
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDOXMC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_agrees_with_torchscript(shape, tmp_path):
    model = export(tmp_path / "m", **SHAPES[shape])
    cell = make_cell(r_cut=SHAPES[shape].get("r_cut", 4.5))
    native = NativeModel(native_library(model))
    expected = reference(model, cell.graph)
    compare(native, expected, cell, cell.graph, LIMITS["float64"])
    np.testing.assert_array_equal(native.energies(cell.graph), native.energies(cell.graph))


@pytest.mark.parametrize("name", ["mace-nafepo4", "cpainn-nafepo4"])
def test_a_shipped_model_agrees_with_torchscript(name):
    model = REPO / "potentials" / name / "model.pt"
    if not model.exists():
        pytest.skip("not shipped")
    script, _ = load_script(model)
    cell = example_cell(model.parent)
    native = NativeModel(native_library(model, "float64"))
    expected = torch_energies_and_gradients(script.double(), cell.graph)
    compare(native, expected, cell, cell.graph, LIMITS["float64"])


@pytest.mark.parametrize("settings", [{"channels": 16, "feature_l_max": 1}, {"painn": True}])
def test_float32(settings, tmp_path):
    model = export(tmp_path / "m", "float32", **settings)
    cell = make_cell()
    native = NativeModel(native_library(model))
    assert native.dtype == np.float32
    compare(native, reference(model, cell.graph), cell, cell.graph, LIMITS["float32"])
