"""Charge-order Monte Carlo for mixed-valence materials, with LAMMPS as the engine."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redoxmc.report.loading import Results

__version__ = "0.1.0"


def load(folder: Path | str) -> "Results":
    """Read the results in a folder: records, and tables for pandas by `to_dataframe`.

    Raises InputError where results.h5 is missing or damaged.
    """
    from redoxmc.report.loading import load_results

    return load_results(folder)
