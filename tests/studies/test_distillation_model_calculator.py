import numpy as np
import pytest
from models_helpers import SMALL, SPECIES, crystal

from distillation.model_calculator import ModelCalculator
from redoxmc.errors import InputError
from redoxmc.models.export import export_model
from redoxmc.models.mace import mace_from_table
from redoxmc.models.table import make_table


@pytest.fixture(scope="module")
def calculator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    table = make_table(SPECIES, True, {"Na+": -1.0, "Fe2+": -7.0, "O2-": -5.0})
    export_model(mace_from_table(SMALL, table, True, 1), folder)
    return ModelCalculator(folder)


def test_reference_energies_are_part_of_the_energy(calculator):
    atoms = crystal(1)
    atoms.calc = calculator
    energy = atoms.get_potential_energy()
    before = calculator.references
    calculator.references = dict.fromkeys(before, 0.0)
    calculator.reset()
    bare = atoms.get_potential_energy()
    calculator.references = before
    assert energy - bare == pytest.approx(sum(before[s] for s in atoms.arrays["charge_state"]))


def test_stress_is_the_derivative_with_respect_to_strain(calculator):
    atoms = crystal(2)
    atoms.calc = calculator
    stress = atoms.get_stress()
    step = 1e-4
    strains = {0: (0, 0), 3: (1, 2), 5: (0, 1)}
    for component, (a, b) in strains.items():
        pair = []
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[a, b] += sign * step / 2
            strain[b, a] += sign * step / 2
            moved = atoms.copy()
            moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
            moved.calc = calculator
            pair.append(moved.get_potential_energy())
        numeric = (pair[0] - pair[1]) / (2 * step) / atoms.get_volume()
        assert stress[component] == pytest.approx(numeric, abs=1e-8)


def test_an_unknown_species_is_named(calculator):
    atoms = crystal(1, states=("Mn2+", "O2-"))
    atoms.calc = calculator
    with pytest.raises(InputError, match=r"no species 'Mn2\+'"):
        atoms.get_potential_energy()
