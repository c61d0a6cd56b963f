"""Which ion orders and charge orders to make structures of."""

from collections.abc import Iterable

import numpy as np

from redoxmc.structures.enumeration import charge_orders, ion_orders, n_ion_orders
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Lattice, Occupancy
from redoxmc.structures.ordering import lowest_charge_order, lowest_electrostatic
from redoxmc.structures.random_levels import random_levels
from redoxmc.thermo.levels import count_orders

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
    for ions in [first, *_some_ions(lattice, n_ions, rng)]:
        name = symmetry.canonical(np.concatenate([redox_empty, ions])).tobytes()
        if name in ions_seen:
            continue
        if len(ions_seen) == ion_orders:
            break
        ions_seen.add(name)
        count = 0
        lowest = lowest_charge_order(lattice, ions)[: lattice.n_redox]
        for redox in [lowest, *_some_charges(lattice, n_reduced, rng)]:
            occupancy = np.concatenate([redox, ions]).astype(np.int8)
            name = symmetry.canonical(occupancy).tobytes()
            if name not in seen and count < charge_orders:
                seen.add(name)
                chosen.append(occupancy)
                count += 1
    return chosen


def _some_ions(lattice: Lattice, n_ions: int, rng: np.random.Generator) -> Iterable[Occupancy]:
    """All allowed ion orders in random order, or `_ALL` random ones (with repeats)."""
    number = n_ion_orders(lattice, n_ions)
    if number is not None and number <= _ALL:
        every = np.array(list(ion_orders(lattice, n_ions)))
        return every[rng.permutation(len(every))]
    return [lattice.random_ions(n_ions, rng) for _ in range(_ALL)]


def _some_charges(
    lattice: Lattice, electrons: int, rng: np.random.Generator
) -> Iterable[Occupancy]:
    """All charge orders in random order, or `_ALL` random ones (with repeats)."""
    if count_orders(lattice.blocks, electrons) <= _ALL:
        every = np.array(list(charge_orders(lattice.most.tolist(), electrons)))
        return every[rng.permutation(len(every))]
    return [random_levels(lattice.most, electrons, rng) for _ in range(_ALL)]
