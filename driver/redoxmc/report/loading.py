"""Results for Python: the summary of a folder as records and as tables of pandas."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redoxmc.report.analysis import Analysis
from redoxmc.report.summary import summarize
from redoxmc.results.record import Record, to_dataframe
from redoxmc.results.store import Store, load
from redoxmc.results.summary import KnownState, Summary
from redoxmc.structures.lattice import Lattice
from redoxmc.structures.occupancy import ions_of_key


@dataclass(frozen=True)
class Results:
    """The results of a campaign. Where structures lie is not part of them."""

    store: Store
    summary: Summary

    def to_dataframe(self, rows: str = "thermo") -> Any:
        """Some of the results as a pandas.DataFrame, a line for each record.

        rows: "runs", "thermo", or another list of the summary; or "states", every state relaxed.
        Raises ValueError for anything else.
        """
        records = self._states() if rows == "states" else getattr(self.summary, rows, None)
        if not isinstance(records, list):
            lists = [name for name, value in vars(self.summary).items() if isinstance(value, list)]
            raise ValueError(f"there are no rows {rows!r}; there are {', '.join(lists)}, states")
        return to_dataframe(records)

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
