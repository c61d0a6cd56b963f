"""Iron oxide with charge states, and a teacher that reads moments off its bond lengths."""

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones

from redoxmc.data.bond_bias import find_shells
from redoxmc.data.variants import shaken
from redoxmc.model_card import Bonds
from redoxmc.species import Species

O2, FE2, FE3 = (Species.parse(s) for s in ("O2-", "Fe2+", "Fe3+"))
BONDS = {"Fe2+": Bonds(2.18, 6, O2), "Fe3+": Bonds(2.07, 6, O2)}


class LengthTeacher(Calculator):
    """Lennard-Jones with moments that follow the mean bond length, as with CHGNet."""

    implemented_properties = ("energy", "forces", "stress", "magmoms")

    def calculate(self, atoms=None, properties=(), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        lj = LennardJones(sigma=1.9, epsilon=0.01, rc=4.0, smooth=True)
        lj.calculate(atoms, ["energy", "forces", "stress"], all_changes)
        moments = np.zeros(len(atoms))
        for shell in find_shells(atoms, atoms.arrays["charge_state"], BONDS):
            mean = np.linalg.norm(shell.vectors(atoms.positions), axis=1).mean()
            moments[shell.centre] = 4.0 if mean > 2.12 else 5.0
        self.results = {**lj.results, "magmoms": moments}


def rocksalt(states=("Fe2+", "Fe3+", "Fe3+", "Fe2+")) -> Atoms:
    atoms = bulk("FeO", "rocksalt", a=4.25, cubic=True)
    names = iter(states)
    column = [next(names) if s == "Fe" else "O2-" for s in atoms.symbols]
    atoms.set_array("charge_state", np.array(column))
    return shaken(atoms, np.random.default_rng(1), 0.03, 0.01)


def mean_bonds(atoms):
    shells = find_shells(atoms, atoms.arrays["charge_state"], BONDS)
    return [np.linalg.norm(s.vectors(atoms.positions), axis=1).mean() for s in shells]
