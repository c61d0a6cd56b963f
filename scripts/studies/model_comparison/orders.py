"""Which charge orders are compared."""

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np

from model_comparison.compared_model import Supercell
from model_comparison.settings import StatesSettings
from redoxmc.errors import InputError
from redoxmc.structures.lattice import Occupancy, ion_count, occupancy_key
from redoxmc.structures.ordering import lowest_electrostatic

MOST = 200_000  # orders of one concentration


def distinct_orders(cell: Supercell, states: StatesSettings, x: float) -> dict[str, int]:
    """Return the keys of the symmetry-distinct orders at a concentration, with their degeneracies.

    They are those of all ion orders. Where states.orders is given, they are that many charge orders
    of the electrostatically lowest ion order, drawn without regard to degeneracy (seed 0). Raises
    InputError above 200,000 orders.
    """
    lattice = cell.lattice
    n_ions = ion_count(lattice, x)
    n_reduced = lattice.n_reduced(n_ions)
    assert n_reduced is not None  # ion_count has refused such an x
    one = states.orders is not None
    n_orders = comb(lattice.n_redox, n_reduced) * (1 if one else comb(lattice.n_ion_sites, n_ions))
    if n_orders > MOST:
        raise InputError(
            f"states '{states.name}': x = {x:g} has {n_orders} orders; at most {MOST}."
        )
    ions = (
        [lowest_electrostatic(lattice, cell.symmetry, n_ions)]
        if one
        else list(_choices(lattice.n_ion_sites, n_ions))
    )
    counts: dict[str, int] = {}
    for ion_order in ions:
        for charge_order in _choices(lattice.n_redox, n_reduced):
            canonical = cell.symmetry.canonical(np.concatenate([charge_order, ion_order]))
            key = occupancy_key(lattice, canonical)
            counts[key] = counts.get(key, 0) + 1
    keys = sorted(counts)
    if states.orders is not None and states.orders < len(keys):
        chosen = np.random.default_rng(0).permutation(len(keys))[: states.orders]
        keys = [keys[k] for k in sorted(chosen)]
    return {key: counts[key] for key in keys}


def _choices(n_sites: int, count: int) -> Iterator[Occupancy]:
    for chosen in combinations(range(n_sites), count):
        order = np.zeros(n_sites, dtype=np.int8)
        order[list(chosen)] = 1
        yield order
