"""A move that is not part of the package, as a user would write one."""

from itertools import permutations

import numpy as np

from redoxmc.moves.base import Move, Proposal
from redoxmc.moves.sites import require


class Cycle(Move):
    """Draw three redox sites in an order, uniformly, and hand each charge state to the next site.

    Symmetric: the reverse draws the same sites in the opposite order, which is as probable. Where
    only one of the three is unlike the others it moves one charge, so that it connects all charge
    orders.
    """

    name = "cycle"
    connects_all = True

    def __init__(self, n_redox):
        self.n_redox = n_redox

    @classmethod
    def from_sites(cls, name, sites):
        require(name, "three redox sites", sites.n_redox, 3)
        return cls(sites.n_redox)

    def propose(self, occupancy, rng):
        return self._rotate(occupancy, rng.permutation(self.n_redox)[:3].tolist())

    def applies(self, occupancy):
        return len(np.unique(occupancy[: self.n_redox])) > 1

    def proposals(self, occupancy):
        triples = list(permutations(range(self.n_redox), 3))
        for triple in triples:
            proposal = self._rotate(occupancy, triple)
            if proposal is not None:
                yield proposal, 1.0 / len(triples)

    def _rotate(self, occupancy, sites):
        giver = [sites[-1], *sites[:-1]]
        changes = [(b, int(occupancy[a])) for a, b in zip(giver, sites, strict=True)]
        changed = tuple(sorted((s, value) for s, value in changes if value != occupancy[s]))
        return Proposal(changed) if changed else None


class Grand(Cycle):
    """Says that it changes the number of ions."""

    changes_count = True


class Silent(Cycle):
    """Does not say that it connects all charge orders, nor how it is built."""

    connects_all = False
    from_sites = Move.from_sites


NOT_A_MOVE = 3
