"""What mace-torch offers besides the shapes of our own training, and what is refused by name."""

import platform

import pytest
import torch
from native_models import compare, edge_mace, mace_module, make_cell, torch_energies_and_gradients

from mace import modules  # isort: skip
from e3nn import o3
from kernel_calls import NativeModel

from redoxmc.native.build import compile_source
from redoxmc.native.compiler import Compiler, find_compiler
from redoxmc.native.emit import emit
from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.reader import read_plan

LIMITS = (1e-8, 1e-5, 1e-6)  # eV/atom, eV/Å, virial relative


def compiled(module, path, compiler=None):
    compiler = compiler or find_compiler()
    compile_source(emit(read_plan(module), "float64", compiler.vector_bytes), compiler, path)
    return NativeModel(path)


MODULES = {
    "skip-in-first-layer": {},
    "pair-dependent-radial-functions": {"distance_transform": "Agnesi"},
    "gaussian-basis-tanh-readout": {"radial_type": "gaussian"},
    "cutoff-after-the-radial-network": {"apply_cutoff": False},
    "one-product-for-all-species": {"use_agnostic_product": True},
}


@pytest.mark.parametrize("name", MODULES)
def test_what_mace_torch_offers_besides(name, tmp_path):
    changes = dict(MODULES[name])
    if "tanh" in name:
        changes["gate"] = torch.tanh
    module = mace_module(rows=3, **changes)
    cell = make_cell(rows=3)
    expected = torch_energies_and_gradients(edge_mace(module), cell.graph)
    compare(compiled(module, tmp_path / "k.so"), expected, cell, cell.graph, LIMITS)


def machines():
    """Compilers for other vector registers than this machine's, as far as it can run the result."""
    yield find_compiler(scalar=True)
    name = find_compiler().command[0]
    if platform.machine() == "x86_64":
        yield Compiler((name, "-march=x86-64"), "", 16)
        if find_compiler().vector_bytes >= 32:
            yield Compiler((name, "-march=x86-64-v3"), "", 32)


@pytest.mark.parametrize("compiler", machines(), ids=lambda c: f"{c.vector_bytes}-bytes")
def test_any_size_of_vector_registers_gives_the_same(compiler, tmp_path):
    module = mace_module(rows=3)
    cell = make_cell(rows=3)
    expected = torch_energies_and_gradients(edge_mace(module), cell.graph)
    native = compiled(module, tmp_path / "k.so", compiler)
    compare(native, expected, cell, cell.graph, LIMITS)


def density_blocks():
    block = modules.interaction_classes["RealAgnosticDensityInteractionBlock"]
    return {"interaction_cls_first": block}


REFUSED = {
    "pair repulsion": lambda: {"pair_repulsion": True},
    "RealAgnosticDensityInteractionBlock": density_blocks,
    "edge irreps": lambda: {"edge_irreps": o3.Irreps("4x0e+4x1o")},
    "both parities": lambda: {"hidden_irreps": o3.Irreps("4x0e+4x1o+4x1e")},
    "beyond the spherical harmonics": lambda: {
        "hidden_irreps": o3.Irreps("4x0e+4x1o+4x2e"),
        "max_ell": 1,
    },
    "heads": lambda: {
        "heads": ["a", "b"],
        "atomic_inter_scale": [1.0, 2.0],
        "atomic_inter_shift": [0.0, 0.0],
    },
    "activation": lambda: {"gate": torch.nn.functional.softplus},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_by_name(name):
    module = mace_module(rows=2, **REFUSED[name]())
    with pytest.raises(CannotGenerateError, match=name):
        read_plan(module)


def test_an_unknown_model_class_is_refused_by_name():
    with pytest.raises(CannotGenerateError, match="Linear"):
        read_plan(torch.nn.Linear(2, 2))
