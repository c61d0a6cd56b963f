"""A model on one supercell of the host: its host lattices, reference starts and relaxed states."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms

from distillation.cells import Cell
from distillation.labelling import BondBias, charge_states, with_states
from redoxmc.config.campaign import RelaxConfig
from redoxmc.data.bond_bias import BiasedCalculator, find_shells
from redoxmc.data.session_calculator import SessionCalculator
from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.relaxed import HostGeometry, check_sites, host_geometry
from redoxmc.io.extxyz import species_of
from redoxmc.structures.lattice import Floats, Occupancy
from redoxmc.structures.reference_start import Distorter, make_distorter

STATE_FORCE = 0.02  # eV/Å, of a state that walks start from or end in
_SITE_TOLERANCE = 1.0  # Å


@dataclass(frozen=True)
class ModelOnCell:
    """A model on one supercell, and the bias on bond lengths that holds an order.

    cell: the supercell.
    session: of the model.
    bias: on bond lengths.
    hosts: host lattices by number of ions, filled as they are asked for.
    """

    cell: Cell
    session: LammpsSession
    bias: BondBias
    hosts: dict[int, HostGeometry] = field(default_factory=dict)

    def host(self, n_ions: int) -> HostGeometry:
        """The host lattice as a campaign with `relax.cell = "per_x"` relaxes it."""
        if n_ions not in self.hosts:
            lattice, symmetry = self.cell.lattice, self.cell.symmetry
            settings = RelaxConfig(cell="per_x")
            self.hosts[n_ions] = host_geometry(lattice, symmetry, self.session, settings, n_ions)
        return self.hosts[n_ions]

    def distorter(self, n_ions: int, box: Floats) -> Distorter:
        """What makes reference starts, on the host lattice strained to a box (3, 3) Å."""
        host = self.host(n_ions)
        positions = host.positions @ np.linalg.inv(host.cell) @ box
        return make_distorter(self.cell.lattice, box, positions, self.session.card.bonds)

    def start(self, order: Occupancy, box: Floats) -> Atoms:
        """The reference start of an order."""
        distorter = self.distorter(int(order[self.cell.lattice.n_redox :].sum()), box)
        sites, species = self.cell.lattice.atoms(order)
        positions = (distorter.positions + distorter.displacements(order))[sites]
        atoms = Atoms([s.element for s in species], positions, cell=box, pbc=True)
        return with_states(atoms, [str(s) for s in species])

    def relaxed(self, order: Occupancy, box: Floats) -> Atoms:
        """The relaxed state in a fixed box; EngineError where an atom leaves its site."""
        return self.minimized(self.start(order, box))

    def minimized(self, start: Atoms) -> Atoms:
        """Where the session's minimizer ends; EngineError where an atom leaves its site."""
        atoms = start.copy()
        atoms.positions = self.session.minimize(
            np.array(start.cell), start.positions, species_of(start), force_tolerance=STATE_FORCE
        ).positions
        check_sites(atoms.positions, start.positions, _SITE_TOLERANCE)
        return atoms

    def biased(self, atoms: Atoms, targets: Sequence[float] | None = None) -> BiasedCalculator:
        """The model with the bias. targets: other mean bond lengths (Å), one for each redox ion."""
        shells = find_shells(atoms, charge_states(atoms), self.bias.bonds)
        strength = self.bias.strength
        if targets is not None:
            strength *= 5  # the model pulls towards its own bond lengths
            shells = [replace(s, target=t) for s, t in zip(shells, targets, strict=True)]
        return BiasedCalculator(SessionCalculator(self.session), shells, strength)
