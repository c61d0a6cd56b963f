"""From an occupancy to its relaxed energy: the reference start, the minimization, its checks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from redoxmc.config.campaign import RelaxConfig
from redoxmc.engines.cell import Minimize, relax_cell
from redoxmc.engines.force_constants import ForceConstants
from redoxmc.engines.joint_descent import Tolerances, descend_with_cell
from redoxmc.engines.lammps import LammpsSession, State
from redoxmc.engines.quasi_newton import Solve
from redoxmc.errors import EngineError
from redoxmc.species import Species
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats, Ints, Occupancy
from redoxmc.structures.lost_charges import lost_charges
from redoxmc.structures.symmetry import transform_cell


@dataclass(frozen=True)
class Relaxed:
    """A relaxed state.

    energy: eV.
    cell: (3, 3) Å.
    positions: (n_atoms, 3) Å in site order.
    force_evaluations: that it took.
    lost_charges: redox ions with the bond lengths of the other charge state; None where no bond
        lengths are known.
    """

    energy: float
    cell: Floats
    positions: Floats
    force_evaluations: int
    lost_charges: int | None = None


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
    host: whose geometry with n_ions ions is known.
    constants: of this host lattice; without them relaxations take ten times as long.
    """

    def __init__(
        self,
        host: Host,
        n_ions: int,
        session: LammpsSession,
        relax: RelaxConfig,
        constants: ForceConstants | None = None,
    ):
        self.lattice = host.lattice
        self.geometry = host.geometries[n_ions]
        self.distorter = host.distorter(n_ions)
        self.session = session
        self.settings = relax
        self.constants = constants

    def relax(self, occupancy: Occupancy) -> Relaxed:
        """Relax from the reference start."""
        return self._minimize(occupancy, self.geometry.cell, self.distorter.start(occupancy))

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
        minimize = make_minimizer(self.session, species, tolerance, self.settings, solve)
        if self.settings.cell == "full":
            state = self._with_cell(minimize, cell, start[sites], sites, species)
        else:
            state = minimize(cell, start[sites], 1.0)
        strain = np.linalg.inv(self.geometry.cell) @ state.cell
        everywhere = self.geometry.positions @ strain
        check_sites(
            state.positions,
            everywhere[sites],
            self.settings.site_tolerance,
            state.force_evaluations,
            species,
        )
        everywhere[sites] = state.positions
        bonds = self.distorter.mean_bonds(state.cell, everywhere)
        charges = occupancy[: self.lattice.n_redox]
        lost = int(lost_charges(bonds, charges, self.distorter.targets).sum())
        return Relaxed(state.energy, state.cell, state.positions, state.force_evaluations, lost)

    def _with_cell(
        self,
        minimize: Minimize,
        cell: Floats,
        start: Floats,
        sites: Ints,
        species: Sequence[Species],
    ) -> State:
        """Ions and cell together, or in turns where there is no metric or its descent fails."""
        settings, constants, spent = self.settings, self.constants, 0
        if constants is not None and constants.elastic is not None:
            solve = constants.solver(sites, strain=True)
            limits = Tolerances(
                settings.force_tolerance, settings.stress_tolerance, settings.max_iterations
            )
            try:
                self.session.begin(cell, start, species)
                spent = descend_with_cell(self.session.strained_at, cell, start, solve, limits)
                return self.session.result(spent)
            except EngineError as error:
                spent = error.force_evaluations
        try:
            state = relax_cell(minimize, cell, start, settings.stress_tolerance)
        except EngineError as error:
            error.force_evaluations += spent
            raise
        return replace(state, force_evaluations=state.force_evaluations + spent)


def make_minimizer(
    session: LammpsSession,
    species: Sequence[Species],
    tolerance: float,
    relax: RelaxConfig,
    solve: Solve | None = None,
) -> Minimize:
    """Minimization of the ions of a state in a session, as relax_cell asks for it."""

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
    positions: Floats,
    sites: Floats,
    tolerance: float,
    force_evaluations: int = 0,
    species: Sequence[Species] = (),
) -> None:
    """Raise EngineError where an atom is farther than tolerance (Å) from its own site.

    positions, sites: (n, 3) Å; a common shift of all atoms does not count. force_evaluations: what
    the positions cost, for the error. species: of the atoms, for the error.
    """
    displacement = positions - sites
    distance = np.linalg.norm(displacement - displacement.mean(axis=0), axis=1)
    worst = int(distance.argmax())
    if distance[worst] > tolerance:
        raise EngineError(
            f"{f'{species[worst]}, ' if species else ''}atom {worst} ended "
            f"{distance[worst]:.2f} Å from its site",
            force_evaluations,
        )
