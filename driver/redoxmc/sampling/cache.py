"""Relaxed energies by canonical occupancy, shared by the replicas of a campaign."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from redoxmc.structures.lattice import Floats
from redoxmc.structures.occupancy import ions_of_key


@dataclass(frozen=True)
class Entry:
    """The outcome of relaxing one canonical state.

    energy: eV, None where the relaxation failed for the given reason.
    cell, positions: of the relaxed canonical occupancy, None where it failed.
    audit: difference (eV) of the energy along another path, None where it was not audited; nan
        where that path failed.
    lost_charges: redox ions with the bond lengths of the other charge state; None where that is
        not known.
    """

    energy: float | None
    force_evaluations: int
    cell: Floats | None = None
    positions: Floats | None = None
    reason: str = ""
    audit: float | None = None
    lost_charges: int | None = None


@dataclass
class EnergyCache:
    """Entries by key, and which of them other ranks do not have yet."""

    entries: dict[str, Entry] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def __getitem__(self, key: str) -> Entry:
        return self.entries[key]

    def __len__(self) -> int:
        return len(self.entries)

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

    def add(self, key: str, entry: Entry) -> None:
        """Add an entry of our own."""
        self.entries[key] = entry
        self.fresh.append(key)

    def take_fresh(self) -> dict[str, Entry]:
        """Our own entries since the last call."""
        taken = {key: self.entries[key] for key in self.fresh}
        self.fresh.clear()
        return taken

    def merge(self, others: Iterable[dict[str, Entry]]) -> None:
        """Take in entries of other ranks; what is known already stays."""
        for entries in others:
            for key, entry in entries.items():
                self.entries.setdefault(key, entry)
