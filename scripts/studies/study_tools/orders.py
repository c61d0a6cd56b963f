"""The order of a structure, and the name of its ion order."""

import numpy as np
from ase import Atoms

from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Lattice, Occupancy
from redoxmc.structures.neighbours import nearest_sites
from redoxmc.structures.occupancy import split_key

REACH = 3.0  # Å: an atom farther from every site of its element has none


def occupancy_of_frame(lattice: Lattice, atoms: Atoms) -> Occupancy:
    """Return the occupancy of a structure that lies in the setting of the lattice.

    atoms: with the column `charge_state`; each atom belongs to the nearest site of its element.
    Raises InputError where an atom has no site of its own or a site has no atom.
    """
    scaled = atoms.get_scaled_positions()
    symbols = np.array(atoms.get_chemical_symbols())
    states = np.array(atoms.arrays[COLUMN]).astype(str)
    elements = np.array([s.element for s in lattice.species])
    occupancy = np.zeros(lattice.n_redox + lattice.n_ion_sites, dtype=np.int8)
    taken: set[int] = set()
    home, positions = lattice.scaled @ lattice.cell, scaled @ lattice.cell
    site_of = np.full(len(atoms), -1)
    for symbol in set(symbols) & set(elements):
        same, own = np.flatnonzero(elements == symbol), symbols == symbol
        nearest, _ = nearest_sites(lattice.cell, home[same], positions[own], REACH)
        site_of[own] = np.where(nearest >= 0, same[nearest], -1)
    for site, symbol, state in zip(site_of.tolist(), symbols, states, strict=True):
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


def ion_key(host: Host, occupancy: Occupancy) -> str:
    """Return the name of the ion order alone, the same for all equivalent ones."""
    ions = occupancy.copy()
    ions[: host.lattice.n_redox] = 0
    return split_key(host.canonical_key(ions))[1]
