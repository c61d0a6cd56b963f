"""A model as an ASE calculator, through the LAMMPS session that the driver itself uses."""

from typing import Any

import numpy as np
from ase import Atoms

from redoxmc.data.ase_calculator import WholeCalculator
from redoxmc.engines.lammps import LammpsSession
from redoxmc.io.extxyz import species_of


class SessionCalculator(WholeCalculator):
    """Energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt) of frames with `charge_state`.

    magmoms are zero: the models that need this calculator carry charges as species. Raises
    EngineError where LAMMPS fails.
    """

    def __init__(self, session: LammpsSession) -> None:
        super().__init__()
        self.session = session

    def compute(self, atoms: Atoms) -> dict[str, Any]:
        """Evaluate the structure on the session."""
        cell = np.array(atoms.cell)
        state = self.session.evaluate(cell, atoms.get_positions(), species_of(atoms))
        return {
            "energy": state.energy,
            "forces": state.forces,
            "stress": state.stress,
            "magmoms": np.zeros(len(atoms)),
        }
