"""A model on one supercell of the host: its host lattices, reference starts and relaxed states."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms

from distillation.cells import Cell
from distillation.labelling import BondBias, charge_states
from redoxmc.config.campaign import RelaxConfig
from redoxmc.data.bond_bias import BiasedCalculator, find_shells
from redoxmc.data.session_calculator import SessionCalculator
from redoxmc.engines.host import HostRelaxer
from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.relaxed import check_sites
from redoxmc.io.extxyz import species_of
from redoxmc.structures.host import Host, HostGeometry
from redoxmc.structures.lattice import Floats, Occupancy
from redoxmc.structures.reference_start import Distorter

STATE_FORCE = 0.02  # eV/Å, of a state that walks start from or end in
_SITE_TOLERANCE = 1.0  # Å


@dataclass(frozen=True)
class ModelOnCell:
    """A model on one supercell, and the bias on bond lengths that holds an order.

    cell: the supercell.
    session: of the model.
    bias: on bond lengths.
    """

    cell: Cell
    session: LammpsSession
    bias: BondBias

    @cached_property
    def relaxer(self) -> HostRelaxer:
        """Finds host lattices, as a campaign with `relax.cell = "per_x"` does."""
        host = Host(self.cell.lattice, self.cell.host.symmetry, self.session.card.bonds)
        return HostRelaxer(host, self.session, RelaxConfig(cell="per_x"))

    def geometry(self, n_ions: int) -> HostGeometry:
        """The host lattice with n_ions ions, relaxed where it is not known yet."""
        return self.relaxer.geometry(n_ions)

    def distorter(self, n_ions: int, box: Floats) -> Distorter:
        """What makes reference starts, on the host lattice strained to a box (3, 3) Å."""
        return self.relaxer.host.distorter_of(self.geometry(n_ions).strained(box))

    def start(self, order: Occupancy, box: Floats) -> Atoms:
        """The reference start of an order, on the host lattice strained to a box (3, 3) Å."""
        host = self.relaxer.host
        return host.start(order, self.geometry(host.n_ions(order)).strained(box))

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
