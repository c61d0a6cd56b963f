"""The history of a chain: what is kept of each of its steps."""

from dataclasses import dataclass, field

import numpy as np

from redoxmc.structures.lattice import Floats

ENERGY = "energy_eV"


@dataclass
class Trace:
    """The history of a chain, an item for each step. Of the two lists of keys, one is used."""

    # eV: relaxed in Monte Carlo (nan where a uniform draw did not relax), potential in dynamics
    energies: list[float] = field(default_factory=list)
    # canonical state, of Monte Carlo: one key stands for all symmetric images
    keys: list[str] = field(default_factory=list)
    # state as it was, of dynamics: symmetric images are told apart
    raw_keys: list[str] = field(default_factory=list)
    # further columns by name, of dynamics
    columns: dict[str, list[float]] = field(default_factory=dict)

    def column(self, name: str) -> Floats:
        """One column as an array; nan where it was not recorded."""
        values = self.energies if name == ENERGY else self.columns.get(name)
        return np.full(len(self.energies), np.nan) if values is None else np.array(values)

    def extend(self, later: "Trace") -> None:
        """Append what happened since."""
        self.energies.extend(later.energies)
        self.keys.extend(later.keys)
        self.raw_keys.extend(later.raw_keys)
        for name, values in later.columns.items():
            self.columns.setdefault(name, []).extend(values)

    def after(self, first: int) -> "Trace":
        """Without the first steps."""
        columns = {name: values[first:] for name, values in self.columns.items()}
        return Trace(self.energies[first:], self.keys[first:], self.raw_keys[first:], columns)
