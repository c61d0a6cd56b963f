"""Which ion sites are occupied: lowest electrostatic energy, random, or as in a structure file."""

from math import comb
from pathlib import Path

import numpy as np

from redoxmc.errors import InputError
from redoxmc.structures.enumeration import choices
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.neighbours import nearest_sites

EXHAUSTIVE = 20_000  # ion orders up to which every one is tried
EWALD_LIMIT = 2_000  # sites: the Ewald matrix grows with their square


def ewald_matrix(cell: Floats, scaled: Floats) -> Floats:
    """Pair matrix M (eV/e^2, (n, n)) with E = sum_ij q_i q_j M_ij for neutral cells.

    Ewald sum of point charges as in pymatgen's EwaldSummation (Toukmaji & Board 1996).
    """
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.core import Lattice as Cell
    from pymatgen.core import Structure

    ones = Structure(Cell(cell), ["H+"] * len(scaled), scaled)
    matrix: Floats = np.array(EwaldSummation(ones, compute_forces=False).total_energy_matrix)
    return matrix


def ion_order(host: Host, n_ions: int, ordering: str, rng: np.random.Generator) -> Occupancy:
    """The ion part of an occupancy, (n_ion_sites,).

    ordering: "ewald", "random", "sampled" (starts random) or a structure file. rng: used by
    "random" and "sampled", and by the annealing that "ewald" falls back on for many ion orders.
    """
    if ordering in ("random", "sampled"):
        chosen = rng.permutation(host.lattice.n_ion_sites)[:n_ions]
        return _occupied(host.lattice, chosen)
    if ordering == "ewald":
        return lowest_electrostatic(host, n_ions)
    return ion_order_of_file(host.lattice, n_ions, Path(ordering))


def lowest_order(host: Host, n_ions: int) -> Occupancy:
    """Ions, then charges, in the order of lowest Ewald energy: it depends on n_ions alone."""
    return lowest_charge_order(host.lattice, lowest_electrostatic(host, n_ions))


def lowest_electrostatic(host: Host, n_ions: int) -> Occupancy:
    """The ion order of lowest Ewald energy, every redox site carrying the mean redox charge.

    Exhaustive up to 20,000 orders, else simulated annealing with a fixed seed: deterministic.
    Among equivalent orders the lexicographically largest is returned. Above the size that an Ewald
    matrix fits, InputError.
    """
    lattice = host.lattice
    if n_ions in (0, lattice.n_ion_sites):
        return _occupied(lattice, np.arange(n_ions))
    reduced = lattice.n_reduced(n_ions)
    assert reduced is not None  # ion_count has refused such an x
    charges = np.array([float(s.charge) for s in lattice.species])
    share = reduced / lattice.n_redox
    charges[lattice.redox_sites] = (
        share * lattice.reduced.charge + (1 - share) * lattice.oxidised.charge
    )
    ion = lattice.species[lattice.ion_sites[0]].charge
    charges[lattice.ion_sites] = 0.0
    best = _lowest(lattice, charges, lattice.ion_sites, float(ion), n_ions)
    order = np.concatenate([np.zeros(lattice.n_redox, dtype=np.int8), best])
    return host.symmetry.orbit(order)[-1, lattice.n_redox :].copy()


def lowest_charge_order(lattice: Lattice, ions: Occupancy) -> Occupancy:
    """The whole occupancy whose charge order has the lowest Ewald energy with these ions.

    ions: (n_ion_sites,). Deterministic, like lowest_electrostatic.
    """
    reduced = lattice.n_reduced(int(ions.sum()))
    assert reduced is not None
    if reduced in (0, lattice.n_redox):
        order = np.full(lattice.n_redox, reduced > 0, dtype=np.int8)
        return np.concatenate([order, ions])
    charges = np.array([float(s.charge) for s in lattice.species])
    charges[lattice.ion_sites] *= ions
    charges[lattice.redox_sites] = lattice.oxidised.charge
    step = float(lattice.reduced.charge - lattice.oxidised.charge)
    return np.concatenate([_lowest(lattice, charges, lattice.redox_sites, step, reduced), ions])


