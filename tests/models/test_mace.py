import numpy as np
import pytest
import torch
from mace.calculators import MACECalculator
from models_helpers import NAMES, SMALL, SPECIES, crystal

from redoxmc.models.graph import Graph, build_graph, evaluate
from redoxmc.models.mace import build_mace
from redoxmc.models.table import count_rows, row_of


def graph_of(atoms, model) -> Graph:
    rows = [row_of(name, model.table) for name in atoms.arrays["charge_state"]]
    return build_graph(atoms, rows, model.r_cut)


@pytest.mark.parametrize("feature_l_max", [0, 1])
def test_energy_forces_and_stress_are_those_of_mace_torch(feature_l_max, tmp_path):
    model = build_mace(SMALL.model_copy(update={"feature_l_max": feature_l_max}), SPECIES, 3)
    atoms = crystal(1)
    found = evaluate(model.module, graph_of(atoms, model))
    torch.save(model.module.model, tmp_path / "mace.model")
    calculator = MACECalculator(
        model_paths=str(tmp_path / "mace.model"), device="cpu", default_dtype="float64"
    )
    shim = atoms.copy()  # row i is element i + 1 inside mace-torch
    shim.numbers = [1 + NAMES.index(name) for name in atoms.arrays["charge_state"]]
    shim.calc = calculator
    assert found.energy.item() == pytest.approx(shim.get_potential_energy(), abs=1e-10)
    np.testing.assert_allclose(found.forces.numpy(), shim.get_forces(), atol=1e-11)
    np.testing.assert_allclose(found.stress[0].numpy(), shim.get_stress(voigt=False), atol=1e-12)


def test_ghosts_are_read_out_by_nobody_and_local_energies_stay():
    model = build_mace(SMALL, SPECIES, 1)
    graph = graph_of(crystal(2), model)
    whole = model.module(graph.species, graph.edges, graph.vectors, 8)["energy"]
    local = model.module(graph.species, graph.edges, graph.vectors, 3)["energy"]
    assert local.shape == (3,)
    torch.testing.assert_close(local, whole[:3], atol=1e-13, rtol=0)


def test_a_charge_swap_changes_the_energy_of_an_aware_model_and_not_of_its_twin():
    atoms = crystal(3)
    atoms.symbols[:2] = "Fe"
    names = atoms.arrays["charge_state"]
    energies = {}
    for aware in (True, False):
        model = build_mace(SMALL, SPECIES, 1, charge_aware=aware)
        assert count_rows(model.table) == (5 if aware else 4)
        for pair in (("Fe2+", "Fe3+"), ("Fe3+", "Fe2+")):
            names[:2] = pair
            energy = evaluate(model.module, graph_of(atoms, model)).energy.item()
            energies[aware, pair[0]] = energy
    assert abs(energies[True, "Fe2+"] - energies[True, "Fe3+"]) > 1e-6
    assert energies[False, "Fe2+"] == energies[False, "Fe3+"]


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (build_mace(SMALL, SPECIES, 9).module for _ in range(2))
    other = build_mace(SMALL, SPECIES, 10).module
    assert torch.equal(torch.rand(3), expected)
    pairs = list(zip(first.parameters(), second.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )
    assert all(p.dtype == torch.float64 for p in first.parameters())


def test_rotation_leaves_the_energy_and_turns_the_forces():
    model = build_mace(SMALL, SPECIES, 1)
    atoms = crystal(4)
    turned = atoms.copy()
    turned.rotate(37.0, (1, 2, 3), rotate_cell=True)
    found, image = (evaluate(model.module, graph_of(a, model)) for a in (atoms, turned))
    rotation = np.linalg.solve(atoms.cell.array, turned.cell.array)
    assert image.energy.item() == pytest.approx(found.energy.item(), abs=1e-10)
    np.testing.assert_allclose(image.forces.numpy(), found.forces.numpy() @ rotation, atol=1e-10)
