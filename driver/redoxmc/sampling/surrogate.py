"""A pair model fitted to relaxed energies: orbits of sites and pairs, and electrostatics.

Equivalent sites and pairs have one coefficient each, so that the surrogate has the symmetry of the
host; the Ewald energy of the formal charges, screened by a coefficient of its own, is what pairs of
a finite cell do not tell apart. The fit is a ridge regression whose penalty is chosen by the error
of leaving one out, in closed form (Golub, Heath & Wahba 1979, without the averaging).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redoxmc.errors import InputError
from redoxmc.moves.pair_model import PairModel
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.ordering import ewald_matrix

MOST_ENTRIES = 400  # redox and ion sites; the orbits of their pairs are found one by one
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)  # in units of the features' variance
FLAT = 1e-9  # a feature that varies less than this tells nothing


@dataclass(frozen=True)
class Basis:
    """The features of a surrogate: quadratic forms of occupancies.

    orbit_single: (n,) number of the orbit of each site.
    orbit_pair: (n, n) number of the orbit of each pair; -1 on the diagonal.
    electrostatic: the Ewald energy of formal charges, as a pair model (eV).
    """

    orbit_single: Ints
    orbit_pair: Ints
    electrostatic: PairModel

    @property
    def n_features(self) -> int:
        """Sites, pairs, and the Ewald energy."""
        return int(self.orbit_single.max() + self.orbit_pair.max() + 3)

    def features(self, occupancy: Occupancy) -> Floats:
        """The value of each feature, (n_features,)."""
        o = occupancy.astype(np.float64)
        singles = np.bincount(self.orbit_single, o)
        above = np.triu_indices(len(o), 1)
        pairs = np.bincount(self.orbit_pair[above], (o[:, None] * o[None, :])[above])
        energy = self.electrostatic.energy(occupancy)
        result: Floats = np.concatenate([singles, pairs, [energy]])
        return result

    def model(self, constant: float, weights: Floats) -> PairModel:
        """The pair model of some weights of the features, (n_features,)."""
        n_single = int(self.orbit_single.max()) + 1
        singles, pairs, screening = weights[:n_single], weights[n_single:-1], weights[-1]
        pair = np.append(pairs, 0.0)[self.orbit_pair] + screening * self.electrostatic.pair
        return PairModel(
            constant + float(screening) * self.electrostatic.constant,
            singles[self.orbit_single] + screening * self.electrostatic.single,
            pair,
        )


@dataclass(frozen=True)
class Fit:
    """A fitted surrogate.

    model: the pair model.
    error: root mean square of the errors of states left out, eV.
    """

    model: PairModel
    error: float


def make_basis(host: Host) -> Basis:
    """Find the orbits of a host's sites and pairs; InputError for too many sites."""
    permutations = host.symmetry.occupancies
    n = permutations.shape[1]
    if n > MOST_ENTRIES:
        raise InputError(
            f"sampling.surrogate = true: the cell has {n} redox and ion sites, and a surrogate is "
            f"made for at most {MOST_ENTRIES}; leave it out."
        )
    single = np.unique(permutations.min(axis=0), return_inverse=True)[1]
    first, second = permutations[:, :, None], permutations[:, None, :]
    low, high = np.minimum(first, second), np.maximum(first, second)
    lowest = (low * n + high).min(axis=0)
    pair = np.full((n, n), -1)
    off = ~np.eye(n, dtype=bool)
    pair[off] = np.unique(lowest[off], return_inverse=True)[1]
    return Basis(single.astype(np.int64), pair, _electrostatic(host.lattice))


def fit(basis: Basis, states: Sequence[Occupancy], energies: Floats) -> Fit:
    """Fit a pair model to energies (n_states,) eV of some states of one composition."""
    rows = np.array([basis.features(state) for state in states])
    spread = rows.std(axis=0)
    told = spread > FLAT * max(1.0, float(np.abs(rows).max(initial=0.0)))
    centre, mean = rows.mean(axis=0), float(energies.mean())
    x, y = (rows - centre)[:, told] / spread[told], energies - mean
    best_error, best = np.inf, np.zeros(x.shape[1])
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    for penalty in PENALTIES:
        filtered = s**2 / (s**2 + penalty * len(y))
        hat = (u**2) @ filtered + 1.0 / len(y)  # the mean is fitted, too
        left_out = (y - u @ (filtered * (u.T @ y))) / np.maximum(1.0 - hat, 1e-6)
        error = float(np.sqrt((left_out**2).mean()))
        if error < best_error:
            best_error = error
            best = vt.T @ (s / (s**2 + penalty * len(y)) * (u.T @ y))
    weights = np.zeros(rows.shape[1])
    weights[told] = best / spread[told]
    return Fit(basis.model(mean - float(weights @ centre), weights), best_error)


def _electrostatic(lattice: Lattice) -> PairModel:
    """The Ewald energy of an occupancy's formal charges, eV."""
    matrix = ewald_matrix(lattice.cell, lattice.scaled)
    places = np.concatenate([lattice.redox_sites, lattice.ion_sites])
    base = np.array([float(species.charge) for species in lattice.species])
    base[lattice.redox_sites], base[lattice.ion_sites] = float(lattice.oxidised.charge), 0.0
    step = np.array([float(lattice.reduced.charge - lattice.oxidised.charge)])
    ion = np.array([float(lattice.species[lattice.ion_sites[0]].charge)])
    change = np.concatenate([step.repeat(lattice.n_redox), ion.repeat(lattice.n_ion_sites)])
    single = change * (2 * matrix @ base)[places] + change**2 * np.diag(matrix)[places]
    pair = 2 * np.outer(change, change) * matrix[np.ix_(places, places)]
    np.fill_diagonal(pair, 0.0)
    return PairModel(float(base @ matrix @ base), single, pair)
