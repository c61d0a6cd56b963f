"""The species table of a model: which charge-state species it knows, and which row each one is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redoxmc.errors import InputError, nearest
from redoxmc.species import Species


@dataclass(frozen=True)
class SpeciesRow:
    """One species of a model."""

    species: Species
    # index into the model's embedding (two charge states of a charge-blind model share one)
    row: int
    # energy of one such ion in eV, kept apart from the model and added in double
    reference_energy: float = 0.0

    def metadata(self) -> dict[str, Any]:
        """The entry of this species in `redoxmc.json`."""
        return {
            "name": str(self.species),
            "element": self.species.element,
            "charge": self.species.charge,
            "mass": self.species.mass,
            "row": self.row,
            "reference_energy_eV": self.reference_energy,
        }


def make_table(
    species: Sequence[Species],
    charge_aware: bool,
    reference_energies: Mapping[str, float] | None = None,
) -> tuple[SpeciesRow, ...]:
    """Give every species a row: its own, or one shared by all charge states of its element.

    reference_energies: eV, by species name; 0 where absent. Raises InputError for a repeated
    species.
    """
    names = [str(s) for s in species]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise InputError(f"species {sorted(repeated)} appear twice; list every species once.")
    keys: list[str] = []
    rows = []
    for one in species:
        key = str(one) if charge_aware else one.element
        if key not in keys:
            keys.append(key)
        energy = (reference_energies or {}).get(str(one), 0.0)
        rows.append(SpeciesRow(one, keys.index(key), energy))
    return tuple(rows)


def count_rows(table: Sequence[SpeciesRow]) -> int:
    """Number of rows of the embedding."""
    return 1 + max(entry.row for entry in table)


def row_of(name: str, table: Sequence[SpeciesRow]) -> int:
    """Row of a species by name; raises InputError naming the nearest where the model lacks it."""
    for entry in table:
        if str(entry.species) == name:
            return entry.row
    names = [str(entry.species) for entry in table]
    raise InputError(f"the model has no species {name!r}; {nearest(name, names)}")