def _lowest(lattice: Lattice, charges: Floats, sites: Ints, step: float, count: int) -> Occupancy:
    """The choice of `count` sites with their charge changed by `step` of lowest Ewald energy."""
    if len(lattice.species) > EWALD_LIMIT:
        raise InputError(
            f"ions.ordering = 'ewald' on {len(lattice.species)} sites: too many for an Ewald "
            f"matrix, at most {EWALD_LIMIT}; use 'random' or a file, and relax.cell = 'fixed'."
        )
    matrix = ewald_matrix(lattice.cell, lattice.scaled)
    single = step * 2 * (matrix @ charges)[sites] + step**2 * np.diag(matrix)[sites]
    pair = 2 * step**2 * matrix[np.ix_(sites, sites)]
    np.fill_diagonal(pair, 0.0)
    if comb(len(sites), count) <= EXHAUSTIVE:
        return _exhaustive(single, pair, count)
    return _anneal(single, pair, count, np.random.default_rng(0))


def ion_order_of_file(lattice: Lattice, n_ions: int, path: Path) -> Occupancy:
    """The ion order of the first frame of a file that holds n_ions ions on the lattice's sites."""
    from ase.io import read

    element = lattice.species[lattice.ion_sites[0]].element
    try:
        frames = read(path, index=":")
    except Exception as error:  # ase raises whatever its parser met
        raise InputError(
            f"ions.ordering = {str(path)!r}: neither 'ewald', 'random', 'sampled' nor a readable "
            f"structure file ({error})."
        ) from None
    for atoms in frames:
        scaled = atoms.get_scaled_positions()[[s == element for s in atoms.get_chemical_symbols()]]
        if len(scaled) != n_ions:
            continue
        home = lattice.scaled[lattice.ion_sites] @ lattice.cell
        chosen, _ = nearest_sites(lattice.cell, home, scaled @ lattice.cell, 1.0)
        if len(set(chosen)) == n_ions and (chosen >= 0).all():
            return _occupied(lattice, chosen)
        raise InputError(
            f"{path}: its {n_ions} {element} do not lie within 1 Å of distinct ion sites."
        )
    raise InputError(f"{path}: no frame has {n_ions} {element}, as this concentration asks for.")


def _occupied(lattice: Lattice, chosen: np.ndarray) -> Occupancy:
    order = np.zeros(lattice.n_ion_sites, dtype=np.int8)
    order[chosen] = 1
    return order


def _exhaustive(single: Floats, pair: Floats, n_ions: int) -> Occupancy:
    orders = choices(len(single), n_ions)
    energies = orders @ single + 0.5 * np.einsum("ni,ij,nj->n", orders, pair, orders, optimize=True)
    # 1e-6 eV: equivalent orders differ by rounding, and the choice must not depend on it
    best: Occupancy = orders[np.flatnonzero(energies < energies.min() + 1e-6)[0]]
    return best


def _anneal(single: Floats, pair: Floats, n_ions: int, rng: np.random.Generator) -> Occupancy:
    order = np.zeros(len(single), dtype=np.int8)
    order[rng.permutation(len(single))[:n_ions]] = 1
    field = single + pair @ order
    best, energy, lowest = order.copy(), 0.0, 0.0
    for kt in np.geomspace(1.0, 1e-3, 200 * len(single)):  # eV
        i, j = rng.choice(np.flatnonzero(order == 1)), rng.choice(np.flatnonzero(order == 0))
        change = field[j] - field[i] - pair[i, j]
        if change <= 0 or rng.random() < np.exp(-change / kt):
            order[i], order[j] = 0, 1
            field += pair[j] - pair[i]
            energy += change
            if energy < lowest - 1e-9:
                best, lowest = order.copy(), energy
    return best
