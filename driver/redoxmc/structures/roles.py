"""Which sites of the host are redox sites, and of which charge states."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.config.campaign import RedoxConfig
from redoxmc.errors import InputError
from redoxmc.io.cif import CifSite
from redoxmc.species import Species
from redoxmc.structures.neighbours import neighbours

States = tuple[Species, ...]  # of a redox site, most oxidised first
SAME_SHELL = 1.25  # ligands no farther than this times the nearest one count as coordination


def redox_roles(
    path: Path, host: Any, listed: Sequence[CifSite], couples: Sequence[RedoxConfig]
) -> list[States | None]:
    """The charge states of every site of the host (ase.Atoms), None where it is no redox site.

    listed: the sites of its CIF; empty for another kind of file. Tables with `sites` come first, a
    table without takes what is left of its element. InputError where a table finds no site, or two
    want the same one.
    """
    roles: list[States | None] = [None] * len(host)
    symbols = np.array(host.get_chemical_symbols())
    for table in sorted(couples, key=lambda table: table.sites is None):
        element = table.ladder[0].element
        own = symbols == element
        if not own.any():
            raise InputError(f"{path} has no redox site: no {element} in it.")
        if table.sites is not None:
            own &= _chosen(path, host, listed, table.sites, own)
        taken = np.array([role is not None for role in roles])
        if table.sites is None:
            own &= ~taken
        if not own.any() or (own & taken).any():
            what = "two tables want the same site" if own.any() else "no site is left for one"
            raise InputError(
                f"redox: of the tables of {element}, {what}; give each its sites (CIF labels, a "
                "Wyckoff letter, or a number of ligands)."
            )
        for site in np.flatnonzero(own):
            roles[site] = table.ladder
    return roles


def _chosen(
    path: Path, host: Any, listed: Sequence[CifSite], wanted: list[Any], own: np.ndarray
) -> np.ndarray:
    """Which sites have one of the wanted labels, Wyckoff letters or numbers of ligands."""
    names: list[set[Any]] = [set() for _ in range(len(host))]
    for own_names, row in zip(names, listed_sites(host, listed), strict=True):
        if row is not None:
            own_names.add(row.label)
    for own_names, letter in zip(names, _wyckoff(host), strict=False):
        own_names.add(letter)
    if any(type(one) is int for one in wanted):
        for site in np.flatnonzero(own):
            names[site].add(_coordination(host, int(site)))
    for one in wanted:
        if not any(one in names[site] for site in np.flatnonzero(own)):
            found = sorted({str(name) for site in np.flatnonzero(own) for name in names[site]})
            raise InputError(
                f"redox.sites: {one!r} is no site of that element in {path}; there is "
                f"{', '.join(found)}."
            )
    return np.array([any(one in own_names for one in wanted) for own_names in names])


def listed_sites(host: Any, listed: Sequence[CifSite]) -> list[CifSite | None]:
    """The row of the CIF's list of sites that each site of the host comes from."""
    kinds = host.arrays.get("spacegroup_kinds")
    if kinds is None or not listed or max(kinds) >= len(listed):
        return [None] * len(host)
    return [listed[kind] for kind in kinds]


def _wyckoff(host: Any) -> list[str]:
    """Wyckoff letters of the host's sites; none where spglib finds no space group."""
    import spglib

    cell = (host.cell.array, host.get_scaled_positions(), host.numbers)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = spglib.get_symmetry_dataset(cell, symprec=1e-3)
    except Exception:  # spglib raises what it used to return as None
        dataset = None
    return [] if dataset is None else list(dataset.wyckoffs)


def _coordination(host: Any, site: int) -> int:
    """How many atoms of other elements lie within 1.25 times the distance of the nearest."""
    others = host.numbers != host.numbers[site]
    if not others.any():
        return 0
    reach = 4.0
    while True:
        near = neighbours(host.cell.array, host.positions, reach, np.array([site]))
        near = near[others[near.point]]
        if len(near.distance):
            nearest = float(near.distance.min())
            if SAME_SHELL * nearest <= reach:
                return int((near.distance <= SAME_SHELL * nearest).sum())
        reach *= 1.5
