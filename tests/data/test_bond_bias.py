"""The bias on bond lengths: its energy, forces and stress belong together."""

import numpy as np
import pytest
from iron_oxide import BONDS, LengthTeacher, mean_bonds, rocksalt

from redoxmc.data.bond_bias import BiasedCalculator, find_shells


def test_the_bias_and_its_forces_and_stress_belong_together():
    atoms = rocksalt()
    shells = find_shells(atoms, atoms.arrays["charge_state"], BONDS)
    calculator = BiasedCalculator(LengthTeacher(), shells, 60.0)
    atoms.calc = calculator
    energy, forces, stress = (
        atoms.get_potential_energy(),
        atoms.get_forces(),
        atoms.get_stress(voigt=False),
    )
    gaps = np.array(mean_bonds(atoms)) - [2.18, 2.07, 2.07, 2.18]
    assert energy - calculator.unbiased["energy"] == pytest.approx(60 * (gaps**2).sum())
    step = 1e-5
    for atom, axis in ((0, 0), (5, 2)):
        pair = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            moved.calc = BiasedCalculator(LengthTeacher(), shells, 60.0)
            pair.append(moved.get_potential_energy())
        assert forces[atom, axis] == pytest.approx(-(pair[0] - pair[1]) / 2 / step, abs=1e-5)
    pair = []
    for sign in (1, -1):
        strain = np.zeros((3, 3))
        strain[0, 0] = sign * step
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        again = find_shells(moved, atoms.arrays["charge_state"], BONDS)
        moved.calc = BiasedCalculator(LengthTeacher(), again, 60.0)
        pair.append(moved.get_potential_energy())
    numeric = (pair[0] - pair[1]) / 2 / step / atoms.get_volume()
    assert stress[0, 0] == pytest.approx(numeric, abs=1e-5)
