"""Electrons in the open d shells of a charge order, and how a calculation starts with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from redoxmc.data.reference_moments import reference_moments
from redoxmc.species import Species

_ORBITALS = 5
_SPIN_ONLY = 0.9  # a site moment is about this share of the number of unpaired electrons
# Groups of the periodic table, of the elements whose charge states differ in their d electrons.
_GROUPS = {"Ti": 4, "V": 5, "Cr": 6, "Mn": 7, "Fe": 8, "Co": 9, "Ni": 10, "Cu": 11}


@dataclass(frozen=True)
class OpenShell:
    """One spin channel of the d shell of an atom."""

    atom: int  # index
    spin: int  # 0 for the majority, 1 for the minority
    electrons: int  # number of filled orbitals, of the five of a d shell


def channel_electrons(species: Species) -> tuple[int, int] | None:
    """Return the d electrons of an ion in each spin channel; None where it has no open d shell.

    Their sum is the group minus the charge; their difference the unpaired electrons that belong to
    the usual moment.
    """
    group = _GROUPS.get(species.element)
    moments = reference_moments(species)
    if group is None or not moments or not 0 < group - species.charge <= 2 * _ORBITALS:
        return None
    total = group - species.charge
    possible = [m for m in range(_ORBITALS + 1) if (total - m) % 2 == 0 and m <= total]
    unpaired = min(possible, key=lambda m: abs(m - max(moments) / _SPIN_ONLY))
    return (total + unpaired) // 2, (total - unpaired) // 2


def held_shells(species: Sequence[Species]) -> list[OpenShell]:
    """Return the shells whose filling is a choice: which ion an electron is on, or which orbital.

    A channel counts for all ions of an element where one of them has it partly filled, or where
    they differ in it.
    """
    by_element: dict[str, list[tuple[int, tuple[int, int]]]] = {}
    for atom, one in enumerate(species):
        electrons = channel_electrons(one)
        if electrons is not None:
            by_element.setdefault(one.element, []).append((atom, electrons))
    return [
        OpenShell(atom, spin, electrons[spin])
        for ions in by_element.values()
        for spin in (0, 1)
        if {filling[spin] for _, filling in ions} not in ({0}, {_ORBITALS})
        for atom, electrons in ions
    ]


def even_moments(species: Sequence[Species], moments: Sequence[float]) -> list[float]:
    """Return starting moments (µB) of the same sum, alike for all ions of one element.

    Neutral atoms with different d counts start with the wrong one lower, by ten times the potential
    that is to hold the order: each ion with a held shell gets the smallest moment of its element,
    and the rest is spread over the anions.
    """
    result = list(moments)
    held = {shell.atom for shell in held_shells(species)}
    for element in {species[atom].element for atom in held}:
        atoms = [atom for atom in held if species[atom].element == element]
        smallest = min(moments[atom] for atom in atoms)
        for atom in atoms:
            result[atom] = smallest
    anions = [atom for atom, one in enumerate(species) if one.charge < 0]
    rest = sum(moments) - sum(result)
    for atom in anions:
        result[atom] += rest / len(anions)
    return result if anions else list(moments)
