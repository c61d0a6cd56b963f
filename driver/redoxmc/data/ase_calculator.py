"""A base class for ASE calculators that compute all results of a structure in one call."""

from collections.abc import Sequence
from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes


class WholeCalculator(Calculator):  # type: ignore[misc]
    """ASE calculator whose subclasses give all results of a structure in one call."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress", "magmoms"]

    def compute(self, atoms: Atoms) -> dict[str, Any]:
        """Return energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt) and magmoms (µB)."""
        raise NotImplementedError

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute everything, as ASE asks for it."""
        super().calculate(atoms, properties, system_changes)
        self.results = self.compute(self.atoms)
