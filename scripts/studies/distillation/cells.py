"""Supercells of a host for data sets: names of orders, structures of an order, random cells.

An order is named `1x1x2:REDOX|IONS`: the supercell, then the occupancy up to its symmetry.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.io import read

from redoxmc.errors import InputError
from redoxmc.species import Species
from redoxmc.structures.enumeration import distinct_orders, orders_with
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats, Lattice, Occupancy
from redoxmc.structures.neighbours import nearest_sites
from redoxmc.structures.occupancy import occupancy_of_key
from study_tools.orders import ion_key, occupancy_of_frame

Factors = tuple[int, int, int]


@dataclass(frozen=True)
class Cell:
    """A supercell of the host.

    factors: how often the host is repeated along each axis.
    host: its sites and their symmetry.
    empty: (3, 3) Å, the cell without ions.
    """

    factors: Factors
    host: Host
    empty: Floats

    @property
    def lattice(self) -> Lattice:
        """Its sites."""
        return self.host.lattice

    @property
    def name(self) -> str:
        """The supercell, as in `1x1x2`."""
        return "x".join(map(str, self.factors))

    def atoms(self, occupancy: Occupancy) -> Atoms:
        """The host's sites with the species of an occupancy."""
        sites, _ = self.lattice.atoms(occupancy)
        file = self.host.unrelaxed
        return self.host.atoms(occupancy, file.cell, file.positions[sites])

    def key(self, occupancy: Occupancy) -> str:
        """The name of an order, the same for all equivalent ones."""
        return self.name + ":" + self.host.canonical_key(occupancy)

    def ion_key(self, occupancy: Occupancy) -> str:
        """The name of the ion order alone, the same for all equivalent ones."""
        return ion_key(self.host, occupancy)

    def distinct_orders(self) -> list[Occupancy]:
        """All neutral orders up to symmetry; of a cell of a few redox sites only."""
        neutral = [n for n in range(self.lattice.n_ion_sites + 1) if self._holds(n)]
        orders = (order for n in neutral for order in orders_with(self.host, n))
        return [occupancy_of_key(key) for key in distinct_orders(self.host, orders)]

    def _holds(self, n_ions: int) -> bool:
        return self.lattice.n_reduced(n_ions) is not None

    def order_of(self, atoms: Atoms) -> Occupancy:
        """The order of a structure in the setting of this cell.

        Raises InputError where its atoms do not fit the sites or its charges do not add up to 0.
        """
        occupancy = occupancy_of_frame(self.lattice, atoms)
        charge = self.lattice.total_charge(occupancy)
        if charge:
            raise InputError(f"the charges of the structure add up to {charge:+d}, not to 0.")
        return occupancy

    def random_order(self, n_ions: int, rng: np.random.Generator) -> Occupancy:
        """Any order of n_ions ions and as many reduced sites."""
        n = self.lattice.n_redox
        occupancy = np.zeros(2 * n, dtype=np.int8)
        occupancy[rng.permutation(n)[:n_ions]] = 1
        occupancy[n + rng.permutation(n)[:n_ions]] = 1
        return occupancy

    def random_cell(self, x: float, config: dict[str, Any], rng: np.random.Generator) -> Floats:
        """Draw a cell: half of the time near that of this x, else anywhere between the end members.

        config: `cell_overshoot`, how far beyond the end members as a part of their difference, and
        `cell_noise`, the width of the random strain.
        """
        overshoot = config["cell_overshoot"]
        mix = rng.normal(x, 0.15) if rng.random() < 0.5 else rng.uniform(-overshoot, 1 + overshoot)
        mix = float(np.clip(mix, -overshoot, 1 + overshoot))
        cell = (1 - mix) * self.empty + mix * self.lattice.cell
        noise = rng.normal(0, config["cell_noise"], (3, 3)) * np.where(np.eye(3) > 0, 1, 0.5)
        strained: Floats = cell @ (np.eye(3) + (noise + noise.T) / 2)
        return strained

    def stretched_cell(self, beyond: float, shear: float, rng: np.random.Generator) -> Floats:
        """Draw a cell whose axes lie between those of the end members, or up to a part beyond.

        beyond: 0.03 is 3 % of the axis. shear: width of the random off-diagonal strain. The axes
        vary together over two thirds of the range, and independently over the last third.
        """
        low, high = (1 - beyond) * self.empty, (1 + beyond) * self.lattice.cell
        mix = np.clip((2 * rng.random() + rng.random(3)) / 3, 0, 1)[:, None]
        noise = rng.normal(0, shear, (3, 3)) * (1 - np.eye(3))
        strained: Floats = ((1 - mix) * low + mix * high) @ (np.eye(3) + (noise + noise.T) / 2)
        return strained


def make_cell(config: dict[str, Any], folder: Path, supercell: list[int]) -> Cell:
    """Repeat the host that the file of a data set names.

    folder: that the path of the host is relative to.
    """
    unit = read(folder / config["host"])
    atoms = make_supercell(unit, np.diag(supercell))
    of_element = {s.element: s for s in map(Species.parse, config["species"])}
    reduced = Species.parse(config["reduced"])
    of_element[reduced.element] = reduced
    symbols = np.array(atoms.get_chemical_symbols())
    couple = (Species.parse(config["oxidised"]), reduced)
    redox_sites = np.flatnonzero(symbols == reduced.element)
    lattice = Lattice(
        np.array(atoms.cell),
        atoms.get_scaled_positions(),
        tuple(of_element[s] for s in symbols),
        redox_sites,
        np.flatnonzero(symbols == Species.parse(config["ion"]).element),
        (couple,) * len(redox_sites),
        "",
        1,
    )
    a, b, c = supercell
    empty = np.diag(np.array(config["empty_cell_A"]) * supercell)
    return Cell((a, b, c), Host.of(lattice), empty)


def root_order(name: str, cell_of: Callable[[Factors], Cell]) -> str:
    """Name an order by the smallest cell that it is a repetition of.

    The same order then has the same name in every supercell. cell_of: makes a supercell of factors.
    """
    a, b, c = (int(n) for n in name.partition(":")[0].split("x"))
    cell = cell_of((a, b, c))
    occupancy = occupancy_of_key(name.partition(":")[2])
    i, j, k = ([d for d in range(1, n + 1) if n % d == 0] for n in (a, b, c))
    for factors in sorted(itertools.product(i, j, k), key=lambda f: (f[0] * f[1] * f[2], f)):
        small = cell if factors == (a, b, c) else cell_of(factors)
        folded = _folded(cell, occupancy, small)
        if folded is not None:
            return small.key(folded)
    raise AssertionError("an order is a repetition of itself")


def _folded(cell: Cell, occupancy: Occupancy, small: Cell) -> Occupancy | None:
    """Return the occupancy of the smaller cell that this one repeats, None where it does not."""

    def sites(one: Cell) -> Floats:
        lattice = one.lattice
        order = np.concatenate([lattice.redox_sites, lattice.ion_sites])
        positions: Floats = lattice.scaled[order] @ lattice.cell
        return positions

    # redox sites and ion sites are farther apart than this
    target, _ = nearest_sites(small.lattice.cell, sites(small), sites(cell), 1.0)
    folded = np.zeros(small.lattice.n_redox + small.lattice.n_ion_sites, dtype=np.int8)
    folded[target] = occupancy
    return folded if np.array_equal(folded[target], occupancy) else None
