"""Force constants of a host lattice with disorder on it, as a metric for relaxations.

Rows of the Hessian are measured for a few atoms of one relaxed state, by finite differences, and
carried to all equivalent sites by the host's symmetry. What the state's charges and vacancies do
to the constants is averaged, so that no state is favoured and one set serves all occupancies of a
concentration. The guess changes how fast a minimum is found, not which.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from redoxmc.engines.elastic import Elastic, with_strain
from redoxmc.engines.quasi_newton import Forces, Solve
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats, Ints
from redoxmc.structures.symmetry import SiteSymmetry

STEP = 0.01  # Å
SAMPLES = 2  # atoms of each species on each kind of site
SOFTEST = 0.5  # eV/Å^2: softer and unstable modes are taken for this stiff
UNSEEN = 3.0  # eV/Å^2: of a site that carries no atom in the state measured
MOST_SITES = 800  # beyond, the dense matrix costs more than it saves
KEPT = 8  # factorizations; one per set of sites that carry an atom


@dataclass
class ForceConstants:
    """Force constants, and what a strain does to the forces.

    matrix: (3 n_sites, 3 n_sites) eV/Å^2, symmetric positive definite.
    force_evaluations: the cost of both.
    elastic: None where no cell is relaxed.
    """

    matrix: Floats
    force_evaluations: int
    elastic: Elastic | None = None
    _factors: dict[tuple[bytes, bool], Solve] = field(default_factory=dict, repr=False)

    def solver(self, sites: Ints, *, strain: bool = False) -> Solve:
        """Solves with the constants of the sites (in site order) that carry an atom.

        strain: six strains (Mandel's notation) follow the displacements in the vector; needs
        `elastic`.
        """
        from scipy.linalg import cho_factor, cho_solve

        key = sites.tobytes(), strain
        if key not in self._factors:
            if len(self._factors) >= KEPT:
                self._factors.pop(next(iter(self._factors)))
            rows = (3 * sites[:, None] + np.arange(3)).ravel()
            factor = cho_factor(self.matrix[np.ix_(rows, rows)], lower=True)

            def of_ions(vector: Floats) -> Floats:
                return np.asarray(cho_solve(factor, vector))

            if strain:
                assert self.elastic is not None
                self._factors[key] = with_strain(of_ions, self.elastic, rows)
            else:
                self._factors[key] = of_ions
        return self._factors[key]


def measure(
    forces: Forces,
    positions: Floats,
    cell: Floats,
    sites: Ints,
    species: Sequence[Species],
    symmetry: SiteSymmetry,
) -> ForceConstants:
    """Measure around a state near a minimum.

    forces: of the state's atoms. positions: (n, 3) Å, of them. cell: (3, 3) Å, invariant under
    the symmetry. sites: (n,) site of each atom, in site order.
    """
    n_sites = symmetry.sites.shape[1]
    present = np.zeros(n_sites)
    present[sites] = 1.0
    total = np.zeros((n_sites, 3, n_sites, 3))
    count = np.zeros((n_sites, n_sites))
    chosen = _samples(sites, species, symmetry)
    images = np.argsort(symmetry.sites, axis=1)  # operation o brings site i onto images[o, i]
    turns = [cell.T @ w @ np.linalg.inv(cell).T for w in symmetry.rotations]
    for atom in chosen:
        row = np.zeros((3, n_sites, 3))
        row[:, sites] = _row(forces, positions, atom)
        site = sites[atom]
        for turn, source, image in zip(turns, symmetry.sites, images, strict=True):
            total[image[site]] += np.einsum("ab,bkc,dc->akd", turn, row[:, source], turn)
            count[image[site]] += present[source]
    mean = (total / np.maximum(count, 1.0)[:, None, :, None]).reshape(3 * n_sites, 3 * n_sites)
    mean += np.diag(np.where(np.diag(mean) == 0.0, UNSEEN, 0.0))
    values, vectors = np.linalg.eigh((mean + mean.T) / 2)
    matrix = (vectors * np.maximum(np.abs(values), SOFTEST)) @ vectors.T
    return ForceConstants(matrix, 6 * len(chosen))


def _samples(sites: Ints, species: Sequence[Species], symmetry: SiteSymmetry) -> list[int]:
    """The first atoms of each species on each orbit of sites."""
    kinds = symmetry.sites.min(axis=0)[sites]
    seen: dict[tuple[int, Species], int] = {}
    chosen = []
    for atom, kind in enumerate(zip(kinds.tolist(), species, strict=True)):
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= SAMPLES:
            chosen.append(atom)
    return chosen


def _row(forces: Forces, positions: Floats, atom: int) -> Floats:
    """Second derivatives (3, n, 3) of the energy by one atom and every atom."""
    row = np.empty((3, len(positions), 3))
    for axis in range(3):
        ends = []
        for sign in (1.0, -1.0):
            moved = positions.copy()
            moved[atom, axis] += sign * STEP
            ends.append(forces(moved)[1])
        row[axis] = (ends[1] - ends[0]) / (2 * STEP)
    return row
