"""The local distortions of redox ions along a path: escort them, and see where they leave the data.

Half way between two charge states an ion is neither: a learned model is asked about bond lengths
for which it has no data. What is measured is the mean bond length of each ion that changes, against
the range between the mean bond lengths of the two charge states.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from redoxmc.structures.host import Host, HostGeometry
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.neighbours import neighbours
from redoxmc.structures.reference_start import Distorter

ESCORT_REACH = 9.0  # Å: sites this near to a changing ion have a part in its escort
LARGE = 400  # sites: below, the escort is that of the whole cell


@dataclass(frozen=True)
class Distortions:
    """The distortions of one host geometry. sites: those that carry an atom, in atom order."""

    lattice: Lattice
    geometry: HostGeometry
    distorter: Distorter
    sites: Ints

    def start(self, occupancy: Occupancy) -> Floats:
        """Positions (n_atoms, 3) Å of the reference start."""
        return np.asarray(self.distorter.start(occupancy)[self.sites])

    def escort(self, before: Occupancy, after: Occupancy) -> Floats:
        """Difference of two reference starts, (n_atoms, 3) Å: odd under exchange of the two.

        It depends on the two occupancies alone. In a large cell only the surroundings of the ions
        that change are considered.
        """
        changed = np.flatnonzero(before != after)
        distorter, place = self.distorter, np.arange(len(self.geometry.positions))
        low, high = before, after
        if len(place) > LARGE:
            near = self.near(changed, ESCORT_REACH)
            place = np.flatnonzero(near)
            distorter, entries = _part(self.distorter, near)
            low, high = before[entries], after[entries]
        shift = np.zeros_like(self.geometry.positions)
        shift[place] = distorter.displacements(high) - distorter.displacements(low)
        return np.asarray(shift[self.sites])

    def near(self, entries: Ints, reach: float) -> npt.NDArray[np.bool_]:
        """Whether each site of the host lies within reach (Å) of one of some redox ions."""
        centres = self.lattice.redox_sites[entries]
        pairs = neighbours(self.geometry.cell, self.geometry.positions, reach, centres)
        near = np.zeros(len(self.geometry.positions), dtype=bool)
        near[centres] = near[pairs.point] = True
        return near

    def mobile(self, before: Occupancy, after: Occupancy, radius: float | None) -> Floats | None:
        """1 for the atoms that move on a path, 0 for those that stand still; None for all."""
        if radius is None:
            return None
        near = self.near(np.flatnonzero(before != after), radius)
        return np.asarray(near[self.sites], dtype=np.float64)

    def mean_bonds(self, cell: Floats, positions: Floats, entries: Ints) -> Floats:
        """Mean bond length (Å) of some redox ions. positions: (n_atoms, 3) Å."""
        everywhere = np.full_like(self.geometry.positions, np.nan)
        everywhere[self.sites] = positions
        strain = np.linalg.inv(self.geometry.cell) @ cell
        lengths = []
        for entry in entries:
            rows = self.distorter.bonds[:, 0] == entry
            vector = (
                everywhere[self.distorter.bonds[rows, 1]] + self.distorter.offset[rows] @ strain
            )
            vector -= everywhere[self.lattice.redox_sites[entry]]
            lengths.append(np.linalg.norm(vector, axis=1).mean())
        return np.array(lengths)

    def outside(self, bonds: Floats, entries: Ints) -> Floats:
        """How far (Å) mean bonds of some redox ions lie outside the range of their states."""
        targets = self.distorter.targets[entries]
        low, high = np.nanmin(targets, axis=1), np.nanmax(targets, axis=1)
        return np.asarray(np.maximum(np.maximum(low - bonds, bonds - high), 0.0))


def make_distortions(host: Host, occupancy: Occupancy) -> Distortions:
    """Prepare the distortions of a host geometry; the ions stay where this occupancy has them."""
    n_ions = host.n_ions(occupancy)
    sites, _ = host.lattice.atoms(occupancy)
    return Distortions(host.lattice, host.geometries[n_ions], host.distorter(n_ions), sites)


def _part(whole: Distorter, near: np.ndarray) -> tuple[Distorter, Ints]:
    """The distorter of some sites only, and the redox entries that all its bonds are known of."""
    number = np.cumsum(near) - 1
    known = near[whole.redox_sites]
    missing = ~near[whole.bonds[:, 1]]
    known[np.unique(whole.bonds[missing, 0])] = False
    entries = np.flatnonzero(known)
    renumber = np.full(len(whole.redox_sites), -1)
    renumber[entries] = np.arange(len(entries))
    bonds = known[whole.bonds[:, 0]]
    stiff = near[whole.stiff].all(axis=1)
    part = replace(
        whole,
        positions=whole.positions[near],
        redox_sites=number[whole.redox_sites[entries]],
        targets=whole.targets[entries],
        bonds=np.column_stack([renumber[whole.bonds[bonds, 0]], number[whole.bonds[bonds, 1]]]),
        offset=whole.offset[bonds],
        stiff=number[whole.stiff[stiff]],
        stiff_offset=whole.stiff_offset[stiff],
    )
    return part, entries
