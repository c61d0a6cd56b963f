"""Relaxed states of a file that lists the reduced sites of each: their charge states."""

from typing import Any

from ase import Atoms

from distillation.cells import Cell
from distillation.labelling import with_states


def listed_sites(atoms: Atoms, key: str) -> list[int]:
    """Return the numbers in an entry of `info` such as `fe2_sites=Fe_0_2`."""
    return [int(number) for number in atoms.info[key].split("_")[1:] if number]


def with_listed_states(atoms: Atoms, key: str, cell: Cell, config: dict[str, Any]) -> Atoms:
    """Return a copy with the charge states that an entry of `info` lists, and an empty `info`.

    key: the entry with the numbers of the reduced sites, counted among the redox sites. config: of
    the data set, with the names of the two charge states.
    """
    species = {s.element: str(s) for s in cell.lattice.species}
    names = [species[symbol] for symbol in atoms.get_chemical_symbols()]
    reduced = listed_sites(atoms, key)
    redox = [i for i, name in enumerate(names) if name == config["reduced"]]
    for number, site in enumerate(redox):
        names[site] = config["reduced" if number in reduced else "oxidised"]
    named = with_states(atoms, names)
    named.info = {}
    return named
