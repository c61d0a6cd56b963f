"""Charge-neutral insertion and removal of an ion, for the semigrand ensemble."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Self

import numpy as np
from numpy.typing import NDArray

from redoxmc.errors import InputError
from redoxmc.moves.base import Move, Occupancy, Proposal, pick
from redoxmc.moves.sites import Sites, require


class InsertionRemoval(Move):
    """Insert an ion and reduce its share of redox sites, or the reverse, with probability 1/2 each.

    With e electrons per ion, n_occ ions, n_vac vacancies, n_red reduced and n_ox oxidised sites, a
    given insertion is drawn with probability 1/[2 n_vac C(n_ox, e)] and its reverse, from the
    state with one ion more, with 1/[2 (n_occ + 1) C(n_red + e, e)]. The log a-priori ratio of an
    insertion is therefore ln[n_vac C(n_ox, e)] − ln[(n_occ + 1) C(n_red + e, e)], and that of a
    removal ln[n_occ C(n_red, e)] − ln[(n_vac + 1) C(n_ox + e, e)].

    Where sites take several electrons, or different numbers, an ion brings one (e = 1), n_ox are
    the sites with room for it and n_red those that can give it back: C(n_ox, 1) acceptors before
    the insertion, and as many donors as there are after it in the place of n_red + 1.

    It changes x: the target is the semigrand distribution exp[−(E − μ n_ions)/k_BT], so the energy
    that the chain accepts on is E − μ n_ions with μ in eV per ion (and its electrons).
    """

    name = "insertion_removal"
    changes_ions = True
    changes_count = True
    connects_all = True

    def __init__(
        self, n_redox: int, electrons: int = 1, most: NDArray[np.int64] | None = None
    ) -> None:
        """Take electrons: redox sites reduced per inserted ion; most: [n_redox] electrons that each
        site can take, one by default.
        """
        if electrons < 1:
            raise ValueError(f"an ion brings at least one electron, got {electrons}")
        self.n_redox, self.electrons = n_redox, electrons
        self.most = np.ones(n_redox, dtype=np.int64) if most is None else most
        if electrons > 1 and self.most.max(initial=1) > 1:
            raise ValueError("an ion of several electrons needs sites that take one each")

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build it; InputError without ion sites or with too few redox sites for one ion."""
        require(name, "an ion site", sites.n_ion, 1)
        require(name, f"{sites.electrons} redox sites", sites.n_redox, sites.electrons)
        most = sites.electrons_of_sites
        if sites.electrons > 1 and most.max() > 1:
            raise InputError(
                f"sampling.moves.{name}: an ion brings {sites.electrons} electrons, and redox "
                "sites take several each; that is not possible together, use fixed concentrations."
            )
        return cls(sites.n_redox, sites.electrons, most)

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
        """Ion sites of this value, and redox sites that take an electron (0) or give one (1)."""
        ions = np.flatnonzero(occupancy[self.n_redox :] == value) + self.n_redox
        levels = occupancy[: self.n_redox]
        return ions, np.flatnonzero(levels > 0 if value else levels < self.most)

    def _proposal(self, occupancy: Occupancy, value: int, ion: int, redox: list[int]) -> Proposal:
        e, gain = self.electrons, 2 * value - 1
        taken = ((site, int(occupancy[site]) + gain) for site in sorted(redox))
        changes = (*taken, (ion, value))
        here_ions, here_redox = self._sites(occupancy, 1 - value)
        there_ions, there_redox = self._sites(Proposal(changes).apply(occupancy), value)
        forward = len(here_ions) * math.comb(len(here_redox), e)
        backward = len(there_ions) * math.comb(len(there_redox), e)
        return Proposal(changes, math.log(forward) - math.log(backward))
