"""Neighbour charge swap: an electron hops between neighbouring redox sites (a polaron hop)."""

import math
from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from redoxmc.moves.base import Move, Occupancy, Proposal
from redoxmc.moves.sites import Sites, require, require_one_couple


class NeighbourSwap(Move):
    """Draw one of the unlike neighbour pairs, uniformly, and exchange its charge states.

    Not symmetric: with U(i) unlike pairs in state i each is proposed with probability 1/U(i), and
    the reverse hop with 1/U(j), so that the log a-priori ratio is ln U(i) − ln U(j). A hop into a
    region of many unlike pairs would be accepted too rarely, and out of it too often, without it.

    Ergodic where the neighbour pairs connect all redox sites.
    """

    name = "neighbour_swap"
    obstacle = "the neighbour pairs leave the redox sites in separate groups"

    def __init__(self, n_redox: int, pairs: NDArray[np.int64]) -> None:
        """Take pairs: [n_pairs, 2] of neighbouring redox sites.

        Both directions, repeats by periodic images and sites that neighbour themselves may be in
        the list: a pair of sites counts once. Raises ValueError for a pair outside the redox sites.
        """
        listed = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        if len(listed) and not (listed.min() >= 0 and listed.max() < n_redox):
            raise ValueError(f"neighbour pairs name sites 0 to {n_redox - 1}")
        distinct = np.unique(np.sort(listed, axis=1), axis=0)
        self.pairs = distinct[distinct[:, 0] != distinct[:, 1]]
        self.n_redox = n_redox

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build it; InputError where no two redox sites are neighbours."""
        require_one_couple(name, sites)
        move = cls(sites.n_redox, sites.redox_pairs)
        require(name, "two redox sites that are neighbours", len(move.pairs), 1)
        return move

    @property
    def connects_all(self) -> bool:
        """Whether hops can take an electron from any redox site to any other."""
        group = np.arange(self.n_redox)
        for a, b in self.pairs:
            group[group == group[a]] = group[b]
        return len(np.unique(group)) <= 1

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Propose one unlike pair; None where there is none."""
        unlike = self._unlike(occupancy)
        if not len(unlike):
            return None
        return self._proposal(occupancy, unlike[rng.integers(len(unlike))], len(unlike))

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether there is an unlike neighbour pair."""
        return len(self._unlike(occupancy)) > 0

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate all unlike neighbour pairs, all equally probable."""
        unlike = self._unlike(occupancy)
        for pair in unlike:
            yield self._proposal(occupancy, pair, len(unlike)), 1.0 / len(unlike)

    def _unlike(self, occupancy: Occupancy) -> NDArray[np.int64]:
        first, second = self.pairs.T
        unlike: NDArray[np.int64] = self.pairs[occupancy[first] != occupancy[second]]
        return unlike

    def _proposal(self, occupancy: Occupancy, pair: NDArray[np.int64], n_unlike: int) -> Proposal:
        a, b = int(pair[0]), int(pair[1])
        changes = ((a, int(occupancy[b])), (b, int(occupancy[a])))
        reverse = len(self._unlike(Proposal(changes).apply(occupancy)))
        return Proposal(changes, math.log(n_unlike) - math.log(reverse))
