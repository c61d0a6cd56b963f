"""The host lattice of a campaign: its sites, what may sit on them, and how charges balance."""

import warnings
from collections import Counter
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from redoxmc.config.campaign import Config, determinant
from redoxmc.errors import InputError
from redoxmc.io.cif import CifSite, check_cif
from redoxmc.io.frames import short
from redoxmc.io.geometry import check_geometry
from redoxmc.model_card import ModelCard
from redoxmc.species import Species

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Occupancy = npt.NDArray[np.int8]

MOST_SITES = 5_000_000  # of a supercell


@dataclass(frozen=True)
class Lattice:
    """A supercell of the host with every ion site filled.

    cell: (3, 3) Å, rows are vectors. scaled: (n_sites, 3) fractional positions.
    species: of each site, redox sites as reduced. redox_sites, ion_sites: indices of sites;
    an occupancy lists the redox sites (1 reduced, 0 oxidised), then the ion sites
    (1 occupied, 0 vacant). formula: of the host with all sites filled, `formula_units` of them.
    """

    cell: Floats
    scaled: Floats
    species: tuple[Species, ...]
    redox_sites: Ints
    ion_sites: Ints
    reduced: Species
    oxidised: Species
    formula: str
    formula_units: int

    @property
    def n_redox(self) -> int:
        """Number of redox sites."""
        return len(self.redox_sites)

    @property
    def n_ion_sites(self) -> int:
        """Number of ion sites, occupied or not."""
        return len(self.ion_sites)

    def to_data(self) -> dict[str, Any]:
        """As plain JSON data, so that results can be analysed without the host's file."""
        return {
            "cell": self.cell.tolist(),
            "scaled": self.scaled.tolist(),
            "species": [str(s) for s in self.species],
            "redox_sites": self.redox_sites.tolist(),
            "ion_sites": self.ion_sites.tolist(),
            "reduced": str(self.reduced),
            "oxidised": str(self.oxidised),
            "formula": self.formula,
            "formula_units": self.formula_units,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Lattice":
        """Inverse of to_data."""
        return cls(
            cell=np.array(data["cell"]),
            scaled=np.array(data["scaled"]),
            species=tuple(Species.parse(name) for name in data["species"]),
            redox_sites=np.array(data["redox_sites"], dtype=np.int64),
            ion_sites=np.array(data["ion_sites"], dtype=np.int64),
            reduced=Species.parse(data["reduced"]),
            oxidised=Species.parse(data["oxidised"]),
            formula=data["formula"],
            formula_units=data["formula_units"],
        )

    def total_charge(self, occupancy: Occupancy) -> int:
        """Total formal charge in e."""
        _, species = self.atoms(occupancy)
        return sum(s.charge for s in species)

    def n_reduced(self, n_ions: int) -> int | None:
        """How many redox sites are reduced in a neutral cell with n_ions ions; None if none is."""
        empty = np.zeros(self.n_redox + self.n_ion_sites, dtype=np.int8)
        empty[self.n_redox : self.n_redox + n_ions] = 1
        excess = self.total_charge(empty)  # all redox sites oxidised
        gain = self.oxidised.charge - self.reduced.charge
        count, rest = divmod(excess, gain)
        return count if rest == 0 and 0 <= count <= self.n_redox else None

    def atoms(self, occupancy: Occupancy) -> tuple[Ints, tuple[Species, ...]]:
        """Sites that carry an atom, in site order, and the species on each."""
        if occupancy.shape != (self.n_redox + self.n_ion_sites,):
            raise ValueError(
                f"occupancy of shape {occupancy.shape} on {self.n_redox}+{self.n_ion_sites} sites"
            )
        present = np.ones(len(self.species), dtype=bool)
        present[self.ion_sites] = occupancy[self.n_redox :].astype(bool)
        species = list(self.species)
        for site, state in zip(self.redox_sites, occupancy[: self.n_redox], strict=True):
            species[site] = self.reduced if state else self.oxidised
        sites = np.flatnonzero(present)
        return sites, tuple(species[site] for site in sites)

    def possible_concentrations(self) -> list[float]:
        """The concentrations (ions per redox site) at which the supercell is neutral."""
        counts = range(self.n_ion_sites + 1)
        return [n / self.n_redox for n in counts if self.n_reduced(n) is not None]


def build_lattice(config: Config, card: ModelCard) -> Lattice:
    """Read the host structure, find its sites and repeat it.

    Raises InputError for an unreadable file, a species that the model lacks, and a host without
    redox or ion sites.
    """
    from ase.build import make_supercell

    path = config.host.structure
    host, listed = _read(path)
    reduced, oxidised = Species.parse(config.redox.reduced), Species.parse(config.redox.oxidised)
    ion = Species.parse(config.ions.species)
    if reduced.element != oxidised.element or reduced.charge >= oxidised.charge:
        raise InputError(
            f"redox.reduced = '{reduced}', redox.oxidised = '{oxidised}': they must be one "
            "element, the reduced one with the lower charge."
        )
    for species in (reduced, oxidised, ion):
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
    atoms = make_supercell(host, np.diag(matrix) if matrix.ndim == 1 else matrix)
    symbols = np.array(atoms.get_chemical_symbols())
    by_element = {
        element: _only_species(element, reduced, ion, card, config.host.structure)
        for element in dict.fromkeys(symbols)
    }
    for element, what in ((reduced.element, "redox"), (ion.element, "ion")):
        if element not in by_element:
            raise InputError(f"{config.host.structure} has no {what} site: no {element} in it.")
    for site in listed:
        if site.species is not None:
            _check_charge(path, site, by_element, (reduced, oxidised))
    counts = host.symbols.formula.count()  # in order of appearance
    units = gcd(*counts.values())
    formula = "".join(f"{e}{n // units if n > units else ''}" for e, n in counts.items())
    return Lattice(
        cell=np.array(atoms.cell),
        scaled=atoms.get_scaled_positions(),
        species=tuple(by_element[s] for s in symbols),
        redox_sites=np.flatnonzero(symbols == reduced.element),
        ion_sites=np.flatnonzero(symbols == ion.element),
        reduced=reduced,
        oxidised=oxidised,
        formula=formula,
        formula_units=units * len(atoms) // len(host),
    )


def ion_count(lattice: Lattice, x: float) -> int:
    """Number of ions at concentration x; InputError where the supercell cannot hold it."""
    n_ions = round(x * lattice.n_redox)
    exact = abs(n_ions - x * lattice.n_redox) < 1e-6 and n_ions <= lattice.n_ion_sites
    if not exact or lattice.n_reduced(n_ions) is None:
        possible = ", ".join(f"{value:g}" for value in lattice.possible_concentrations())
        if not possible:
            raise InputError(
                f"ions.concentrations: no number of ions makes the supercell neutral, its species "
                f"being {_census(lattice)}; check the charges of redox and ions, and the host."
            )
        raise InputError(
            f"ions.concentrations: x = {x:g} cannot be held by a supercell of {lattice.n_redox} "
            f"redox sites; it can hold {possible}."
        )
    return n_ions


def ion_counts(lattice: Lattice, concentrations: list[float]) -> dict[float, int]:
    """Number of ions at each concentration; InputError also where two of them are the same."""
    counts: dict[float, int] = {}
    for x in concentrations:
        n_ions = ion_count(lattice, x)
        same = [other for other, n in counts.items() if n == n_ions]
        if same:
            raise InputError(
                f"ions.concentrations: {same[0]!r} and {x!r} are both {n_ions} ions in this "
                "supercell; leave one of them out."
            )
        counts[x] = n_ions
    return counts


def _census(lattice: Lattice) -> str:
    """What a filled lattice is made of: '4 Na+, 4 Fe2+/Fe3+, …'."""
    names = {s: str(s) for s in lattice.species} | {
        lattice.reduced: f"{lattice.reduced}/{lattice.oxidised}"
    }
    return ", ".join(f"{n} {names[s]}" for s, n in Counter(lattice.species).items())


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


def _check_charge(
    path: Path, site: CifSite, by_element: dict[str, Species], pair: tuple[Species, Species]
) -> None:
    """Refuse a formal charge of the file that is not what the site is taken for."""
    assert site.species is not None
    own = by_element.get(site.species.element)
    allowed = pair if own in pair else (own,)
    if own is not None and site.species not in allowed:
        names = " or ".join(map(str, allowed))
        raise InputError(
            f"{path}: site {site.label} is {site.species}, but here it is taken for {names}; "
            "correct its charge, or leave charges out of the file."
        )


def _only_species(
    element: str, reduced: Species, ion: Species, card: ModelCard, path: Path
) -> Species:
    if element == reduced.element:
        return reduced
    if element == ion.element:
        return ion
    of_element = [s for s in card.species if s.element == element]
    if len(of_element) != 1:
        has = ", ".join(map(str, card.species))
        raise InputError(
            f"{path}: {element} must be one species of the model {card.folder}, which has {has}."
        )
    return of_element[0]
