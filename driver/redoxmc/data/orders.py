"""Which ion orders and charge orders to make structures of."""

from collections.abc import Iterable
from math import comb

import numpy as np

from redoxmc.structures.enumeration import choices
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Occupancy
from redoxmc.structures.ordering import lowest_charge_order, lowest_electrostatic

_ALL = 5000  # choices up to which all are looked at; beyond, random ones


def choose_orders(
    host: Host,
    n_ions: int,
    ion_orders: int,
    charge_orders: int,
    rng: np.random.Generator,
) -> list[Occupancy]:
    """Return symmetry-distinct occupancies with n_ions ions, each (n_redox + n_ion_sites,).

    At most ion_orders ion orders, the one of lowest electrostatic energy first, and of each at most
    charge_orders charge orders, again the electrostatically lowest first; the others are random.
    """
    lattice, symmetry = host.lattice, host.symmetry
    n_reduced = lattice.n_reduced(n_ions)
    assert n_reduced is not None  # ion_count has refused such a concentration
    redox_empty = np.zeros(lattice.n_redox, dtype=np.int8)
    chosen, seen = list[Occupancy](), set[bytes]()
    first = lowest_electrostatic(host, n_ions)
    ions_seen = set[bytes]()
    for ions in [first, *_some_choices(lattice.n_ion_sites, n_ions, rng)]:
        name = symmetry.canonical(np.concatenate([redox_empty, ions])).tobytes()
        if name in ions_seen:
            continue
        if len(ions_seen) == ion_orders:
            break
        ions_seen.add(name)
        count = 0
        lowest = lowest_charge_order(lattice, ions)[: lattice.n_redox]
        for redox in [lowest, *_some_choices(lattice.n_redox, n_reduced, rng)]:
            occupancy = np.concatenate([redox, ions]).astype(np.int8)
            name = symmetry.canonical(occupancy).tobytes()
            if name not in seen and count < charge_orders:
                seen.add(name)
                chosen.append(occupancy)
                count += 1
    return chosen


def _some_choices(n_sites: int, count: int, rng: np.random.Generator) -> Iterable[Occupancy]:
    """All ways to choose sites in random order, or `_ALL` random ones (with repeats)."""
    if comb(n_sites, count) <= _ALL:
        every = choices(n_sites, count)
        return every[rng.permutation(len(every))]
    some = np.zeros((_ALL, n_sites), dtype=np.int8)
    for row in some:
        row[rng.permutation(n_sites)[:count]] = 1
    return some
