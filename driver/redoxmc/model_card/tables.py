"""Tables of a model card by species: bond lengths, charges and energies of single ions."""

from dataclasses import dataclass

from redoxmc.errors import InputError
from redoxmc.model_card.fields import Fields
from redoxmc.species import Species


@dataclass(frozen=True)
class Bonds:
    """Coordination of a redox species in the training data: where a start puts its ligands."""

    mean: float  # mean distance to the nearest ligands in Å
    coordination: int  # how many
    ligand: Species  # their species


@dataclass(frozen=True)
class Metal:
    """The metal of the working ion by the method of the training data: the zero of voltages."""

    element: str
    energy: float  # eV per atom of the bulk metal


def read_metal(table: Fields) -> Metal | None:
    """The table [metal]; None where there is none."""
    if not table.data:
        return None
    metal = table.species("species")
    if metal.charge:
        raise InputError(f"{table.source}: metal.species = '{metal}', but an element is needed.")
    return Metal(metal.element, table.number("energy_eV_per_atom", -1e6, 1e6))


def read_bonds(table: Fields, species: tuple[Species, ...]) -> dict[str, Bonds]:
    """The table [bonds], by species name."""
    names = [str(one) for one in species]
    bonds = {}
    for name in table.data:
        own = table.as_species(name, name)
        bond = Fields(table.source, table.data[name], f"bonds.{name}.")
        ligand = bond.species("ligand")
        for one in (own, ligand):
            if one not in species:
                raise InputError(f"{table.source}: [bonds] names {one}, but species are {names}.")
        mean, coordination = bond.number("mean_A", 0.3, 10.0), bond.count("coordination", 1, 24)
        bonds[str(own)] = Bonds(mean, coordination, ligand)
    return bonds


def read_charges(
    fields: Fields, species: tuple[Species, ...], architecture: str
) -> dict[str, float]:
    """The table [lammps_charges] (e), by species name; empty where there is none."""
    table = fields.table("lammps_charges")
    charges = {}
    for name in table.data:
        charges[str(table.as_species(name, name))] = table.number(name, -20.0, 20.0)
    if charges and architecture != "classical":
        raise InputError(
            f"{fields.source}: [lammps_charges] is for classical models, and this one is "
            f"{architecture}."
        )
    names = [str(one) for one in species]
    if charges and sorted(charges) != sorted(names):
        raise InputError(
            f"{fields.source}: [lammps_charges] has {sorted(charges)}, but every species needs "
            f"one: {names}."
        )
    return charges


def read_reference_energies(
    fields: Fields, species: tuple[Species, ...], architecture: str
) -> dict[str, float]:
    """Those of a classical model; a learned one's are compared with its file."""
    if architecture != "classical":
        return {}
    names = [str(one) for one in species]
    table = fields.table("reference_energies_eV")
    energies = {}
    for name in table.data:
        own = table.as_species(name, name)
        if own not in species:
            raise InputError(
                f"{fields.source}: [reference_energies_eV] names {own}, but species are {names}."
            )
        energies[str(own)] = table.number(name, -1e9, 1e9)
    return energies
