"""An exactly solvable engine: pair interactions and Ewald sums on fixed sites.

It stands in for LAMMPS in the tests of the sampler and nowhere else: its energy is a function of
the occupancy by construction, costs microseconds, and small cells can be enumerated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redoxmc.engines.relaxed import Relaxed
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.neighbours import neighbour_shells
from redoxmc.structures.ordering import ewald_matrix


@dataclass(frozen=True)
class LatticeEngine:
    """E(σ) = constant + Σ_i field_i σ_i + Σ_i own_i (σ_i² − σ_i) + ½ Σ_ij coupling_ij σ_i σ_j, eV.

    Every sum of on-site and pair energies on a lattice with two states per site is of this form,
    without own, which is 0 there.
    field, own: [n] and coupling: [n, n] (symmetric, zero on the diagonal), in the order of an
    occupancy.
    cell, positions: [3, 3] and [n_sites, 3] in Å, of the sites that never move, for relax.
    """

    constant: float
    field: Floats
    coupling: Floats
    cell: Floats
    positions: Floats
    lattice: Lattice | None = None
    own: Floats | None = None

    def energy(self, occupancy: Occupancy) -> float:
        """Return the energy of the cell in eV. occupancy: [n] of whole numbers."""
        sigma = occupancy.astype(np.float64)
        energy = float(self.constant + self.field @ sigma + 0.5 * sigma @ self.coupling @ sigma)
        return energy if self.own is None else energy + float(self.own @ (sigma * sigma - sigma))

    def relax(self, occupancy: Occupancy) -> Relaxed:
        """Give the energy as the engine of a chain does; nothing moves."""
        positions = self.positions
        if self.lattice is not None:
            positions = positions[self.lattice.atoms(occupancy)[0]]
        return Relaxed(self.energy(occupancy), self.cell, positions, 1)

    def relax_from(
        self, occupancy: Occupancy, previous: Relaxed, previous_occupancy: Occupancy
    ) -> Relaxed:
        """Do what relax does: no path leads anywhere else."""
        return self.relax(occupancy)

    def transform(
        self, state: Relaxed, occupancy: Occupancy, rotation: Ints, source: Ints
    ) -> Relaxed:
        """Give the state of an equivalent occupancy."""
        return self.relax(occupancy)


def random_engine(n_sites: int, scale: float, seed: int) -> LatticeEngine:
    """Build an engine with random fields and couplings (Gaussian, eV): no symmetry at all."""
    rng = np.random.default_rng(seed)
    half = np.triu(rng.normal(0.0, scale, (n_sites, n_sites)), 1)
    field = rng.normal(0.0, scale, n_sites)
    return LatticeEngine(0.0, field, half + half.T, np.eye(3), np.zeros((n_sites, 3)))


def crystal_engine(
    lattice: Lattice,
    permittivity: float,
    redox_shells: Sequence[float] = (),
    redox_ion_shells: Sequence[float] = (),
) -> LatticeEngine:
    """Build the engine of a host lattice: screened formal charges and pair energies by shell.

    permittivity: relative, divides the Ewald energy of the formal charges (inf: no electrostatics).
    redox_shells: energy in eV of each pair of reduced sites in the first, second, … neighbour
    shell. redox_ion_shells: of each reduced site with an occupied ion site in these shells.

    The energy is invariant under the symmetry of the lattice, to rounding. Energies of occupancies
    that are not neutral contain the Ewald sum's uniform background.
    """
    order = np.concatenate([lattice.redox_sites, lattice.ion_sites])
    n_redox, n = lattice.n_redox, len(order)
    charge = np.array([float(s.charge) for s in lattice.species])
    step = charge[order].copy()
    step[:n_redox] = -lattice.step
    charge[lattice.redox_sites] = [states[0].charge for states in lattice.redox_states]
    charge[lattice.ion_sites] = 0.0
    constant, field, coupling, own = 0.0, np.zeros(n), np.zeros((n, n)), np.zeros(n)
    if np.isfinite(permittivity):
        matrix = ewald_matrix(lattice.cell, lattice.scaled) / permittivity
        constant = float(charge @ matrix @ charge)
        inner = matrix[np.ix_(order, order)]
        own += step**2 * np.diag(inner)
        field += step * (2 * (matrix @ charge)[order]) + own
        coupling += 2 * np.outer(step, step) * inner
        np.fill_diagonal(coupling, 0.0)
    sites = lattice.scaled @ lattice.cell
    redox, ions = sites[lattice.redox_sites], sites[lattice.ion_sites]
    if redox_shells:
        shells, _ = neighbour_shells(lattice.cell, redox, len(redox_shells))
        for value, pairs in zip(redox_shells, shells, strict=True):
            np.add.at(coupling, (pairs[:, 0], pairs[:, 1]), value)  # lists both directions
    if redox_ion_shells and len(ions):
        shells, _ = neighbour_shells(lattice.cell, redox, len(redox_ion_shells), others=ions)
        for value, pairs in zip(redox_ion_shells, shells, strict=True):
            np.add.at(coupling, (pairs[:, 0], n_redox + pairs[:, 1]), value)
            np.add.at(coupling, (n_redox + pairs[:, 1], pairs[:, 0]), value)
    # what a site does to its own images is a field where σ² = σ
    field += 0.5 * np.diag(coupling)
    own += 0.5 * np.diag(coupling)
    np.fill_diagonal(coupling, 0.0)
    return LatticeEngine(constant, field, coupling, lattice.cell, sites, lattice, own)
