"""A cluster model fitted to relaxed energies: orbits of sites, pairs and triplets, electrostatics.

Equivalent clusters have one coefficient each, so that the surrogate has the symmetry of the host;
the Ewald energy of the formal charges, screened by a coefficient of its own, is what pairs of a
finite cell do not tell apart. Triplets of two charges and an ion are what makes pairs of charges
differ by the ions around them. The fit is a ridge regression whose penalty is chosen by the error
of leaving one out, in closed form (Golub, Heath & Wahba 1979, without the averaging).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from redoxmc.errors import InputError
from redoxmc.moves.cluster_model import ClusterModel
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.ordering import ewald_matrix

MOST_ENTRIES = 400  # redox and ion sites; the orbits of their pairs are found one by one
MOST_WITH_TRIPLETS = 120  # of these; the triplets of more take too long to find and to walk by
MOST_TRIPLETS = 400  # orbits, the narrowest
TRIPLET = 0.2  # scale of a triplet's standardised feature: it is believed later than a pair's
PENALTIES = tuple(10.0**power for power in range(-6, 3))  # in units of the features' variance
FLAT = 1e-9  # a feature that varies less than this tells nothing
AT_ONCE = 500  # states whose triplets are counted together


@dataclass(frozen=True)
class Basis:
    """The features of a surrogate: cubic forms of occupancies.

    orbit_single: (n,) number of the orbit of each site.
    orbit_pair: (n, n) number of the orbit of each pair; -1 on the diagonal.
    triplets: (n_triplets, 3) entries of each triplet, orbit by orbit.
    orbit_triplet: (n_triplets,) number of the orbit of each, rising.
    electrostatic: the Ewald energy of formal charges, as a pair model (eV).
    """

    orbit_single: Ints
    orbit_pair: Ints
    triplets: Ints
    orbit_triplet: Ints
    electrostatic: ClusterModel

    @property
    def n_pair_features(self) -> int:
        """Sites, pairs, and the Ewald energy."""
        return int(self.orbit_single.max() + self.orbit_pair.max() + 3)

    @property
    def n_features(self) -> int:
        """The same and triplets."""
        return self.n_pair_features + len(np.unique(self.orbit_triplet))

    def features(self, occupancies: Sequence[Occupancy]) -> Floats:
        """The value of each feature in each state, (n_states, n_features)."""
        above = np.triu_indices(len(self.orbit_single), 1)
        pair_orbits = self.orbit_pair[above]
        rows = []
        for occupancy in occupancies:
            o = occupancy.astype(np.float64)
            singles = np.bincount(self.orbit_single, o)
            pairs = np.bincount(pair_orbits, o[above[0]] * o[above[1]])
            rows.append([*singles, *pairs, self.electrostatic.energy(occupancy)])
        return np.hstack([np.array(rows), self._triplets(np.array(occupancies))])

    def _triplets(self, occupancies: Occupancy) -> Floats:
        if not len(self.triplets):
            return np.zeros((len(occupancies), 0))
        starts = np.unique(self.orbit_triplet, return_index=True)[1]
        first, second, third = self.triplets.T
        parts = []
        for n in range(0, len(occupancies), AT_ONCE):
            o = occupancies[n : n + AT_ONCE]
            full = o[:, first] * o[:, second] * o[:, third]
            parts.append(np.add.reduceat(full, starts, axis=1, dtype=np.int64))
        return np.concatenate(parts).astype(np.float64)

    def model(self, constant: float, weights: Floats) -> ClusterModel:
        """The cluster model of some weights of the features, (n_features,)."""
        n_single, n_low = int(self.orbit_single.max()) + 1, self.n_pair_features
        singles, pairs = weights[:n_single], weights[n_single : n_low - 1]
        screening = float(weights[n_low - 1])
        return ClusterModel(
            constant + screening * self.electrostatic.constant,
            singles[self.orbit_single] + screening * self.electrostatic.single,
            np.append(pairs, 0.0)[self.orbit_pair] + screening * self.electrostatic.pair,
            self.triplets,
            weights[n_low:][self.orbit_triplet],
        )


@dataclass(frozen=True)
class Fit:
    """A fitted surrogate.

    model: the cluster model.
    error: root mean square of the errors of states left out, eV.
    states: number of states that it is fitted to.
    refits: how often it was fitted anew while chains burnt in.
    step: attempted moves of the chains at the last of these.
    """

    model: ClusterModel
    error: float
    states: int
    refits: int = 0
    step: int = 0


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
    triplets, orbits = _find_triplets(host.lattice, permutations)
    electrostatic = _electrostatic(host.lattice)
    return Basis(single.astype(np.int64), pair, triplets, orbits, electrostatic)


def _find_triplets(lattice: Lattice, permutations: Ints) -> tuple[Ints, Ints]:
    """The triplets of the narrowest orbits, and the orbit of each: (n, 3) and (n,), by orbit."""
    from pymatgen.core import Lattice as Cell

    n = permutations.shape[1]
    if n > MOST_WITH_TRIPLETS:
        return np.zeros((0, 3), dtype=np.int64), np.zeros(0, dtype=np.int64)
    every = np.array(list(combinations(range(n), 3)), dtype=np.int64)
    lowest = np.full(len(every), n**3)
    for permutation in permutations:
        low, middle, high = np.sort(permutation[every], axis=1).T
        lowest = np.minimum(lowest, (low * n + middle) * n + high)
    names, orbit = np.unique(lowest, return_inverse=True)
    scaled = lattice.scaled[np.concatenate([lattice.redox_sites, lattice.ion_sites])]
    distances = Cell(lattice.cell).get_all_distances(scaled, scaled)  # Å
    width = np.zeros(len(names))
    for i, j in combinations(range(3), 2):
        np.maximum.at(width, orbit, distances[every[:, i], every[:, j]])
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.lexsort((names, np.round(width, 3)))] = np.arange(len(names))
    order = np.argsort(rank[orbit], kind="stable")
    order = order[rank[orbit][order] < MOST_TRIPLETS]
    return every[order], rank[orbit][order]


def fit(basis: Basis, states: Sequence[Occupancy], energies: Floats) -> Fit:
    """Fit a cluster model to energies (n_states,) eV of some states of one composition."""
    rows = basis.features(states)
    spread = rows.std(axis=0)
    told = spread > FLAT * max(1.0, float(np.abs(rows).max(initial=0.0)))
    centre, mean = rows.mean(axis=0), float(energies.mean())
    scale = np.where(np.arange(len(spread)) < basis.n_pair_features, 1.0, TRIPLET)
    unit = scale[told] / spread[told]
    x, y = (rows - centre)[:, told] * unit, energies - mean
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
    weights[told] = best * unit
    return Fit(basis.model(mean - float(weights @ centre), weights), best_error, len(states))


def _electrostatic(lattice: Lattice) -> ClusterModel:
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
    return ClusterModel(float(base @ matrix @ base), single, pair)
