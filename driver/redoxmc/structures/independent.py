"""Choices of sites of which some exclude each other: all of them, how many, and one at random.

These are the independent sets of a graph, counted by their size.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import comb

import numpy as np
import numpy.typing as npt

from redoxmc.structures.random_levels import below

Ints = npt.NDArray[np.int64]
MOST_PARTS = 200_000  # parts of a graph that are looked at; beyond, its choices are not counted


class ExclusionGraph:
    """Sites and the pairs of them that exclude each other.

    n_sites: number of sites. pairs: (n_pairs, 2) of them, counted from 0.
    """

    def __init__(self, n_sites: int, pairs: Sequence[tuple[int, int]]):
        self.n_sites = n_sites
        self._near = [0] * n_sites  # bit masks of the sites that each excludes
        for a, b in pairs:
            self._near[a] |= 1 << b
            self._near[b] |= 1 << a
        self._known: dict[int, list[int]] = {0: [1]}

    def choices(self, count: int) -> Iterator[npt.NDArray[np.int8]]:
        """Every allowed choice of `count` sites, those with the first sites first, (n_sites,)."""
        chosen = np.zeros(self.n_sites, dtype=np.int8)

        def extend(first: int, free: int, left: int) -> Iterator[npt.NDArray[np.int8]]:
            if left == 0:
                yield chosen.copy()
                return
            for site in range(first, self.n_sites - left + 1):
                if free >> site & 1:
                    chosen[site] = 1
                    yield from extend(site + 1, free & ~self._near[site], left - 1)
                    chosen[site] = 0

        yield from extend(0, (1 << self.n_sites) - 1, count)

    def count(self, count: int) -> int | None:
        """How many allowed choices of `count` sites there are; None where the graph is too large.

        Exact: a site is in the choice, and then none of its neighbours, or it is not; parts that
        are not connected multiply (the independence polynomial of the graph).
        """
        try:
            return _term(self._sizes((1 << self.n_sites) - 1), count)
        except OverflowError:
            return None

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.int8] | None:
        """A uniformly drawn allowed choice, (n_sites,); None where it cannot be counted or made."""
        if not self.count(count):
            return None
        chosen = np.zeros(self.n_sites, dtype=np.int8)
        free = (1 << self.n_sites) - 1
        while count:
            site = free.bit_length() - 1
            free &= ~(1 << site)
            try:
                without = _term(self._sizes(free), count)
                taken = free & ~self._near[site]
                with_it = _term(self._sizes(taken), count - 1)
            except OverflowError:
                return None
            if below(with_it + without, rng) < with_it:
                chosen[site], free, count = 1, taken, count - 1
        return chosen

    def draw_somehow(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.int8] | None:
        """An allowed choice of sites taken in random order, (n_sites,): not uniform, for starts."""
        for _ in range(1000):
            chosen = np.zeros(self.n_sites, dtype=np.int8)
            free, left = (1 << self.n_sites) - 1, count
            for site in rng.permutation(self.n_sites).tolist():
                if left and free >> site & 1:
                    chosen[site], left = 1, left - 1
                    free &= ~self._near[site]
            if not left:
                return chosen
        return None

    def may_move(self, chosen: npt.NDArray[np.int8], i: int, j: int) -> bool:
        """Whether the allowed choice stays so when site j is taken for site i."""
        return not any(chosen[s] for s in _bits(self._near[j]) if s != i)

    def _sizes(self, free: int) -> list[int]:
        """Number of allowed choices among the free sites, by their size."""
        if free in self._known:
            return self._known[free]
        if len(self._known) > MOST_PARTS:
            raise OverflowError
        degree, site = max(((self._near[s] & free).bit_count(), -s) for s in _bits(free))
        if degree == 0:
            n = free.bit_count()
            result = [comb(n, k) for k in range(n + 1)]
        elif (part := self._connected(free)) != free:
            result = _product(self._sizes(part), self._sizes(free & ~part))
        else:
            without = self._sizes(free & ~(1 << -site))
            with_it = [0, *self._sizes(free & ~(1 << -site) & ~self._near[-site])]
            length = max(len(without), len(with_it))
            result = [_term(without, k) + _term(with_it, k) for k in range(length)]
        self._known[free] = result
        return result

    def _connected(self, free: int) -> int:
        """The part of the free sites that is connected to the first of them."""
        part = fresh = free & -free
        while fresh:
            reached = 0
            for site in _bits(fresh):
                reached |= self._near[site] & free
            fresh = reached & ~part
            part |= fresh
        return part


@lru_cache(maxsize=16)
def _graph(n_sites: int, pairs: tuple[tuple[int, int], ...]) -> ExclusionGraph:
    return ExclusionGraph(n_sites, pairs)


def exclusion_graph(n_sites: int, excluded: Ints) -> ExclusionGraph:
    """The graph of some sites, made once. excluded: (n_pairs, 2)."""
    return _graph(n_sites, tuple((int(a), int(b)) for a, b in excluded))


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _term(sizes: Sequence[int], k: int) -> int:
    return sizes[k] if 0 <= k < len(sizes) else 0


def _product(a: Sequence[int], b: Sequence[int]) -> list[int]:
    result = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] += x * y
    return result
