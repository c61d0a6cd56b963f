"""A chemical element in a charge state: the unit in which models, types and occupancies count."""

import re
from dataclasses import dataclass

from redoxmc.errors import InputError, cut

_NAME = re.compile(r"([A-Z][a-z]?)(?:([0-9]?)([+-]))?")


@dataclass(frozen=True, order=True)
class Species:
    """An element with a formal charge, written `Fe2+`, `Na+`, `O2-` (`P0+` is written `P`).

    element: chemical symbol. charge: formal charge in units of e.
    """

    element: str
    charge: int

    @classmethod
    def parse(cls, name: str) -> "Species":
        """Read `Fe2+`, `Na+`, `O2-` or a neutral `P`; raises InputError for anything else."""
        from ase.data import atomic_numbers

        match = _NAME.fullmatch(name.strip())
        if match is None or match[1] not in atomic_numbers:
            raise InputError(
                f"{cut(name)!r} is not a charge-state species; write element, charge, sign as in "
                "'Fe2+'."
            )
        magnitude = int(match[2] or 1) if match[3] else 0
        return cls(match[1], -magnitude if match[3] == "-" else magnitude)

    @property
    def mass(self) -> float:
        """Standard atomic mass in g/mol."""
        from ase.data import atomic_masses, atomic_numbers

        return float(atomic_masses[atomic_numbers[self.element]])

    def __str__(self) -> str:
        if self.charge == 0:
            return self.element
        magnitude = "" if abs(self.charge) == 1 else str(abs(self.charge))
        return f"{self.element}{magnitude}{'+' if self.charge > 0 else '-'}"
