"""Electrons on sites that take several: how many ways there are, exactly, and the ideal entropy.

A site that takes `most` electrons has the levels 0 (most oxidised) to `most`. Sites come in blocks
(number of sites, most); a couple of two charge states is one block with most = 1.
"""

import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from redoxmc.thermo.entropy import finite_size_entropy, ideal_entropy, log_binomial

Blocks = tuple[tuple[int, int], ...]


def blocks_of(most: Iterable[int]) -> Blocks:
    """Count sites by the electrons that they take. most: of each site."""
    return tuple((n, m) for m, n in sorted(Counter(map(int, most)).items()))


@lru_cache(maxsize=100_000)
def count_orders(blocks: Blocks, electrons: int) -> int:
    """How many ways there are to place so many electrons on the sites, exactly."""
    if electrons < 0 or electrons > sum(n * m for n, m in blocks):
        return 0
    if not blocks or electrons == 0:
        return 1
    if len(blocks) == 1 and blocks[0][1] == 1:
        return math.comb(blocks[0][0], electrons)
    return sum(ways for _, ways in full_sites(blocks, electrons))


def full_sites(blocks: Blocks, electrons: int) -> list[tuple[int, int]]:
    """How many sites of the first block may be at their highest level, and in how many ways.

    The others of the block are then a block of one level less: this is the recursion of
    count_orders. Only possible numbers are listed.
    """
    (n, m), rest = blocks[0], blocks[1:]
    if m == 1 and not rest:
        return [(electrons, math.comb(n, electrons))] if 0 <= electrons <= n else []
    found = []
    for full in range(min(n, electrons // m) + 1):
        left = without_full(blocks, full)
        ways = count_orders(left, electrons - full * m)
        if ways:
            found.append((full, math.comb(n, full) * ways))
    return found


def without_full(blocks: Blocks, full: int) -> Blocks:
    """What is left to fill once `full` sites of the first block are at their highest level."""
    (n, m), rest = blocks[0], blocks[1:]
    return ((n - full, m - 1), *rest) if m > 1 and n > full else rest


def finite_size_entropy_of(blocks: Blocks, electrons: int) -> float:
    """ln(number of orders) per site of a finite cell: its ideal entropy, k_B per site."""
    if _one_couple(blocks):
        return finite_size_entropy(blocks[0][0], electrons)
    return math.log(count_orders(blocks, electrons)) / sum(n for n, _ in blocks)


def ideal_entropy_of(blocks: Blocks, electrons: int) -> float:
    """Entropy of independent sites with this mean number of electrons, in k_B per site.

    All sites are in contact with one reservoir of electrons: level v of any site has the weight
    exp(λ v), and λ is such that the mean number is right (maximum entropy; Jaynes, Phys. Rev. 106,
    620 (1957)). For a couple it is −x ln x − (1−x) ln(1−x).
    """
    n_sites = sum(n for n, _ in blocks)
    if _one_couple(blocks):
        return ideal_entropy(electrons / n_sites)
    if electrons in (0, sum(n * m for n, m in blocks)):
        return 0.0
    total = 0.0
    multiplier = _multiplier(blocks, electrons)
    for n, m in blocks:
        p = _levels(m, multiplier)
        total -= n * float((p[p > 0] * np.log(p[p > 0])).sum())
    return total / n_sites


def lacking_entropy(blocks: Blocks, electrons: int) -> float:
    """Ideal entropy (k_B per cell) that a cell lacks for being finite."""
    if _one_couple(blocks):
        n = blocks[0][0]
        return n * ideal_entropy(electrons / n) - log_binomial(n, electrons)
    per_site = ideal_entropy_of(blocks, electrons) - finite_size_entropy_of(blocks, electrons)
    return sum(n for n, _ in blocks) * per_site


def _one_couple(blocks: Blocks) -> bool:
    return len(blocks) == 1 and blocks[0][1] == 1


def _multiplier(blocks: Blocks, electrons: int) -> float:
    """The λ at which independent sites hold so many electrons in the mean."""
    from scipy.optimize import brentq

    def excess(multiplier: float) -> float:
        means = (n * float(_levels(m, multiplier) @ np.arange(m + 1)) for n, m in blocks)
        return sum(means) - electrons

    bound = 1.0
    while not excess(-bound) < 0.0 < excess(bound):
        bound *= 2.0
    return float(brentq(excess, -bound, bound, xtol=1e-13))


def _levels(most: int, multiplier: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Probabilities of the levels of an independent site, (most + 1,)."""
    exponents = multiplier * np.arange(most + 1)
    weights = np.exp(exponents - exponents.max())
    return np.asarray(weights / weights.sum())
