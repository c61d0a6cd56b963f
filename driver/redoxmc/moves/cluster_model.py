"""An energy of occupancies that costs microseconds: sites, pairs and triplets, fixed beforehand."""

import dataclasses
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from redoxmc.moves.base import Occupancy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _no_triplets() -> Ints:
    return np.zeros((0, 3), dtype=np.int64)


@dataclasses.dataclass(frozen=True)
class ClusterModel:
    """E = constant + Σ_i single_i o_i + Σ_{i<j} pair_ij o_i o_j + Σ_t triple_t o_a o_b o_c, in eV.

    single: (n,), one for each entry of an occupancy o.
    pair: (n, n), symmetric, with a diagonal of 0.
    triplets: (n_triplets, 3), three different entries each; none twice.
    triple: (n_triplets,).
    """

    constant: float
    single: Floats
    pair: Floats
    triplets: Ints = dataclasses.field(default_factory=_no_triplets)
    triple: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))

    def energy(self, occupancy: Occupancy) -> float:
        """Energy of an occupancy (n,), eV."""
        o = occupancy.astype(np.float64)
        three = self.triple @ o[self.triplets].prod(axis=1)
        return self.constant + float(self.single @ o + 0.5 * o @ self.pair @ o + three)

    def field(self, occupancy: Occupancy) -> Floats:
        """What each entry would add by being 1, (n,) eV."""
        o = occupancy.astype(np.float64)
        pair = self.pair if self.tensor is None else 0.5 * (self.pair + self.pairs(occupancy))
        result: Floats = self.single + pair @ o
        return result

    def pairs(self, occupancy: Occupancy) -> Floats:
        """What each two entries would add by being 1 together, (n, n) eV; not to be written to."""
        if self.tensor is None:
            return self.pair
        result: Floats = self.pair + self.tensor @ occupancy.astype(np.float64)
        return result

    @cached_property
    def tensor(self) -> Floats | None:
        """The triplets, (n, n, n), symmetric; None where there are none."""
        if not len(self.triple):
            return None
        result = np.zeros((len(self.single),) * 3)
        for a, b, c in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            result[tuple(self.triplets[:, [a, b, c]].T)] = self.triple
        return result
