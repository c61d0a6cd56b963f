"""Looks an occupancy up: canonical form, cache, relaxation, path audit."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from redoxmc.engines.relaxed import Engine, Relaxed
from redoxmc.errors import EngineError
from redoxmc.moves.base import Move
from redoxmc.sampling.cache import EnergyCache, Entry
from redoxmc.sampling.geometries import Geometry
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Lattice, Occupancy
from redoxmc.structures.occupancy import occupancy_key


@dataclass(frozen=True)
class Lookup:
    """Answer to the question for the energy of an occupancy.

    key: of the canonical state.
    entry: the outcome of its relaxation.
    computed: it was not in the cache.
    """

    key: str
    entry: Entry
    computed: bool


class Energies(Protocol):
    """What a chain asks for energies."""

    @property
    def lattice(self) -> Lattice:
        """Whose occupancies are meant."""

    def look_up(self, occupancy: Occupancy, current: Occupancy | None = None) -> Lookup:
        """Find or compute; a failed relaxation is an entry without an energy."""


@dataclass
class EnergiesOfAnyCount:
    """Relaxed energies for any number of ions, for chains that change it.

    of_count: makes the energies of one number of ions.
    """

    lattice: Lattice
    of_count: Callable[[int], Energies]
    _made: dict[int, Energies] = field(default_factory=dict)

    def look_up(self, occupancy: Occupancy, current: Occupancy | None = None) -> Lookup:
        """Ask the energies of this number of ions; another number's state is no start for them."""
        n_redox = self.lattice.n_redox
        n_ions = int(occupancy[n_redox:].sum())
        if n_ions not in self._made:
            self._made[n_ions] = self.of_count(n_ions)
        if current is not None and int(current[n_redox:].sum()) != n_ions:
            current = None
        return self._made[n_ions].look_up(occupancy, current)


@dataclass
class RelaxedEnergies:
    """The relaxed energy of any occupancy of one concentration.

    The energy is always that of the canonical representative from its reference start, so it does
    not depend on who asked first.

    move: a move that keeps the number of ions, for the audit.
    audit: the share of energies that are computed once more, along the path of a move there and
        back; which ones depends on their key alone.
    from_previous: relax from the current state of the chain instead, which is faster and makes the
        energy depend on the path as far as the audit says.
    geometry: finds the relaxed structure of a state that is known; the same on all ranks that share
        the engine. The cache's own by default.
    """

    host: Host
    engine: Engine
    cache: EnergyCache
    move: Move
    audit: float = 0.0
    from_previous: bool = False
    geometry: Callable[[str], Geometry | None] = field(init=False)

    def __post_init__(self) -> None:
        self.geometry = self.cache.geometry

    @property
    def lattice(self) -> Lattice:
        """Whose occupancies are meant."""
        return self.host.lattice

    def look_up(self, occupancy: Occupancy, current: Occupancy | None = None) -> Lookup:
        """Find or compute; a failed relaxation is an entry without an energy.

        current: the relaxed state that a chain is in, where from_previous starts.
        """
        symmetry = self.host.symmetry
        operation = symmetry.canonical_operation(occupancy)
        canonical = occupancy[symmetry.occupancies[operation]]
        key = occupancy_key(self.lattice, canonical)
        if key in self.cache:
            return Lookup(key, self.cache[key], computed=False)
        entry, geometry = self._relax(canonical, key, self._previous(current, operation))
        self.cache.add(key, entry, geometry)
        return Lookup(key, entry, computed=True)

    def _previous(
        self, current: Occupancy | None, operation: int
    ) -> tuple[Relaxed, Occupancy] | None:
        """The current state, turned so that the trial state is canonical."""
        if current is None or not self.from_previous:
            return None
        symmetry = self.host.symmetry
        turn = symmetry.canonical_operation(current)
        canonical = current[symmetry.occupancies[turn]]
        key = occupancy_key(self.lattice, canonical)
        energy, geometry = self.cache[key].energy, self.geometry(key)
        if energy is None or geometry is None:
            return None
        state = Relaxed(energy, *geometry, 0)
        turned = self.engine.transform(state, canonical, *symmetry.between(turn, operation))
        return turned, current[symmetry.occupancies[operation]]

    def _relax(
        self, canonical: Occupancy, key: str, previous: tuple[Relaxed, Occupancy] | None
    ) -> tuple[Entry, Geometry | None]:
        try:
            if previous is None:
                state = self.engine.relax(canonical)
            else:
                state = self.engine.relax_from(canonical, *previous)
        except EngineError as error:
            # an engine may say what the failed attempt has cost
            return Entry(None, error.force_evaluations, reason=str(error)), None
        difference, evaluations = None, state.force_evaluations
        rng = np.random.default_rng(zlib.crc32(key.encode()))
        if rng.random() < self.audit:
            difference, extra = self._audit(canonical, state, rng)
            evaluations += extra
        entry = Entry(state.energy, evaluations, audit=difference, lost_charges=state.lost_charges)
        return entry, (state.cell, state.positions)

    def _audit(
        self, canonical: Occupancy, state: Relaxed, rng: np.random.Generator
    ) -> tuple[float | None, int]:
        proposal = self.move.propose(canonical, rng)
        if proposal is None:  # a single state: there is no other path
            return None, 0
        other = proposal.apply(canonical)
        try:
            away = self.engine.relax_from(other, state, canonical)
            back = self.engine.relax_from(canonical, away, other)
        except EngineError:
            return float("nan"), 0
        evaluations = away.force_evaluations + back.force_evaluations
        return abs(back.energy - state.energy), evaluations
