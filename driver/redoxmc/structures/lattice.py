"""The host lattice of a campaign: its sites, what may sit on them, and how charges balance."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from redoxmc.errors import InputError
from redoxmc.species import Species
from redoxmc.structures.independent import exclusion_graph
from redoxmc.structures.random_levels import first_levels
from redoxmc.structures.roles import States
from redoxmc.thermo.levels import Blocks, blocks_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Occupancy = npt.NDArray[np.int8]


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
