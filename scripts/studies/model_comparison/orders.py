"""Which charge orders are compared."""

import numpy as np

from model_comparison.compared_model import Supercell
from model_comparison.settings import StatesSettings
from redoxmc.errors import InputError
from redoxmc.structures.compositions import ion_count
from redoxmc.structures.enumeration import distinct_orders as every_distinct
from redoxmc.structures.enumeration import n_orders, orders_with
from redoxmc.structures.ordering import lowest_electrostatic

MOST = 200_000  # orders of one concentration


def distinct_orders(cell: Supercell, states: StatesSettings, x: float) -> dict[str, int]:
    """Return the keys of the symmetry-distinct orders at a concentration, with their degeneracies.

    They are those of all ion orders. Where states.orders is given, they are that many charge orders
    of the electrostatically lowest ion order, drawn without regard to degeneracy (seed 0). Raises
    InputError above 200,000 orders.
    """
    n_ions = ion_count(cell.lattice, x)
    one = states.orders is not None
    size = n_orders(cell.host, n_ions, ions_fixed=one)
    if size is None or size > MOST:
        raise InputError(f"states '{states.name}': x = {x:g} has {size} orders; at most {MOST}.")
    ions = lowest_electrostatic(cell.host, n_ions) if one else None
    counts = every_distinct(cell.host, orders_with(cell.host, n_ions, ions))
    keys = list(counts)
    if states.orders is not None and states.orders < len(keys):
        chosen = np.random.default_rng(0).permutation(len(keys))[: states.orders]
        keys = [keys[k] for k in sorted(chosen)]
    return {key: counts[key] for key in keys}
