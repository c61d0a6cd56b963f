"""Coupled move: an ion goes to a vacancy and takes its electron along."""

import math
from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from redoxmc.moves.base import Move, Occupancy, Proposal, pick
from redoxmc.moves.sites import Sites, require, require_one_couple


class IonChargeSwap(Move):
    """Move an ion to a vacancy, and a reduced neighbour of the one to an oxidised one of the other.

    Draws an ion a and a vacancy b, a reduced redox neighbour r of a and an oxidised redox
    neighbour o of b, each uniformly, and exchanges a with b and r with o. From state i with R_i(a)
    reduced neighbours of a and O_i(b) oxidised neighbours of b the probability is
    1/[n_occ n_vac R_i(a) O_i(b)]; the reverse draws b, a, o, r, and exists because o is then a
    reduced neighbour of b and r an oxidised neighbour of a. The numbers of ions and vacancies stay
    the same, so the log a-priori ratio is ln[R_i(a) O_i(b)] − ln[R_j(b) O_j(a)]. One draw leads
    from i to j.

    It moves dilute ions that bind their electrons, which single swaps would have to separate first.
    """

    name = "ion_charge_swap"
    changes_ions = True
    obstacle = "it changes charges together with ions only"

    def __init__(self, n_redox: int, n_ion: int, pairs: NDArray[np.int64]) -> None:
        """Take pairs: [n_pairs, 2] of (redox site, ion site), ion sites counted from 0; repeats
        count once.

        Raises ValueError for a pair outside the sites.
        """
        listed = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        low, high = listed.min(axis=0, initial=0), listed.max(axis=0, initial=0)
        if np.any(low < 0) or high[0] >= max(n_redox, 1) or high[1] >= max(n_ion, 1):
            raise ValueError(f"pairs name redox sites below {n_redox} and ion sites below {n_ion}")
        self.n_redox = n_redox
        self.neighbours = [np.unique(listed[listed[:, 1] == ion, 0]) for ion in range(n_ion)]

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build it; InputError for a single ion site, or without neighbours of ion sites."""
        require_one_couple(name, sites)
        require(name, "two ion sites", sites.n_ion, 2)
        require(name, "redox sites that neighbour ion sites", len(sites.ion_pairs), 1)
        return cls(sites.n_redox, sites.n_ion, sites.ion_pairs)

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Propose a move; None where the drawn ion and vacancy lack the neighbours it takes."""
        occupied, vacant = self._ions(occupancy)
        if not len(occupied) or not len(vacant):
            return None
        a, b = pick(occupied, rng), pick(vacant, rng)
        reduced, oxidised = self._like(occupancy, a, 1), self._like(occupancy, b, 0)
        if not len(reduced) or not len(oxidised):
            return None
        return self._proposal(occupancy, a, b, pick(reduced, rng), pick(oxidised, rng))

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether some ion has a reduced neighbour and some vacancy an oxidised one."""
        occupied, vacant = self._ions(occupancy)
        return any(len(self._like(occupancy, int(a), 1)) for a in occupied) and any(
            len(self._like(occupancy, int(b), 0)) for b in vacant
        )

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate all moves with their probabilities."""
        occupied, vacant = self._ions(occupancy)
        for a in map(int, occupied):
            for b in map(int, vacant):
                reduced, oxidised = self._like(occupancy, a, 1), self._like(occupancy, b, 0)
                ways = len(occupied) * len(vacant) * len(reduced) * len(oxidised)
                for r in map(int, reduced):
                    for o in map(int, oxidised):
                        yield self._proposal(occupancy, a, b, r, o), 1.0 / ways

    def _ions(self, occupancy: Occupancy) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        ions = occupancy[self.n_redox :]
        return np.flatnonzero(ions == 1), np.flatnonzero(ions == 0)

    def _like(self, occupancy: Occupancy, ion: int, value: int) -> NDArray[np.intp]:
        near = self.neighbours[ion]
        like: NDArray[np.intp] = near[occupancy[near] == value].astype(np.intp)
        return like

    def _proposal(self, occupancy: Occupancy, a: int, b: int, r: int, o: int) -> Proposal:
        changes = ((r, 0), (o, 1), (self.n_redox + a, 0), (self.n_redox + b, 1))
        after = Proposal(changes).apply(occupancy)
        there = len(self._like(occupancy, a, 1)) * len(self._like(occupancy, b, 0))
        back = len(self._like(after, b, 1)) * len(self._like(after, a, 0))
        return Proposal(changes, math.log(there) - math.log(back))
