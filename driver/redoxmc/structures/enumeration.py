"""Every order of a small cell, in a fixed sequence, and how many of them are distinct."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from redoxmc.structures.host import Host
from redoxmc.structures.independent import exclusion_graph
from redoxmc.structures.lattice import Lattice, Occupancy
from redoxmc.thermo.levels import count_orders


def choices(n_sites: int, count: int) -> npt.NDArray[np.int8]:
    """All ways to choose sites, (n_ways, n_sites) of 0 and 1, those with the first sites first."""
    ways = np.zeros((comb(n_sites, count), n_sites), dtype=np.int8)
    for row, chosen in zip(ways, combinations(range(n_sites), count), strict=True):
        row[list(chosen)] = 1
    return ways


def occupancies(
    n_redox: int, n_reduced: int, n_ion_sites: int = 0, n_ions: int = 0
) -> Iterator[Occupancy]:
    """All occupancies of one couple with these numbers of reduced sites and ions, in a sequence."""
    ions = choices(n_ion_sites, n_ions)
    for charges in choices(n_redox, n_reduced):
        for order in ions:
            yield np.concatenate([charges, order])


def charge_orders(most: Sequence[int], electrons: int) -> Iterator[Occupancy]:
    """All ways to place electrons on redox sites, (n_redox,), those with the first sites first.

    most: the electrons that each site can take.
    """
    most = [int(m) for m in most]
    if set(most) == {1}:
        yield from choices(len(most), electrons)
        return
    room = [sum(most[site:]) for site in range(len(most) + 1)]  # of a site and those after it
    levels = np.zeros(len(most), dtype=np.int8)

    def fill(site: int, left: int) -> Iterator[Occupancy]:
        if site == len(most):
            yield levels.copy()
            return
        for level in range(min(most[site], left), max(left - room[site + 1], 0) - 1, -1):
            levels[site] = level
            yield from fill(site + 1, left - level)

    if 0 <= electrons <= room[0]:
        yield from fill(0, electrons)


def ion_orders(lattice: Lattice, n_ions: int) -> Iterator[Occupancy]:
    """All ion orders that are allowed, (n_ion_sites,), those with the first sites first."""
    if not len(lattice.excluded):
        return iter(choices(lattice.n_ion_sites, n_ions))
    return exclusion_graph(lattice.n_ion_sites, lattice.excluded).choices(n_ions)


def n_ion_orders(lattice: Lattice, n_ions: int) -> int | None:
    """How many ion orders are allowed; None where sites exclude each other in a large cell."""
    if not len(lattice.excluded):
        return comb(lattice.n_ion_sites, n_ions)
    return exclusion_graph(lattice.n_ion_sites, lattice.excluded).count(n_ions)


def n_charge_orders(lattice: Lattice, n_ions: int) -> int:
    """How many charge orders a cell of n_ions ions has."""
    return count_orders(lattice.blocks, lattice.n_reduced(n_ions) or 0)


def distinct_orders(host: Host, orders: Iterable[Occupancy]) -> dict[str, int]:
    """Canonical keys of occupancies, sorted, and how many of them are equivalent to each."""
    counts: dict[str, int] = {}
    for occupancy in orders:
        key = host.canonical_key(occupancy)
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


def orders_with(host: Host, n_ions: int, ions: Occupancy | None = None) -> Iterator[Occupancy]:
    """All neutral occupancies with n_ions ions, or with this ion order, (n_ion_sites,), alone."""
    lattice = host.lattice
    n_reduced = lattice.n_reduced(n_ions)
    assert n_reduced is not None  # ion_count has refused such a concentration
    every = [ions] if ions is not None else list(ion_orders(lattice, n_ions))
    return (
        np.concatenate([charges, order])
        for charges in charge_orders(lattice.most.tolist(), n_reduced)
        for order in every
    )


def n_orders(host: Host, n_ions: int, *, ions_fixed: bool) -> int | None:
    """How many occupancies `orders_with` gives; None where that is not known (n_ion_orders)."""
    charges = n_charge_orders(host.lattice, n_ions)
    if ions_fixed:
        return charges
    ions = n_ion_orders(host.lattice, n_ions)
    return None if ions is None else charges * ions
