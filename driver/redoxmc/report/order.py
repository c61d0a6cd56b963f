"""Charge orders as numbers and in words: of what a chain visited, and of single states."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import nan
from typing import Any

import numpy as np

from redoxmc.results.runs import Order
from redoxmc.results.states import Peak
from redoxmc.structures.lattice import Floats, Ints, Lattice
from redoxmc.structures.neighbours import neighbour_shells
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.thermo.naming import (
    describe_neighbours,
    describe_order,
    describe_wave,
    dominant_layers,
)
from redoxmc.thermo.order import cross_warren_cowley, structure_factor, warren_cowley

N_SHELLS = 3
_PEAKS = 3
_MOST_PHASES = 10_000_000  # waves times sites; some 1,000 sites


@dataclass(frozen=True)
class OrderParameters:
    """The lattice as order parameters see it."""

    lattice: Lattice
    redox_shells: list[Ints]  # pairs of redox sites, by shell of neighbours, nearest first
    ion_shells: list[Ints]  # the same of redox sites and ion sites
    repeats: tuple[int, int, int]  # unit cells of the host along the vectors of the supercell

    @classmethod
    def of(cls, lattice: Lattice, supercell: Sequence[Any]) -> "OrderParameters":
        """supercell: as in the config; a matrix is its own unit cell."""
        sites = lattice.scaled @ lattice.cell
        redox, ions = sites[lattice.redox_sites], sites[lattice.ion_sites]
        own, _ = neighbour_shells(lattice.cell, redox, N_SHELLS)
        cross = neighbour_shells(lattice.cell, redox, N_SHELLS, others=ions)[0] if len(ions) else []
        diagonal = not isinstance(supercell[0], Sequence)
        a, b, c = supercell if diagonal else (1, 1, 1)
        return cls(lattice, own, cross, (a, b, c))

    def of_visits(self, keys: Sequence[str]) -> Order:
        """Means over visited states, and the most visited one in words."""
        counts = Counter(keys)
        if not counts:
            unknown: list[float | None] = [None] * N_SHELLS
            return Order(warren_cowley=unknown, warren_cowley_ions=unknown, dominant=None)
        weights = np.array(list(counts.values()), dtype=float) / len(keys)
        own = weights @ np.array([self._redox(key) for key in counts])
        cross = weights @ np.array([self._ions(key) for key in counts])
        return Order(
            warren_cowley=own.tolist(),
            warren_cowley_ions=cross.tolist(),
            dominant=self.describe(counts.most_common(1)[0][0]),
        )

    def nearest(self, keys: Sequence[str]) -> Floats:
        """The Warren-Cowley parameter of nearest redox neighbours of each of the states, (n,)."""
        known = {key: self._redox(key)[0] for key in set(keys)}
        return np.array([known[key] for key in keys])

    def describe(self, key: str) -> str:
        """The charge order of a state in words: its layers, or else its strongest wave."""
        charges = occupancy_of_key(key)[: self.lattice.n_redox]
        layers = dominant_layers(charges, self._fractional, self.repeats)
        name = describe_order(layers)
        peaks = self.peaks(key)
        if (layers and layers.visible) or not peaks:
            return name
        wave = describe_wave(peaks[0].q, peaks[0].share)
        return f"{name}; {wave}; {describe_neighbours(self._redox(key)[0])}"

    def peaks(self, key: str) -> list[Peak]:
        """The largest peaks of the structure factor of a charge order; none in very large cells."""
        charges = occupancy_of_key(key)[: self.lattice.n_redox]
        ranges = [range(-n, n + 1) for n in (max(n, 2) for n in self.repeats)]
        waves = np.array([w for w in product(*ranges) if w > (0, 0, 0)])
        if len(waves) * len(charges) > _MOST_PHASES:
            return []
        values = structure_factor(charges, self._fractional, waves)
        if not np.isfinite(values).all():
            return []
        shares = values / self.lattice.n_redox
        order = np.argsort(-np.round(shares, 9), kind="stable")[:_PEAKS]
        return [
            Peak(q=(waves[n] / self.repeats).tolist(), share=shares[n])
            for n in order
            if shares[n] > 1e-9
        ]

    @property
    def _fractional(self) -> Floats:
        return self.lattice.scaled[self.lattice.redox_sites]

    def _redox(self, key: str) -> list[float]:
        return warren_cowley(occupancy_of_key(key)[: self.lattice.n_redox], self.redox_shells)

    def _ions(self, key: str) -> list[float]:
        occupancy = occupancy_of_key(key)
        if not self.ion_shells:
            return [nan] * N_SHELLS
        redox, ions = np.split(occupancy, [self.lattice.n_redox])
        return cross_warren_cowley(redox, ions, self.ion_shells)
