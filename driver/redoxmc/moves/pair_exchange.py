"""Exchange of the values of two unlike sites of one sublattice; charge and ion swaps are this."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from redoxmc.moves.base import Move, Occupancy, Proposal, pick


@dataclass(frozen=True, repr=False)
class PairExchange(Move):
    """Draw a site of value 1 and one of value 0, uniformly, and exchange them.

    Symmetric: the numbers n_1 and n_0 do not change, each unlike pair is proposed with probability
    1/(n_1 n_0) from either side, and exactly one pair leads from i to j. The log a-priori ratio is
    0.
    """

    start: int  # of the sublattice in the occupancy
    stop: int  # where the sublattice ends

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Propose a uniformly drawn unlike pair; None where all the sites are alike."""
        ones, zeros = self._sites(occupancy)
        if not len(ones) or not len(zeros):
            return None
        one, zero = pick(ones, rng), pick(zeros, rng)
        return Proposal(((one, 0), (zero, 1)))

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether the sublattice holds both values."""
        ones, zeros = self._sites(occupancy)
        return len(ones) > 0 and len(zeros) > 0

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate all unlike pairs, all equally probable."""
        ones, zeros = self._sites(occupancy)
        for one in ones:
            for zero in zeros:
                yield Proposal(((int(one), 0), (int(zero), 1))), 1.0 / (len(ones) * len(zeros))

    def _sites(
        self, occupancy: Occupancy
    ) -> tuple[
        np.ndarray[tuple[int], np.dtype[np.intp]], np.ndarray[tuple[int], np.dtype[np.intp]]
    ]:
        sublattice = occupancy[self.start : self.stop]
        return (
            np.flatnonzero(sublattice == 1) + self.start,
            np.flatnonzero(sublattice == 0) + self.start,
        )
