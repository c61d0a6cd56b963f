"""The host lattice of a campaign from its structure file: what sits where, in which supercell."""

import warnings
from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.config.campaign import Config, determinant
from redoxmc.config.redox import redox_problem
from redoxmc.errors import InputError
from redoxmc.io.cif import CifSite, check_cif
from redoxmc.io.frames import short
from redoxmc.io.geometry import check_geometry
from redoxmc.model_card import ModelCard
from redoxmc.species import Species
from redoxmc.structures.exclusion import excluded_pairs
from redoxmc.structures.lattice import Lattice
from redoxmc.structures.roles import States, listed_sites, redox_roles

MOST_SITES = 5_000_000  # of a supercell


def build_lattice(config: Config, card: ModelCard) -> Lattice:
    """Read the host structure, find its sites and repeat it.

    Raises InputError for an unreadable file, a species that the model lacks, and a host without
    redox or ion sites.
    """
    from ase.build import make_supercell

    path = config.host.structure
    host, listed = _read(path)
    if problem := redox_problem(config):
        raise InputError(f"{problem}.")
    ion = None if config.ions is None else Species.parse(config.ions.species)
    named = [state for table in config.couples for state in reversed(table.ladder)]
    for species in [*named, ion] if ion else named:
        if species not in card.species:
            names = ", ".join(map(str, card.species))
            raise InputError(f"model {card.folder} has no species '{species}'; it has {names}.")
    sites = len(host) * determinant(config.host.supercell)
    if sites > MOST_SITES:
        raise InputError(
            f"host.supercell = {config.host.supercell} makes {sites} sites of the {len(host)} of "
            f"{path}; at most {MOST_SITES} are possible."
        )
    matrix = np.array(config.host.supercell)
    roles = redox_roles(path, host, listed, config.couples)
    if ion and ion.element not in host.get_chemical_symbols():
        raise InputError(f"{path} has no ion site: no {ion.element} in it.")
    species_of = _host_species(path, host, listed, roles, ion, card)
    host.set_array("host_site", np.arange(len(host)))
    atoms = make_supercell(host, np.diag(matrix) if matrix.ndim == 1 else matrix)
    source = atoms.arrays["host_site"]
    symbols = np.array(atoms.get_chemical_symbols())
    ion_sites = np.flatnonzero(symbols == (ion.element if ion else ""))
    states = [roles[n] for n in source]
    redox = np.array([own is not None for own in states])
    counts = host.symbols.formula.count()  # in order of appearance
    units = gcd(*counts.values())
    formula = "".join(f"{e}{n // units if n > units else ''}" for e, n in counts.items())
    return Lattice(
        cell=np.array(atoms.cell),
        scaled=atoms.get_scaled_positions(),
        species=tuple(species_of[n] for n in source),
        redox_sites=np.flatnonzero(redox),
        ion_sites=ion_sites,
        redox_states=tuple(own for own in states if own is not None),
        formula=formula,
        formula_units=units * len(atoms) // len(host),
        excluded=excluded_pairs(config, np.array(atoms.cell), atoms.positions[ion_sites]),
    )


def _read(path: Path) -> tuple[Any, list[CifSite]]:
    """The host's cell, and the sites as its CIF lists them (none of another kind of file)."""
    from ase.io import read

    if not path.is_file():
        raise InputError(f"host.structure: {path} does not exist.")
    listed = check_cif(path) if path.suffix.lower() == ".cif" else []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms = read(path, index=0)
    except Exception as error:  # ase raises whatever its parser met
        raise InputError(f"host.structure: {path} cannot be read ({short(error)}).") from None
    if not len(atoms):
        raise InputError(f"host.structure: {path} holds no atoms.")
    check_geometry(path, atoms)
    return atoms, listed


def _host_species(
    path: Path,
    host: Any,
    listed: Sequence[CifSite],
    roles: Sequence[States | None],
    ion: Species | None,
    card: ModelCard,
) -> list[Species]:
    """The species of every site of the host, redox sites as most reduced.

    InputError where a formal charge of the file is not what the site is taken for.
    """
    found = []
    for symbol, states, row in zip(
        host.get_chemical_symbols(), roles, listed_sites(host, listed), strict=True
    ):
        written = row.species if row else None
        if states is not None:
            allowed: States = states[::-1]
        elif ion is not None and symbol == ion.element:
            allowed = (ion,)
        else:
            allowed = (_only_species(symbol, written, card, path),)
        if row and written and written.element == symbol and written not in allowed:
            names = " or ".join(map(str, allowed))
            raise InputError(
                f"{path}: site {row.label} is {written}, but here it is taken for {names}; "
                "correct its charge, or leave charges out of the file."
            )
        found.append(allowed[0])
    return found


def _only_species(element: str, written: Species | None, card: ModelCard, path: Path) -> Species:
    """The species of a site that never changes: the model's only one, or as the file says."""
    of_element = [s for s in card.species if s.element == element]
    if len(of_element) > 1 and written in of_element:
        return written
    if len(of_element) != 1:
        names = " or ".join(map(str, of_element)) or f"none of {', '.join(map(str, card.species))}"
        remedy = "write the charge of this site into the CIF" if of_element else "take another one"
        raise InputError(
            f"{path}: {element} must be one species of the model {card.folder}, which has {names}; "
            f"{remedy}."
        )
    return of_element[0]
