"""The host lattice of each concentration as a model relaxes it, and the engines on it."""

from dataclasses import dataclass, field, replace

import numpy as np

from redoxmc.config.campaign import RelaxConfig
from redoxmc.engines.cell import relax_cell
from redoxmc.engines.elastic import measure_elastic
from redoxmc.engines.force_constants import MOST_SITES, ForceConstants, measure
from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.relaxed import RelaxedEngine, check_sites, make_minimizer
from redoxmc.errors import EngineError
from redoxmc.structures.host import Host, HostGeometry
from redoxmc.structures.ordering import lowest_order
from redoxmc.structures.symmetry import (
    symmetrize_cell,
    symmetrize_displacements,
    symmetrize_tensor,
)

# The host lattice of an x fixes a start, not an energy: it is relaxed no further than this.
HOST_FORCE = 0.02  # eV/Å
HOST_STRESS = 5e-4  # eV/Å^3 = 0.08 GPa


@dataclass
class HostRelaxer:
    """Finds what each number of ions needs, once, and makes its engine.

    host: takes up the geometries.
    session: of the model.
    relax: settings of the campaign.
    """

    host: Host
    session: LammpsSession
    relax: RelaxConfig
    _constants: dict[int, ForceConstants | None] = field(default_factory=dict, repr=False)

    def geometry(self, n_ions: int) -> HostGeometry:
        """The host lattice with n_ions ions; EngineError where it does not relax."""
        if n_ions not in self.host.geometries:
            geometry = relax_host(self.host, self.session, self.relax, n_ions)
            self.host.geometries[n_ions] = geometry
        return self.host.geometries[n_ions]

    def engine(self, n_ions: int) -> RelaxedEngine:
        """The engine of one concentration; EngineError where its host does not relax."""
        self.geometry(n_ions)
        if n_ions not in self._constants:
            constants = measure_constants(self.host, self.session, self.relax, n_ions)
            self._constants[n_ions] = constants
        return RelaxedEngine(self.host, n_ions, self.session, self.relax, self._constants[n_ions])


def relax_host(host: Host, session: LammpsSession, relax: RelaxConfig, n_ions: int) -> HostGeometry:
    """The host lattice at n_ions ions: the host's own, or relaxed once for this concentration.

    With relax.cell = "per_x" or "full" a state that depends on n_ions alone (ions, then charges,
    in their lowest electrostatic order) is relaxed with its cell, which keeps the host's crystal
    system, and cell and positions are averaged over the host's space group: no state is favoured,
    and equivalent states stay equivalent. Raises EngineError where that relaxation fails.
    """
    lattice, symmetry, file = host.lattice, host.symmetry, host.unrelaxed
    if relax.cell == "fixed":
        return file
    occupancy = lowest_order(host, n_ions)
    sites, species = lattice.atoms(occupancy)
    state = relax_cell(
        make_minimizer(session, species, max(relax.force_tolerance, HOST_FORCE), relax),
        file.cell,
        host.distorter_of(file).start(occupancy)[sites],
        max(relax.stress_tolerance, HOST_STRESS),
        lambda tensor: symmetrize_tensor(symmetry, file.cell, tensor),
    )
    moved = state.positions @ np.linalg.inv(state.cell) - lattice.scaled[sites]
    moved -= moved.mean(axis=0)
    scaled = lattice.scaled + symmetrize_displacements(symmetry, moved, sites)
    cell = symmetrize_cell(symmetry, lattice.cell, state.cell)
    return HostGeometry(cell, scaled @ cell, state.force_evaluations)


def measure_constants(
    host: Host, session: LammpsSession, relax: RelaxConfig, n_ions: int
) -> ForceConstants | None:
    """Force constants of a concentration, measured where its lowest electrostatic state ends.

    None for large cells, and where the model cannot evaluate that state: relaxations then go
    without.
    """
    if len(host.lattice.species) > MOST_SITES:
        return None
    geometry, occupancy = host.geometries[n_ions], lowest_order(host, n_ions)
    sites, species = host.lattice.atoms(occupancy)
    start = host.distorter(n_ions).start(occupancy)[sites]
    minimize = make_minimizer(session, species, max(relax.force_tolerance, HOST_FORCE), relax)
    try:
        try:
            positions = minimize(geometry.cell, start, 1.0).positions
            check_sites(positions, geometry.positions[sites], relax.site_tolerance)
        except EngineError:
            positions = start
        session.begin(geometry.cell, positions, species)
        around = positions, geometry.cell, sites
        constants = measure(session.forces_at, *around, species, host.symmetry)
        if relax.cell == "full":
            elastic, spent = measure_elastic(session.strained_at, *around, host.symmetry)
            spent += constants.force_evaluations
            constants = replace(constants, elastic=elastic, force_evaluations=spent)
        return constants
    except EngineError:
        return None
