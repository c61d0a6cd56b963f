"""The host lattice of a campaign: its sites, what may sit on them, and how charges balance."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from redoxmc.config.campaign import Config, determinant
from redoxmc.config.redox import redox_problem
from redoxmc.errors import InputError
from redoxmc.io.cif import CifSite, check_cif
from redoxmc.io.frames import short
from redoxmc.io.geometry import check_geometry
from redoxmc.model_card import ModelCard
from redoxmc.species import Species
from redoxmc.structures.exclusion import excluded_pairs
from redoxmc.structures.independent import exclusion_graph
from redoxmc.structures.random_levels import first_levels
from redoxmc.structures.roles import States, listed_sites, redox_roles
from redoxmc.thermo.levels import Blocks, blocks_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Occupancy = npt.NDArray[np.int8]

MOST_SITES = 5_000_000  # of a supercell


@dataclass(frozen=True)
class Lattice:
    """A supercell of the host with every ion site filled."""

    cell: Floats  # (3, 3) Å, rows are vectors
    scaled: Floats  # (n_sites, 3) fractional positions
    species: tuple[Species, ...]  # of each site, redox sites as most reduced
    redox_sites: Ints  # indices of sites: the first entries of an occupancy, numbers of a state
    ion_sites: Ints  # the other entries (1 occupied, 0 vacant)
    # of each redox site its charge states, most oxidised first: state 0, 1, … of an occupancy. They
    # all follow each other by the same number of electrons, so that neutral occupancies of one
    # number of ions are those with one sum over the redox sites
    redox_states: tuple[States, ...]
    formula: str  # of the host with all sites filled, `formula_units` of them
    formula_units: int  # in the supercell
    # (n_pairs, 2) ion sites, counted from 0, that are too close to be occupied together
    excluded: Ints = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))

    @property
    def n_redox(self) -> int:
        """Number of redox sites."""
        return len(self.redox_sites)

    @property
    def n_ion_sites(self) -> int:
        """Number of ion sites, occupied or not."""
        return len(self.ion_sites)

    @property
    def ion(self) -> Species | None:
        """The working ion, None without ion sites."""
        return self.species[self.ion_sites[0]] if self.n_ion_sites else None

    @cached_property
    def most(self) -> Ints:
        """The electrons that each redox site can take, (n_redox,), in steps of `step`."""
        return np.array([len(states) - 1 for states in self.redox_states], dtype=np.int64)

    @cached_property
    def blocks(self) -> Blocks:
        """The redox sites counted by the electrons that they take."""
        return blocks_of(self.most)

    @cached_property
    def ladders(self) -> tuple[States, ...]:
        """The distinct sets of charge states, in the order of the sites that have them."""
        return tuple(dict.fromkeys(self.redox_states))

    @property
    def one_couple(self) -> bool:
        """Whether all redox sites have the same two charge states."""
        return len(self.ladders) == 1 and len(self.ladders[0]) == 2

    @property
    def reduced(self) -> Species:
        """The reduced state of the one couple."""
        assert self.one_couple
        return self.ladders[0][1]

    @property
    def oxidised(self) -> Species:
        """The oxidised state of the one couple."""
        assert self.one_couple
        return self.ladders[0][0]

    @property
    def step(self) -> int:
        """Electrons (e) between two states that follow each other, on every site."""
        return self.ladders[0][0].charge - self.ladders[0][1].charge

    def x_of(self, n_ions: int) -> float:
        """What results call x: ions per redox site.

        Without ion sites, the mean number of electrons per redox site above the most oxidised
        state.
        """
        if self.n_ion_sites:
            return n_ions / self.n_redox
        return (self.n_reduced(0) or 0) * self.step / self.n_redox

    def formula_at(self, n_ions: int) -> str:
        """The formula with so many ions in the supercell, such as Na0.5FePO4."""
        counts = Counter(species.element for species in self.species)
        if self.ion:
            counts[self.ion.element] = n_ions
        parts = [(element, n / self.formula_units) for element, n in counts.items() if n]
        return "".join(f"{element}{'' if n == 1 else f'{n:.4g}'}" for element, n in parts)

    def to_data(self) -> dict[str, Any]:
        """As plain JSON data, so that results can be analysed without the host's file."""
        if self.one_couple:
            states: dict[str, Any] = {
                "reduced": str(self.reduced),
                "oxidised": str(self.oxidised),
            }
        else:
            states = {
                "ladders": [[str(s) for s in states] for states in self.ladders],
                "ladder_of_site": [self.ladders.index(own) for own in self.redox_states],
            }
        excluded = {"excluded": self.excluded.tolist()} if len(self.excluded) else {}
        return {
            "cell": self.cell.tolist(),
            "scaled": self.scaled.tolist(),
            "species": [str(s) for s in self.species],
            "redox_sites": self.redox_sites.tolist(),
            "ion_sites": self.ion_sites.tolist(),
            **states,
            "formula": self.formula,
            "formula_units": self.formula_units,
            **excluded,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Lattice":
        """Inverse of to_data."""
        n_redox = len(data["redox_sites"])
        names = data.get("ladders") or [[data["oxidised"], data["reduced"]]]
        ladders = [tuple(Species.parse(name) for name in states) for states in names]
        excluded = np.array(data.get("excluded", []), dtype=np.int64).reshape(-1, 2)
        return cls(
            cell=np.array(data["cell"]),
            scaled=np.array(data["scaled"]),
            species=tuple(Species.parse(name) for name in data["species"]),
            redox_sites=np.array(data["redox_sites"], dtype=np.int64),
            ion_sites=np.array(data["ion_sites"], dtype=np.int64),
            redox_states=tuple(ladders[n] for n in data.get("ladder_of_site", [0] * n_redox)),
            formula=data["formula"],
            formula_units=data["formula_units"],
            excluded=excluded,
        )

    def total_charge(self, occupancy: Occupancy) -> int:
        """Total formal charge in e."""
        _, species = self.atoms(occupancy)
        return sum(s.charge for s in species)

    def n_reduced(self, n_ions: int) -> int | None:
        """How many electrons the redox sites hold in a neutral cell with n_ions ions.

        In steps of `step`, above the most oxidised states: of a couple, how many sites are reduced.
        None where the cell cannot be neutral.
        """
        empty = np.zeros(self.n_redox + self.n_ion_sites, dtype=np.int8)
        empty[self.n_redox : self.n_redox + n_ions] = 1
        excess = self.total_charge(empty)  # all redox sites oxidised
        count, rest = divmod(excess, self.step)
        return count if rest == 0 and 0 <= count <= self.most.sum() else None

    def packed(self, n_ions: int) -> Occupancy:
        """A neutral occupancy with n_ions ions: the first sites of each kind are taken.

        Where ion sites exclude each other, some allowed ion order; InputError where none is found.
        """
        ions = np.zeros(self.n_ion_sites, dtype=np.int8)
        ions[:n_ions] = 1
        if len(self.excluded):
            ions = self.random_ions(n_ions, np.random.default_rng(0))
        return np.concatenate([first_levels(self.most, self.n_reduced(n_ions) or 0), ions])

    def random_ions(self, n_ions: int, rng: np.random.Generator) -> Occupancy:
        """A random ion order that is allowed, (n_ion_sites,): uniform where they can be counted.

        InputError where none is found.
        """
        ions = np.zeros(self.n_ion_sites, dtype=np.int8)
        if not len(self.excluded):
            ions[rng.permutation(self.n_ion_sites)[:n_ions]] = 1
            return ions
        graph = exclusion_graph(self.n_ion_sites, self.excluded)
        drawn = graph.draw(n_ions, rng)
        drawn = graph.draw_somehow(n_ions, rng) if drawn is None else drawn
        if drawn is None:
            raise InputError(
                f"ions.minimum_distance: no order of {n_ions} ions on {self.n_ion_sites} sites was "
                "found that keeps it; take fewer ions or a smaller distance."
            )
        return drawn

    def atoms(self, occupancy: Occupancy) -> tuple[Ints, tuple[Species, ...]]:
        """Sites that carry an atom, in site order, and the species on each."""
        if occupancy.shape != (self.n_redox + self.n_ion_sites,):
            raise ValueError(
                f"occupancy of shape {occupancy.shape} on {self.n_redox}+{self.n_ion_sites} sites"
            )
        present = np.ones(len(self.species), dtype=bool)
        present[self.ion_sites] = occupancy[self.n_redox :].astype(bool)
        species = list(self.species)
        levels = occupancy[: self.n_redox].tolist()
        for site, states, level in zip(self.redox_sites, self.redox_states, levels, strict=True):
            species[site] = states[level]
        sites = np.flatnonzero(present)
        return sites, tuple(species[site] for site in sites)

    def possible_concentrations(self) -> list[float]:
        """The concentrations (ions per redox site) at which the supercell is neutral."""
        counts = range(self.n_ion_sites + 1)
        return [n / self.n_redox for n in counts if self.n_reduced(n) is not None and self.holds(n)]

    def holds(self, n_ions: int) -> bool:
        """Whether there is room for so many ions; True where that is not known in a large cell."""
        if n_ions > self.n_ion_sites or not len(self.excluded):
            return n_ions <= self.n_ion_sites
        return exclusion_graph(self.n_ion_sites, self.excluded).count(n_ions) != 0


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


def ion_count(lattice: Lattice, x: float) -> int:
    """Number of ions at concentration x; InputError where the supercell cannot hold it."""
    n_ions = round(x * lattice.n_redox)
    exact = abs(n_ions - x * lattice.n_redox) < 1e-6 and lattice.holds(n_ions)
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


def compositions(config: Config, lattice: Lattice) -> dict[float, int]:
    """The x of a campaign, each with its number of ions; one, without ions, where it has none."""
    if config.ions is not None:
        return ion_counts(lattice, config.ions.concentrations)
    if lattice.n_reduced(0) is None:
        raise InputError(
            f"{config.host.structure}: no charge order makes the supercell neutral, its species "
            f"being {_census(lattice)}; check the charges of redox, and the host."
        )
    return {lattice.x_of(0): 0}


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
        states[-1]: "/".join(map(str, reversed(states))) for states in lattice.ladders
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
        has = ", ".join(map(str, card.species))
        raise InputError(
            f"{path}: {element} must be one species of the model {card.folder}, which has {has}."
        )
    return of_element[0]
