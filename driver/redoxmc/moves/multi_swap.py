"""k-pair charge swap: k reduced and k oxidised sites exchange their charge states at once."""

import math
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Self

import numpy as np

from redoxmc.moves.base import Move, Occupancy, Proposal
from redoxmc.moves.sites import Sites, require, require_one_couple

_NAME = re.compile(r"charge_swap_([1-9]\d*)")  # with the number of pairs


class MultiSwap(Move):
    """Draw k of the reduced and k of the oxidised sites, uniformly, and exchange their charge
    states.

    Symmetric: every choice has the probability 1/[C(n_red, k) C(n_ox, k)], the numbers n_red and
    n_ox do not change, and exactly one choice leads from i to j. The log a-priori ratio is 0.

    Not ergodic alone where it cannot make small changes (k = 2 with two reduced of four sites only
    inverts the order): mix it with a single swap.
    """

    name = "charge_swap_2"  # an example; each has its own k in its name
    obstacle = "it cannot make small changes"

    def __init__(self, n_redox: int, k: int) -> None:
        if k < 1:
            raise ValueError(f"a swap takes at least one pair, got k = {k}")
        self.n_redox, self.k = n_redox, k
        self.name = f"charge_swap_{k}"

    @property
    def connects_all(self) -> bool:
        """Whether it is the single swap."""
        return self.k == 1

    @classmethod
    def is_called(cls, name: str) -> bool:
        """Say whether the name is charge_swap_ with a number of pairs."""
        return _NAME.fullmatch(name) is not None

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build it with the k of its name; InputError for fewer than 2k redox sites."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"charge_swap_k has its number of pairs in its name, got {name!r}")
        require_one_couple(name, sites)
        pairs = int(match[1])
        require(name, f"{2 * pairs} redox sites", sites.n_redox, 2 * pairs)
        return cls(sites.n_redox, pairs)

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Propose k uniformly drawn pairs; None where there are fewer than k of either kind."""
        if not self.applies(occupancy):
            return None
        charges = occupancy[: self.n_redox]
        reduced = rng.permutation(np.flatnonzero(charges == 1))[: self.k]
        oxidised = rng.permutation(np.flatnonzero(charges == 0))[: self.k]
        return _exchange(reduced.tolist(), oxidised.tolist())

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether there are k reduced and k oxidised sites."""
        n_reduced = int(occupancy[: self.n_redox].sum())
        return self.k <= n_reduced <= self.n_redox - self.k

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate all choices, all equally probable."""
        charges = occupancy[: self.n_redox]
        reduced, oxidised = np.flatnonzero(charges == 1), np.flatnonzero(charges == 0)
        count = math.comb(len(reduced), self.k) * math.comb(len(oxidised), self.k)
        for ones in combinations(reduced.tolist(), self.k):
            for zeros in combinations(oxidised.tolist(), self.k):
                yield _exchange(list(ones), list(zeros)), 1.0 / count


def _exchange(ones: list[int], zeros: list[int]) -> Proposal:
    return Proposal(
        tuple((site, 0) for site in sorted(ones)) + tuple((site, 1) for site in sorted(zeros))
    )
