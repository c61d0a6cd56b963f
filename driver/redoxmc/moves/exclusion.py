"""Ion sites that exclude each other: a move never proposes to occupy two of them together."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from redoxmc.moves.base import Move, Occupancy, Proposal


class Excluding(Move):
    """Any move of ions, with proposals that would occupy two excluded sites turned into rejections.

    The states that are left are those where no excluded pair is occupied; the target distribution
    on them is the same up to its normalization. Between two such states i and j the wrapped move
    still proposes with its own g(i→j) and g(j→i), so its log a-priori ratio stays right, and
    detailed balance of the pair is that of the wrapped move. A proposal that leads out is None, and
    the chain counts the present state once more: it is a Metropolis rejection of a state of weight
    zero. Drawing again instead would change g.

    What a move connects may fall apart: where every way from one ion order to another leads through
    an excluded pair, a single ion swap does not get there.

    move: as given. excluded: [n_pairs, 2] ion sites, counted from 0.
    """

    def __init__(self, move: Move, n_redox: int, excluded: NDArray[np.int64]) -> None:
        self.move, self._n_redox, self._excluded = move, n_redox, excluded
        self.name, self.changes_ions = move.name, move.changes_ions
        self.changes_count, self.obstacle = move.changes_count, move.obstacle

    @property
    def connects_all(self) -> bool:
        """Whether the wrapped move reaches all charge orders."""
        return self.move.connects_all

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Let the move propose; None where the proposal is excluded."""
        proposal = self.move.propose(occupancy, rng)
        return proposal if proposal is not None and self._allowed(occupancy, proposal) else None

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether the move can propose anything from here."""
        return self.move.applies(occupancy)

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate the proposals of the move that are allowed."""
        for proposal, probability in self.move.proposals(occupancy):
            if self._allowed(occupancy, proposal):
                yield proposal, probability

    def _allowed(self, occupancy: Occupancy, proposal: Proposal) -> bool:
        ions = proposal.apply(occupancy)[self._n_redox :]
        return not (ions[self._excluded[:, 0]] & ions[self._excluded[:, 1]]).any()
