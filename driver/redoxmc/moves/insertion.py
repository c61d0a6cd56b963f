"""Charge-neutral insertion and removal of an ion, for the semigrand ensemble."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Self

import numpy as np

from redoxmc.moves.base import Move, Occupancy, Proposal, pick
from redoxmc.moves.sites import Sites, require


class InsertionRemoval(Move):
    """Insert an ion and reduce its share of redox sites, or the reverse, with probability 1/2 each.

    With e electrons per ion, n_occ ions, n_vac vacancies, n_red reduced and n_ox oxidised sites, a
    given insertion is drawn with probability 1/[2 n_vac C(n_ox, e)] and its reverse, from the
    state with one ion more, with 1/[2 (n_occ + 1) C(n_red + e, e)]. The log a-priori ratio of an
    insertion is therefore ln[n_vac C(n_ox, e)] − ln[(n_occ + 1) C(n_red + e, e)], and that of a
    removal ln[n_occ C(n_red, e)] − ln[(n_vac + 1) C(n_ox + e, e)].

    It changes x: the target is the semigrand distribution exp[−(E − μ n_ions)/k_BT], so the energy
    that the chain accepts on is E − μ n_ions with μ in eV per ion (and its electrons).
    """

    name = "insertion_removal"
    changes_ions = True
    changes_count = True
    connects_all = True

    def __init__(self, n_redox: int, electrons: int = 1) -> None:
        """Take electrons: redox sites reduced per inserted ion."""
        if electrons < 1:
            raise ValueError(f"an ion brings at least one electron, got {electrons}")
        self.n_redox, self.electrons = n_redox, electrons

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build it; InputError without ion sites or with too few redox sites for one ion."""
        require(name, "an ion site", sites.n_ion, 1)
        require(name, f"{sites.electrons} redox sites", sites.n_redox, sites.electrons)
        return cls(sites.n_redox, sites.electrons)

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Propose an insertion or a removal; None where the drawn one cannot be made."""
        value = int(rng.integers(2))  # 1: insert
        ions, redox = self._sites(occupancy, 1 - value)
        if not len(ions) or len(redox) < self.electrons:
            return None
        ion = pick(ions, rng)
        return self._proposal(
            occupancy, value, ion, rng.permutation(redox)[: self.electrons].tolist()
        )

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether an ion can be inserted or removed."""
        return any(
            len(ions) > 0 and len(redox) >= self.electrons
            for ions, redox in (self._sites(occupancy, 0), self._sites(occupancy, 1))
        )

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate all insertions and removals with their probabilities."""
        for value in (0, 1):
            ions, redox = self._sites(occupancy, 1 - value)
            ways = len(ions) * math.comb(len(redox), self.electrons)
            for ion in map(int, ions):
                for chosen in combinations(redox.tolist(), self.electrons):
                    yield self._proposal(occupancy, value, ion, list(chosen)), 0.5 / ways

    def _sites(
        self, occupancy: Occupancy, value: int
    ) -> tuple[
        np.ndarray[tuple[int], np.dtype[np.intp]], np.ndarray[tuple[int], np.dtype[np.intp]]
    ]:
        ions = np.flatnonzero(occupancy[self.n_redox :] == value) + self.n_redox
        return ions, np.flatnonzero(occupancy[: self.n_redox] == value)

    def _proposal(self, occupancy: Occupancy, value: int, ion: int, redox: list[int]) -> Proposal:
        (here_ions, here_redox), (there_ions, there_redox) = (
            self._sites(occupancy, 1 - value),
            self._sites(occupancy, value),
        )
        e = self.electrons
        forward = len(here_ions) * math.comb(len(here_redox), e)
        backward = (len(there_ions) + 1) * math.comb(len(there_redox) + e, e)
        changes = (*((site, value) for site in sorted(redox)), (ion, value))
        return Proposal(changes, math.log(forward) - math.log(backward))
