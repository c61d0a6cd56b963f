"""A model as an ASE calculator, through the LAMMPS session that the driver itself uses."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from redoxmc.engines.lammps import LammpsSession
from redoxmc.io.extxyz import species_of


class SessionCalculator(Calculator):  # type: ignore[misc]
    """Energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt) of frames with `charge_state`.

    magmoms are zero: the models that need this calculator carry charges as species. Raises
    EngineError where LAMMPS fails.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress", "magmoms"]

    def __init__(self, session: LammpsSession) -> None:
        super().__init__()
        self.session = session

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Evaluate the structure on the session."""
        super().calculate(atoms, properties, system_changes)
        current: Any = self.atoms
        cell = np.array(current.cell)
        state = self.session.evaluate(cell, current.get_positions(), species_of(current))
        self.results = {
            "energy": state.energy,
            "forces": state.forces,
            "stress": state.stress,
            "magmoms": np.zeros(len(current)),
        }
