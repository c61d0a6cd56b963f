"""Averages of a user's own function of the states of a campaign, with their errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.errors import InputError
from redoxmc.report.analysis import Analysis, mean_of
from redoxmc.results.runs import Observation
from redoxmc.structures.lattice import Occupancy
from redoxmc.structures.occupancy import occupancy_of_key

if TYPE_CHECKING:
    from ase import Atoms

LEAST = 4  # steps for an error


@dataclass(frozen=True)
class ObservedState:
    """A relaxed state, as an observer gets it.

    key: canonical.
    energy: of the relaxed cell, eV.
    """

    key: str
    energy: float
    _analysis: Analysis

    @property
    def occupancy(self) -> Occupancy:
        """Levels of the redox sites (1 reduced, 0 oxidised), then ion sites (1 occupied)."""
        return occupancy_of_key(self.key)

    @property
    def atoms(self) -> "Atoms":
        """The relaxed structure, with the array `charge_state`.

        Raises InputError where it was not kept.
        """
        atoms = self._analysis.relaxed_atoms(self.key)
        if atoms is None:
            raise InputError(f"the results hold no geometry of the state {self.key}.")
        return atoms


Observer = Callable[[ObservedState], float]


def observe(analysis: Analysis, observer: Observer) -> list[Observation]:
    """Average an observer over every replica; it is called once for each distinct state.

    Raises InputError for dynamics, which keep no geometry of each step.
    """
    if analysis.store.md_chains:
        raise InputError("observers are for Monte Carlo: dynamics keep no geometry of each step.")
    known: dict[str, float] = {}
    records = []
    for chain in analysis.store.chains:
        _, keys = analysis.kept(chain)
        for key in keys:
            if key not in known:
                energy = analysis.store.cache[key].energy
                assert energy is not None  # a chain stands on no state that failed
                known[key] = float(observer(ObservedState(key, energy, analysis)))
        mean = mean_of(np.array([known[key] for key in keys]), len(keys) >= LEAST)
        records.append(
            Observation(
                x=chain.x,
                temperature_K=chain.temperature,
                seed=chain.seed,
                mean=mean.mean,
                standard_error=mean.standard_error,
                states=len(set(keys)),
            )
        )
    return records
