"""An energy of occupancies that costs microseconds: single sites and pairs, fixed beforehand."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redoxmc.moves.base import Occupancy

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairModel:
    """E = constant + Σ_i single_i o_i + Σ_{i<j} pair_ij o_i o_j, in eV; o is an occupancy.

    single: (n,), one for each entry of an occupancy.
    pair: (n, n), symmetric, with a diagonal of 0.
    """

    constant: float
    single: Floats
    pair: Floats

    def energy(self, occupancy: Occupancy) -> float:
        """Energy of an occupancy (n,), eV."""
        o = occupancy.astype(np.float64)
        return self.constant + float(self.single @ o + 0.5 * o @ self.pair @ o)

    def field(self, occupancy: Occupancy) -> Floats:
        """What each entry would add by being 1, (n,) eV."""
        result: Floats = self.single + self.pair @ occupancy.astype(np.float64)
        return result
