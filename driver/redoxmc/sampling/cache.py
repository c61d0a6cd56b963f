"""Relaxed energies by canonical occupancy, shared by the replicas of a campaign."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from redoxmc.sampling.geometries import Geometries, Geometry
from redoxmc.structures.occupancy import ions_of_key


@dataclass(slots=True)  # to freeze them makes them three times as slow, and every rank has all
class Entry:
    """The outcome of relaxing one canonical state.

    energy: eV, None where the relaxation failed for the given reason.
    audit: difference (eV) of the energy along another path, None where it was not audited; nan
        where that path failed.
    lost_charges: redox ions with the bond lengths of the other charge state; None where that is
        not known.
    """

    energy: float | None
    force_evaluations: int
    reason: str = ""
    audit: float | None = None
    lost_charges: int | None = None


@dataclass
class EnergyCache:
    """Entries by key, and which of them other ranks do not have yet.

    geometries: the relaxed canonical structures.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    geometries: Geometries = field(default_factory=Geometries)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def __getitem__(self, key: str) -> Entry:
        return self.entries[key]

    def __len__(self) -> int:
        return len(self.entries)

    def geometry(self, key: str) -> Geometry | None:
        """The relaxed canonical structure of a state; None where it failed or was not kept."""
        energy = self.entries[key].energy
        return None if energy is None else self.geometries.get(key, energy)

    def lowest_states(self) -> dict[int, tuple[str, float]]:
        """Key and energy (eV) of the lowest state known, by number of ions."""
        lowest: dict[int, tuple[str, float]] = {}
        for key, entry in self.entries.items():
            n_ions = ions_of_key(key)
            if entry.energy is None:
                continue
            if n_ions not in lowest or entry.energy < lowest[n_ions][1]:
                lowest[n_ions] = (key, entry.energy)
        return dict(sorted(lowest.items()))

    def add(self, key: str, entry: Entry, geometry: Geometry | None = None) -> None:
        """Add an entry of our own."""
        self.entries[key] = entry
        self.fresh.append(key)
        if geometry is not None and entry.energy is not None:
            self.geometries.add(key, entry.energy, geometry)

    def take_fresh(self) -> list[list[Any]]:
        """Our own entries since the last call, for `merge`: keys, and a list for each field."""
        entries = [self.entries[key] for key in self.fresh]
        columns = [[getattr(entry, one.name) for entry in entries] for one in fields(Entry)]
        taken, self.fresh = [self.fresh, *columns], []
        return taken

    def merge(self, others: Iterable[list[list[Any]]]) -> None:
        """Take in entries of other ranks; what is known already stays."""
        for keys, *columns in others:
            for key, entry in zip(keys, map(Entry, *columns), strict=True):
                self.entries.setdefault(key, entry)

    def write_geometries(self, folder: Path, group: int, leader: bool) -> None:
        """Have geometries in files from now on: see Geometries.write_to."""
        kept, self.geometries.kept = self.geometries.kept, {}
        self.geometries.write_to(folder, group, leader)
        for key, geometry in kept.items():
            energy = self.entries[key].energy
            if energy is not None and self.geometries.get(key, energy) is None:
                self.geometries.add(key, energy, geometry)

    def read_geometries(self, keys: Iterable[str]) -> None:
        """Have in memory the geometries of these states, and of no others."""
        found = {key: self.geometry(key) for key in keys}
        self.geometries.kept = {key: one for key, one in found.items() if one is not None}
