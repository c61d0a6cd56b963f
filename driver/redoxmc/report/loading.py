"""Results for Python: the summary of a folder as records and as tables of pandas."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redoxmc.report.analysis import Analysis
from redoxmc.report.observe import Observer, observe
from redoxmc.report.summary import summarize
from redoxmc.results.record import Record, to_dataframe
from redoxmc.results.runs import Step
from redoxmc.results.states import KnownState
from redoxmc.results.store import Store, load
from redoxmc.results.summary import Summary
from redoxmc.structures.lattice import Lattice
from redoxmc.structures.occupancy import ions_of_key


@dataclass(frozen=True)
class Results:
    """The results of a campaign. Where structures lie is not part of them."""

    store: Store
    summary: Summary

    def to_dataframe(self, rows: str = "thermo") -> Any:
        """Some of the results as a pandas.DataFrame, a line for each record.

        rows: "runs", "thermo", or another list of the summary; "states", every state relaxed; or
        "traces", every step of every replica. Raises ValueError for anything else.
        """
        own = {"states": self._states, "traces": self._traces}
        records = own[rows]() if rows in own else getattr(self.summary, rows, None)
        if not isinstance(records, list):
            lists = [name for name, value in vars(self.summary).items() if isinstance(value, list)]
            raise ValueError(f"there are no rows {rows!r}; there are {', '.join([*lists, *own])}")
        return to_dataframe(records)

    def observe(self, observer: Observer) -> Any:
        """Average a function of the states over every replica, as a pandas.DataFrame.

        observer: takes an `ObservedState` (occupancy, energy, relaxed atoms) and returns a
        number. Averages are over the steps after burn-in, with their standard errors.
        """
        return to_dataframe(observe(Analysis.of(self.store), observer))

    def _traces(self) -> list[Record]:
        return [
            Step(replica=name, step=step, energy_eV=energy, key=key)
            for name, trace in self.store.traces.items()
            for step, (energy, key) in enumerate(
                zip(trace.energies, trace.keys or trace.raw_keys, strict=True)
            )
        ]

    def _states(self) -> list[Record]:
        lattice = Lattice.from_data(self.store.header["lattice"])
        return [
            KnownState(
                key=key,
                x=lattice.x_of(ions_of_key(key)),
                energy_eV=entry.energy,
                reason=entry.reason,
            )
            for key, entry in self.store.cache.entries.items()
        ]


def load_results(folder: Path | str) -> Results:
    """Read the results in a folder, and derive from them what a summary holds; writes nothing.

    Raises InputError where results.h5 is missing or damaged.
    """
    store = load(Path(folder) / "results.h5")
    return Results(store, summarize(Analysis.of(store), {}))
