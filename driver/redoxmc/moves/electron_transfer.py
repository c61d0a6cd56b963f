"""Electron transfer: any ion that can give an electron gives one to any that can take it."""

import math
from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from redoxmc.moves.base import Move, Occupancy, Proposal, pick
from redoxmc.moves.sites import Sites, require


class ElectronTransfer(Move):
    """A uniformly drawn donor gives an electron to a uniformly drawn other site that takes one.

    A donor holds an electron above its most oxidised state, an acceptor has room for one more; an
    ion of a middle charge state is both. With D(i) donors in state i and A_d(i) acceptors other
    than donor d, the change d→a has the probability 1/[D(i) A_d(i)]. It is the only one that leads
    from i to j, and from j the change a→d leads back: a is a donor there, d an acceptor. The log
    a-priori ratio is therefore ln[D(i) A_d(i)] − ln[D(j) A_a(j)], which is not 0 where a charge
    state appears or is used up (2 Ni3+ → Ni2+ + Ni4+). Of one couple of two charge states every
    number stays the same, and the move is the charge swap, draw for draw.

    Ergodic: where two orders differ, some site has an electron too many and another one too few, so
    that transfers connect all orders with one number of electrons.
    """

    name = "electron_transfer"
    connects_all = True

    def __init__(self, most: NDArray[np.int64]) -> None:
        """Take most: [n_redox] electrons that each site can take above its most oxidised state."""
        self.most = np.asarray(most, dtype=np.int64)

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build it; InputError for a single redox site."""
        require(name, "two redox sites", sites.n_redox, 2)
        return cls(sites.electrons_of_sites)

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Propose a transfer; None where there is no donor, or nobody to take its electron."""
        donors, acceptors = self._sites(occupancy)
        if not len(donors) or not len(acceptors):
            return None
        donor = pick(donors, rng)
        others = acceptors[acceptors != donor]
        if not len(others):
            return None
        return self._proposal(occupancy, donor, pick(others, rng))

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether some ion can give an electron to another."""
        donors, acceptors = self._sites(occupancy)
        return len(donors) > 0 and len(acceptors) > 0 and len(np.union1d(donors, acceptors)) > 1

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate all transfers with their probabilities."""
        donors, acceptors = self._sites(occupancy)
        for donor in map(int, donors):
            others = acceptors[acceptors != donor]
            for acceptor in map(int, others):
                probability = 1.0 / (len(donors) * len(others))
                yield self._proposal(occupancy, donor, acceptor), probability

    def _sites(self, occupancy: Occupancy) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        levels = occupancy[: len(self.most)]
        return np.flatnonzero(levels > 0), np.flatnonzero(levels < self.most)

    def _ways(self, occupancy: Occupancy, donor: int) -> int:
        donors, acceptors = self._sites(occupancy)
        return len(donors) * int((acceptors != donor).sum())

    def _proposal(self, occupancy: Occupancy, donor: int, acceptor: int) -> Proposal:
        changes = (
            (donor, int(occupancy[donor]) - 1),
            (acceptor, int(occupancy[acceptor]) + 1),
        )
        there = self._ways(occupancy, donor)
        back = self._ways(Proposal(changes).apply(occupancy), acceptor)
        return Proposal(changes, math.log(there) - math.log(back))
