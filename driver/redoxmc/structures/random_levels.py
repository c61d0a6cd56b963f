"""Some charge order, and uniform random ones: how many electrons each redox site holds."""

import numpy as np
import numpy.typing as npt

from redoxmc.thermo.levels import blocks_of, full_sites, without_full


def random_levels(
    most: npt.NDArray[np.int64], electrons: int, rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """A uniformly drawn charge order, (n_redox,), of all with so many electrons.

    most: electrons that each site can take, (n_redox,). First how many sites of each kind are at
    each level is drawn, with the exact number of orders of that kind as weight, then which sites.
    Of one couple only the latter is left to draw: one permutation.
    """
    blocks = blocks_of(most)
    levels = np.zeros(len(most), dtype=np.int8)
    for kind in [m for _, m in blocks]:
        sites = np.flatnonzero(most == kind)
        if kind:
            sites = sites[rng.permutation(len(sites))]
        for level in range(kind, 0, -1):
            if not len(sites):
                break
            options = full_sites(blocks, electrons)
            place = 0
            if len(options) > 1:
                drawn = below(sum(ways for _, ways in options), rng)
                while drawn >= options[place][1]:
                    drawn -= options[place][1]
                    place += 1
            full = options[place][0]
            levels[sites[:full]] = level
            sites, blocks = sites[full:], without_full(blocks, full)
            electrons -= full * level
    return levels


def first_levels(most: npt.NDArray[np.int64], electrons: int) -> npt.NDArray[np.int8]:
    """The charge order, (n_redox,), whose first sites hold all the electrons that they can."""
    before = np.cumsum(most) - most
    levels: npt.NDArray[np.int8] = np.clip(electrons - before, 0, most).astype(np.int8)
    return levels


def below(bound: int, rng: np.random.Generator) -> int:
    """A uniformly drawn whole number from 0 to bound − 1, of any size; nothing is drawn for 1."""
    if bound <= 1:
        return 0
    if bound < 2**63:
        return int(rng.integers(bound))
    length = (bound.bit_length() + 7) // 8
    excess = 8 * length - bound.bit_length()
    while True:
        drawn = int.from_bytes(rng.bytes(length), "little") >> excess
        if drawn < bound:
            return drawn
