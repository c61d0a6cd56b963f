"""Which charge orders are compared, and which order a labelled frame has."""

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from redoxmc.comparison.settings import StatesSettings
from redoxmc.comparison.workplace import Supercell
from redoxmc.errors import InputError
from redoxmc.structures.lattice import Lattice, Occupancy, ion_count, occupancy_key
from redoxmc.structures.ordering import lowest_electrostatic

MOST = 200_000


def distinct_orders(cell: Supercell, states: StatesSettings, x: float) -> dict[str, int]:
    """Keys of the symmetry-distinct orders at a concentration, with their degeneracies.

    Of all ion orders, or, where states.orders is given, of that many charge orders of the
    electrostatically lowest ion order, drawn without regard to degeneracy (seed 0).
    Raises InputError above 200,000 orders.
    """
    lattice = cell.lattice
    n_ions = ion_count(lattice, x)
    n_reduced = lattice.n_reduced(n_ions)
    assert n_reduced is not None  # ion_count has refused such an x
    one = states.orders is not None
    n_orders = comb(lattice.n_redox, n_reduced) * (1 if one else comb(lattice.n_ions, n_ions))
    if n_orders > MOST:
        raise InputError(
            f"states '{states.name}': x = {x:g} has {n_orders} orders; at most {MOST}."
        )
    ions = (
        [lowest_electrostatic(lattice, cell.symmetry, n_ions)]
        if one
        else list(_choices(lattice.n_ions, n_ions))
    )
    found: dict[str, int] = {}
    for ion_order in ions:
        for charge_order in _choices(lattice.n_redox, n_reduced):
            canonical = cell.symmetry.canonical(np.concatenate([charge_order, ion_order]))
            key = occupancy_key(lattice, canonical)
            found[key] = found.get(key, 0) + 1
    keys = sorted(found)
    if states.orders is not None and states.orders < len(keys):
        chosen = np.random.default_rng(0).permutation(len(keys))[: states.orders]
        keys = [keys[k] for k in sorted(chosen)]
    return {key: found[key] for key in keys}


def occupancy_of_frame(lattice: Lattice, atoms: Any) -> Occupancy:
    """The occupancy of a labelled frame in the setting of the lattice.

    atoms: with the column `charge_state`. Raises InputError where its atoms are not those of the
    lattice, each next to a site of its own.
    """
    scaled = atoms.get_scaled_positions()
    symbols = np.array(atoms.get_chemical_symbols())
    states = np.array(atoms.arrays["charge_state"]).astype(str)
    elements = np.array([s.element for s in lattice.species])
    occupancy = np.zeros(lattice.n_redox + lattice.n_ions, dtype=np.int8)
    taken: set[int] = set()
    for position, symbol, state in zip(scaled, symbols, states, strict=True):
        same = np.flatnonzero(elements == symbol)
        gaps = lattice.scaled[same] - position
        gaps = (gaps - np.round(gaps)) @ lattice.cell
        site = int(same[np.linalg.norm(gaps, axis=1).argmin()]) if len(same) else -1
        if site < 0 or site in taken:
            raise InputError(f"a {symbol} of the frame has no site of its own in the host.")
        taken.add(site)
        redox, ion = lattice.redox_sites == site, lattice.ion_sites == site
        if ion.any():
            occupancy[lattice.n_redox + int(ion.argmax())] = 1
        elif redox.any() and state == str(lattice.reduced):
            occupancy[int(redox.argmax())] = 1
    if len(taken) != len(lattice.atoms(occupancy)[0]):
        raise InputError(f"the frame has {len(taken)} atoms on the {len(elements)} host sites.")
    return occupancy


def _choices(n_sites: int, count: int) -> Iterator[Occupancy]:
    for chosen in combinations(range(n_sites), count):
        order = np.zeros(n_sites, dtype=np.int8)
        order[list(chosen)] = 1
        yield order
