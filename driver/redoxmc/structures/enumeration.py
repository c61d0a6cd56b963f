"""Every order of a small cell, in a fixed sequence, and how many of them are distinct."""

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Occupancy


def choices(n_sites: int, count: int) -> npt.NDArray[np.int8]:
    """All ways to choose sites, (n_ways, n_sites) of 0 and 1, those with the first sites first."""
    ways = np.zeros((comb(n_sites, count), n_sites), dtype=np.int8)
    for row, chosen in zip(ways, combinations(range(n_sites), count), strict=True):
        row[list(chosen)] = 1
    return ways


def occupancies(
    n_redox: int, n_reduced: int, n_ion_sites: int = 0, n_ions: int = 0
) -> Iterator[Occupancy]:
    """All occupancies with these numbers of reduced sites and ions, in one fixed sequence."""
    ions = choices(n_ion_sites, n_ions)
    for charges in choices(n_redox, n_reduced):
        for order in ions:
            yield np.concatenate([charges, order])


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
    if ions is None:
        return occupancies(lattice.n_redox, n_reduced, lattice.n_ion_sites, n_ions)
    return (np.concatenate([charges, ions]) for charges in choices(lattice.n_redox, n_reduced))


def n_orders(host: Host, n_ions: int, *, ions_fixed: bool) -> int:
    """How many occupancies `orders_with` gives."""
    lattice = host.lattice
    charges = comb(lattice.n_redox, lattice.n_reduced(n_ions) or 0)
    return charges if ions_fixed else charges * comb(lattice.n_ion_sites, n_ions)
