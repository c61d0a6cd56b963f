"""Which ion sites are occupied: lowest electrostatic energy, random, or as in a structure file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from redoxmc.errors import InputError
from redoxmc.structures.enumeration import charge_orders, ion_orders, n_ion_orders
from redoxmc.structures.exclusion import allowed
from redoxmc.structures.host import Host
from redoxmc.structures.independent import ExclusionGraph, exclusion_graph
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.neighbours import nearest_sites
from redoxmc.structures.random_levels import random_levels
from redoxmc.thermo.levels import count_orders

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
        return host.lattice.random_ions(n_ions, rng)
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
    share = reduced / int(lattice.most.sum())
    charges[lattice.redox_sites] = [
        share * states[-1].charge + (1 - share) * states[0].charge
        for states in lattice.redox_states
    ]
    ion = lattice.species[lattice.ion_sites[0]].charge
    charges[lattice.ion_sites] = 0.0
    excluded = len(lattice.excluded) > 0
    graph = exclusion_graph(lattice.n_ion_sites, lattice.excluded) if excluded else None
    best = _lowest(
        lattice,
        charges,
        lattice.ion_sites,
        float(ion),
        _Orders(
            n_ion_orders(lattice, n_ions),
            lambda: ion_orders(lattice, n_ions),
            lambda rng: lattice.random_ions(n_ions, rng),
            np.ones(lattice.n_ion_sites, dtype=np.int64),
            graph,
        ),
    )
    order = np.concatenate([np.zeros(lattice.n_redox, dtype=np.int8), best])
    return host.symmetry.orbit(order)[-1, lattice.n_redox :].copy()


def lowest_charge_order(lattice: Lattice, ions: Occupancy) -> Occupancy:
    """The whole occupancy whose charge order has the lowest Ewald energy with these ions.

    ions: (n_ion_sites,). Deterministic, like lowest_electrostatic.
    """
    reduced = lattice.n_reduced(int(ions.sum()))
    assert reduced is not None
    if reduced in (0, lattice.most.sum()):
        order = (lattice.most if reduced else 0 * lattice.most).astype(np.int8)
        return np.concatenate([order, ions])
    charges = np.array([float(s.charge) for s in lattice.species])
    charges[lattice.ion_sites] *= ions
    charges[lattice.redox_sites] = [states[0].charge for states in lattice.redox_states]
    orders = _Orders(
        count_orders(lattice.blocks, reduced),
        lambda: charge_orders(lattice.most.tolist(), reduced),
        lambda rng: random_levels(lattice.most, reduced, rng),
        lattice.most,
    )
    best = _lowest(lattice, charges, lattice.redox_sites, -float(lattice.step), orders)
    return np.concatenate([best, ions])


@dataclass(frozen=True)
class _Orders:
    """The orders among which the lowest is looked for, each (n_sites,) of levels.

    number: of them, None where it is not known. every, draw: make all of them, or one at random.
    most: the highest level of each site. graph: of the sites that exclude each other, if any do.
    """

    number: int | None
    every: Callable[[], Iterable[Occupancy]]
    draw: Callable[[np.random.Generator], Occupancy]
    most: Ints
    graph: ExclusionGraph | None = None


def _lowest(
    lattice: Lattice, charges: Floats, sites: Ints, step: float, orders: _Orders
) -> Occupancy:
    """The order of lowest Ewald energy, each level of a site changing its charge by `step`."""
    if len(lattice.species) > EWALD_LIMIT:
        raise InputError(
            f"ions.ordering = 'ewald' on {len(lattice.species)} sites: too many for an Ewald "
            f"matrix, at most {EWALD_LIMIT}; use 'random' or a file, and relax.cell = 'fixed'."
        )
    matrix = ewald_matrix(lattice.cell, lattice.scaled)
    own = step**2 * np.diag(matrix)[sites]
    single = step * 2 * (matrix @ charges)[sites] + own
    pair = 2 * step**2 * matrix[np.ix_(sites, sites)]
    np.fill_diagonal(pair, 0.0)
    if orders.number is not None and orders.number <= EXHAUSTIVE:
        return _exhaustive(single, own, pair, np.array(list(orders.every())))
    return _anneal(single, own, pair, orders, np.random.default_rng(0))


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
            order = _occupied(lattice, chosen)
            if not allowed(lattice.excluded, order):
                raise InputError(
                    f"{path}: some of its {n_ions} {element} are nearer to each other than "
                    "ions.minimum_distance."
                )
            return order
        raise InputError(
            f"{path}: its {n_ions} {element} do not lie within 1 Å of distinct ion sites."
        )
    raise InputError(f"{path}: no frame has {n_ions} {element}, as this concentration asks for.")


def _occupied(lattice: Lattice, chosen: np.ndarray) -> Occupancy:
    order = np.zeros(lattice.n_ion_sites, dtype=np.int8)
    order[chosen] = 1
    return order


def _exhaustive(
    single: Floats, own: Floats, pair: Floats, orders: npt.NDArray[np.int8]
) -> Occupancy:
    """The first of the orders, (n, n_sites), of lowest energy.

    A site at level v has the energy v single + (v² − v) own, and pairs that of pair.
    """
    energies = orders @ single + 0.5 * np.einsum("ni,ij,nj->n", orders, pair, orders, optimize=True)
    energies += (orders * (orders - 1)) @ own
    # 1e-6 eV: equivalent orders differ by rounding, and the choice must not depend on it
    best: Occupancy = orders[np.flatnonzero(energies < energies.min() + 1e-6)[0]]
    return best


def _anneal(
    single: Floats, own: Floats, pair: Floats, orders: _Orders, rng: np.random.Generator
) -> Occupancy:
    """The lowest order met while single steps from site to site are cooled from 1 eV."""
    order = orders.draw(rng)
    field = single + pair @ order
    best, energy, lowest = order.copy(), 0.0, 0.0
    for kt in np.geomspace(1.0, 1e-3, 200 * len(single)):  # eV
        i, j = (
            rng.choice(np.flatnonzero(order > 0)),
            rng.choice(np.flatnonzero(order < orders.most)),
        )
        if i == j or (orders.graph is not None and not orders.graph.may_move(order, i, j)):
            continue
        change = field[j] - field[i] - pair[i, j]
        change += 2 * (order[j] * own[j] - (order[i] - 1) * own[i])
        if change <= 0 or rng.random() < np.exp(-change / kt):
            order[i] -= 1
            order[j] += 1
            field += pair[j] - pair[i]
            energy += change
            if energy < lowest - 1e-9:
                best, lowest = order.copy(), energy
    return best
