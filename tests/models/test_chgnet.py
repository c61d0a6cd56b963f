import numpy as np
import pytest
import torch
from ase.build import bulk
from models_helpers import crystal

from redoxmc.errors import InputError
from redoxmc.models.chgnet import ChgnetSettings, chgnet_from_table, chgnet_references
from redoxmc.models.graph import build_graph, evaluate
from redoxmc.models.table import make_table, row_of
from redoxmc.species import Species

SPECIES = [Species.parse(s) for s in ("Fe2+", "Fe3+", "O2-")]


def build(spread=0.1, aware=True, seed=1, starts_as=None):
    settings = ChgnetSettings(spread=spread, starts_as=starts_as or {})
    return chgnet_from_table(settings, make_table(SPECIES, aware), aware, seed)


def oxide():
    atoms = bulk("FeO", "rocksalt", a=4.3, cubic=True)
    atoms.set_array("charge_state", np.array(["Fe2+", "O2-", "Fe3+", "O2-"] * 2))
    atoms.rattle(0.1, seed=1)
    cell = atoms.cell.array.copy()
    cell[1, 0] = 0.3
    atoms.set_cell(cell, scale_atoms=True)
    return atoms


def graph_of(atoms, model):
    rows = [row_of(name, model.table) for name in atoms.arrays["charge_state"]]
    return build_graph(atoms, rows, model.r_cut)


def test_without_spread_it_is_the_chgnet_of_the_package():
    from chgnet.model.dynamics import CHGNetCalculator

    atoms = oxide()
    model = build(spread=0.0)
    found = evaluate(model.module, graph_of(atoms, model))
    references = chgnet_references(model.table)
    energy = found.energy.item() + sum(references[s] for s in atoms.arrays["charge_state"])
    atoms.calc = CHGNetCalculator(use_device="cpu")  # float32
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-5 * len(atoms))
    np.testing.assert_allclose(found.forces.numpy(), atoms.get_forces(), atol=5e-4)
    np.testing.assert_allclose(found.stress[0].numpy(), atoms.get_stress(voigt=False), atol=5e-5)
    np.testing.assert_allclose(
        found.nodes["moment"].numpy(), atoms.get_magnetic_moments(), atol=1e-4
    )


def test_a_charge_state_can_start_as_another_element():
    from chgnet.model.dynamics import CHGNetCalculator

    atoms = oxide()
    model = build(starts_as={"Fe3+": "Ga"})  # nothing starts alike, so no spread
    found = evaluate(model.module, graph_of(atoms, model))
    disguised = atoms.copy()
    disguised.symbols[atoms.arrays["charge_state"] == "Fe3+"] = "Ga"
    disguised.calc = CHGNetCalculator(use_device="cpu")
    np.testing.assert_allclose(found.forces.numpy(), disguised.get_forces(), atol=5e-4)
    # where charge states share a row there is nothing to start differently
    blind = build(aware=False, starts_as={"Fe3+": "Ga"})
    torch.testing.assert_close(blind.module.embedding, build(aware=False).module.embedding)


@pytest.mark.parametrize("wrong", [{"Fe4+": "Ga"}, {"Fe3+": "Xx"}, {"Fe3+": "Lr"}])
def test_a_wrong_start_is_named(wrong):
    with pytest.raises(InputError, match="starts_as"):
        build(starts_as=wrong)


def test_script_and_module_agree_in_both_precisions():
    model = build()
    graph = graph_of(oxide(), model)
    expected = evaluate(model.module, graph)
    found = evaluate(model.compile(model.module), graph)
    torch.testing.assert_close(found.forces, expected.forces, atol=1e-12, rtol=0)
    single = evaluate(
        model.compile(model.module.float()), graph.to(torch.device("cpu"), torch.float32)
    )
    torch.testing.assert_close(single.forces.double(), expected.forces, atol=1e-3, rtol=0)


def test_a_charge_swap_matters_to_the_aware_model_alone():
    atoms = oxide()
    names = atoms.arrays["charge_state"]
    for aware in (True, False):
        model = build(aware=aware)
        before = evaluate(model.module, graph_of(atoms, model)).energy.item()
        swapped = atoms.copy()
        swapped.arrays["charge_state"] = names[[2, 1, 0, 3, 4, 5, 6, 7]]
        after = evaluate(model.module, graph_of(swapped, model)).energy.item()
        assert (abs(after - before) > 1e-6) == aware


def test_a_bond_without_its_reverse_is_an_error_on_one_rank():
    model = build()
    graph = graph_of(oxide(), model)
    short = int((graph.vectors.norm(dim=1) < 3).nonzero()[0])
    kept = torch.arange(graph.vectors.shape[0]) != short
    with pytest.raises(RuntimeError, match="no reverse"):
        model.module(graph.species, graph.edges[:, kept], graph.vectors[kept], 8)


def test_twice_the_cell_has_twice_the_energy():
    atoms = crystal()
    atoms.symbols[:] = ["Fe", "O"] * 4
    atoms.set_array("charge_state", np.array(["Fe2+", "O2-"] * 4))
    model = build()
    one = evaluate(model.module, graph_of(atoms, model)).energy.item()
    two = evaluate(model.module, graph_of(atoms * (2, 1, 1), model)).energy.item()
    assert two == pytest.approx(2 * one, abs=1e-9)
