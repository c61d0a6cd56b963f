"""The host of a campaign: its sites, their symmetry, and its geometry at each number of ions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.io.extxyz import make_atoms
from redoxmc.model_card import Bonds
from redoxmc.structures.lattice import Floats, Lattice, Occupancy
from redoxmc.structures.occupancy import occupancy_key
from redoxmc.structures.reference_start import Distorter, make_distorter
from redoxmc.structures.symmetry import SiteSymmetry, find_symmetry

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class HostGeometry:
    """The host lattice of one concentration, invariant under the host's symmetry."""

    cell: Floats  # (3, 3) Å
    positions: Floats  # (n_sites, 3) Å, of vacant ion sites too
    force_evaluations: int = 0  # what it took to find

    def strained(self, cell: Floats) -> "HostGeometry":
        """The same sites in another cell, (3, 3) Å."""
        return HostGeometry(cell, self.positions @ np.linalg.inv(self.cell) @ cell)


@dataclass
class Host:
    """The sites of a host, their symmetry, and the geometries that are known of it."""

    lattice: Lattice  # the sites, and what may sit on them
    symmetry: SiteSymmetry  # of the sites
    # of the model card, for reference starts; empty where none are made
    bonds: Mapping[str, Bonds] = field(default_factory=dict)
    geometries: dict[int, HostGeometry] = field(default_factory=dict)  # by number of ions
    _distorters: dict[int, Distorter] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, lattice: Lattice, bonds: Mapping[str, Bonds] | None = None) -> "Host":
        """Find the symmetry of a lattice; InputError where there is none."""
        return cls(lattice, find_symmetry(lattice), bonds or {})

    @property
    def unrelaxed(self) -> HostGeometry:
        """The geometry of the host's file."""
        return HostGeometry(self.lattice.cell, self.lattice.scaled @ self.lattice.cell)

    def n_ions(self, occupancy: Occupancy) -> int:
        """Number of ions of an occupancy."""
        return int(occupancy[self.lattice.n_redox :].sum())

    def canonical_key(self, occupancy: Occupancy) -> str:
        """The key that equivalent occupancies share."""
        return occupancy_key(self.lattice, self.symmetry.canonical(occupancy))

    def distorter(self, n_ions: int) -> Distorter:
        """What makes the reference starts with n_ions ions, on their geometry."""
        if n_ions not in self._distorters:
            self._distorters[n_ions] = self.distorter_of(self.geometries[n_ions])
        return self._distorters[n_ions]

    def distorter_of(self, geometry: HostGeometry) -> Distorter:
        """What makes reference starts on any geometry of the host."""
        return make_distorter(self.lattice, geometry.cell, geometry.positions, self.bonds)

    def start(self, occupancy: Occupancy, geometry: HostGeometry | None = None) -> "Atoms":
        """The reference start of an occupancy, with the column `charge_state`.

        geometry: that of its number of ions by default.
        """
        n_ions = self.n_ions(occupancy)
        distorter = self.distorter(n_ions) if geometry is None else self.distorter_of(geometry)
        sites, _ = self.lattice.atoms(occupancy)
        return self.atoms(occupancy, distorter.cell, distorter.start(occupancy)[sites])

    def atoms(
        self, occupancy: Occupancy, cell: Floats, positions: Floats, **results: Any
    ) -> "Atoms":
        """A structure of an occupancy, with the column `charge_state`.

        cell: (3, 3) Å. positions: (n_atoms, 3) Å, in site order. results: as make_atoms has them.
        """
        return make_atoms(self.lattice.atoms(occupancy)[1], cell, positions, **results)
