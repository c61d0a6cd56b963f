"""From an occupancy to its relaxed energy: the reference start, the minimization, its checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from redoxmc.config.campaign import RelaxConfig
from redoxmc.engines.cell import Minimize, relax_cell
from redoxmc.engines.force_constants import MOST_SITES, ForceConstants, measure
from redoxmc.engines.lammps import LammpsSession, State
from redoxmc.engines.quasi_newton import Solve
from redoxmc.errors import EngineError
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.ordering import lowest_charge_order, lowest_electrostatic
from redoxmc.structures.reference_start import Distorter, make_distorter
from redoxmc.structures.symmetry import (
    SiteSymmetry,
    symmetrize_cell,
    symmetrize_displacements,
    symmetrize_tensor,
    transform_cell,
)

# The host lattice of an x fixes a start, not an energy: it is relaxed no further than this.
HOST_FORCE = 0.02  # eV/Å
HOST_STRESS = 5e-4  # eV/Å^3 = 0.08 GPa


@dataclass(frozen=True)
class HostGeometry:
    """The host lattice of one concentration, invariant under the host's symmetry.

    cell: (3, 3) Å. positions: (n_sites, 3) Å, of vacant ion sites too. force_evaluations: it took.
    """

    cell: Floats
    positions: Floats
    force_evaluations: int = 0


@dataclass(frozen=True)
class Relaxed:
    """A relaxed state. energy: eV. cell: (3, 3) Å. positions: (n_atoms, 3) Å in site order."""

    energy: float
    cell: Floats
    positions: Floats
    force_evaluations: int


class Engine(Protocol):
    """Turns an occupancy into a relaxed energy; EngineError where that fails."""

    def relax(self, occupancy: Occupancy) -> Relaxed:
        """Relax from the reference start: a function of the occupancy alone."""

    def relax_from(
        self, occupancy: Occupancy, previous: Relaxed, previous_occupancy: Occupancy
    ) -> Relaxed:
        """Relax from another relaxed state, local distortions carried along with the charges."""

    def transform(
        self, state: Relaxed, occupancy: Occupancy, rotation: Ints, source: Ints
    ) -> Relaxed:
        """The relaxed state of an equivalent occupancy, see SiteSymmetry.between."""


class RelaxedEngine:
    """Relaxed energies of one concentration from a LAMMPS session.

    The relaxed energy is a function of the occupancy as long as the minimizer finds the same
    minimum from every start; sampling tests and the path audit look at exactly that.
    constants: of this concentration's host; without them relaxations take ten times as long.
    """

    def __init__(
        self,
        lattice: Lattice,
        geometry: HostGeometry,
        session: LammpsSession,
        relax: RelaxConfig,
        constants: ForceConstants | None = None,
    ):
        self.lattice = lattice
        self.geometry = geometry
        self.session = session
        self.settings = relax
        self.constants = constants
        self.distorter: Distorter = make_distorter(
            lattice, geometry.cell, geometry.positions, session.card.bonds
        )

    def relax(self, occupancy: Occupancy) -> Relaxed:
        """Relax from the reference start."""
        start = self.geometry.positions + self.distorter.displacements(occupancy)
        return self._minimize(occupancy, self.geometry.cell, start)

    def relax_from(
        self, occupancy: Occupancy, previous: Relaxed, previous_occupancy: Occupancy
    ) -> Relaxed:
        """Relax from a relaxed state of another occupancy at the same concentration.

        Every site keeps its displacement but for the difference of the two reference starts, so
        the local distortions change places with the charges.
        """
        sites, _ = self.lattice.atoms(previous_occupancy)
        strain = np.linalg.inv(self.geometry.cell) @ previous.cell
        start = self.geometry.positions @ strain
        start[sites] = previous.positions
        change = self.distorter.displacements(occupancy)
        change -= self.distorter.displacements(previous_occupancy)
        return self._minimize(occupancy, previous.cell, start + change)

    def transform(
        self, state: Relaxed, occupancy: Occupancy, rotation: Ints, source: Ints
    ) -> Relaxed:
        """The relaxed state of an equivalent occupancy, see SiteSymmetry.between."""
        sites, _ = self.lattice.atoms(occupancy)
        host = self.geometry.positions @ np.linalg.inv(self.geometry.cell)
        moved = np.zeros_like(host)
        moved[sites] = state.positions @ np.linalg.inv(state.cell) - host[sites]
        present = np.flatnonzero(np.isin(source, sites))
        scaled = host[present] + moved[source[present]] @ rotation.T
        cell = transform_cell(rotation, self.geometry.cell, state.cell)
        return Relaxed(state.energy, cell, scaled @ cell, 0)

    def _minimize(self, occupancy: Occupancy, cell: Floats, start: Floats) -> Relaxed:
        sites, species = self.lattice.atoms(occupancy)
        solve = self.constants.solver(sites) if self.constants is not None else None
        tolerance = self.settings.force_tolerance
        minimize = _minimizer(self.session, species, tolerance, self.settings, solve)
        if self.settings.cell == "full":
            state = relax_cell(minimize, cell, start[sites], self.settings.stress_tolerance)
        else:
            state = minimize(cell, start[sites], 1.0)
        strain = np.linalg.inv(self.geometry.cell) @ state.cell
        own = (self.geometry.positions @ strain)[sites]
        check_sites(state.positions, own, self.settings.site_tolerance, state.force_evaluations)
        return Relaxed(state.energy, state.cell, state.positions, state.force_evaluations)


def _minimizer(
    session: LammpsSession,
    species: Sequence[Species],
    tolerance: float,
    relax: RelaxConfig,
    solve: Solve | None = None,
) -> Minimize:
    def minimize(cell: Floats, positions: Floats, factor: float) -> State:
        return session.minimize(
            cell,
            positions,
            species,
            force_tolerance=factor * tolerance,
            max_iterations=relax.max_iterations,
            solve=solve,
        )

    return minimize


def check_sites(
    positions: Floats, sites: Floats, tolerance: float, force_evaluations: int = 0
) -> None:
    """Raise EngineError where an atom is farther than tolerance (Å) from its own site.

    positions, sites: (n, 3) Å; a common shift of all atoms does not count. force_evaluations: what
    the positions cost, for the error.
    """
    displacement = positions - sites
    distance = np.linalg.norm(displacement - displacement.mean(axis=0), axis=1)
    worst = int(distance.argmax())
    if distance[worst] > tolerance:
        raise EngineError(
            f"atom {worst} ended {distance[worst]:.2f} Å from its site", force_evaluations
        )


def host_geometry(
    lattice: Lattice,
    symmetry: SiteSymmetry,
    session: LammpsSession,
    relax: RelaxConfig,
    n_ions: int,
) -> HostGeometry:
    """The host lattice at n_ions ions: the host's own, or relaxed once for this concentration.

    With relax.cell = "per_x" or "full" a state that depends on n_ions alone (ions, then charges,
    in their lowest electrostatic order) is relaxed with its cell, which keeps the host's crystal
    system, and cell and positions are averaged over the host's space group: no state is favoured,
    and equivalent states stay equivalent. Raises EngineError where that relaxation fails.
    """
    host = HostGeometry(lattice.cell, lattice.scaled @ lattice.cell)
    if relax.cell == "fixed":
        return host
    ions = lowest_electrostatic(lattice, symmetry, n_ions)
    occupancy = lowest_charge_order(lattice, ions)
    sites, species = lattice.atoms(occupancy)
    start = make_distorter(lattice, host.cell, host.positions, session.card.bonds)
    state = relax_cell(
        _minimizer(session, species, max(relax.force_tolerance, HOST_FORCE), relax),
        host.cell,
        (host.positions + start.displacements(occupancy))[sites],
        max(relax.stress_tolerance, HOST_STRESS),
        lambda tensor: symmetrize_tensor(symmetry, host.cell, tensor),
    )
    moved = state.positions @ np.linalg.inv(state.cell) - lattice.scaled[sites]
    moved -= moved.mean(axis=0)
    scaled = lattice.scaled + symmetrize_displacements(symmetry, moved, sites)
    cell = symmetrize_cell(symmetry, lattice.cell, state.cell)
    return HostGeometry(cell, scaled @ cell, state.force_evaluations)


def host_constants(
    lattice: Lattice,
    symmetry: SiteSymmetry,
    session: LammpsSession,
    geometry: HostGeometry,
    relax: RelaxConfig,
    n_ions: int,
) -> ForceConstants | None:
    """Force constants of a concentration, measured where its lowest electrostatic state ends.

    None for large cells, and where the model cannot evaluate that state: relaxations then go
    without.
    """
    if len(lattice.species) > MOST_SITES:
        return None
    occupancy = lowest_charge_order(lattice, lowest_electrostatic(lattice, symmetry, n_ions))
    sites, species = lattice.atoms(occupancy)
    distorter = make_distorter(lattice, geometry.cell, geometry.positions, session.card.bonds)
    start = (geometry.positions + distorter.displacements(occupancy))[sites]
    minimize = _minimizer(session, species, max(relax.force_tolerance, HOST_FORCE), relax)
    try:
        try:
            positions = minimize(geometry.cell, start, 1.0).positions
            check_sites(positions, geometry.positions[sites], relax.site_tolerance)
        except EngineError:
            positions = start
        session.begin(geometry.cell, positions, species)
        return measure(session.forces_at, positions, geometry.cell, sites, species, symmetry)
    except EngineError:
        return None
