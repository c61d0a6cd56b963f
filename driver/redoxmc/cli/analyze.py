"""`redoxmc analyze`: everything derived from a run, once more."""

from pathlib import Path
from typing import Annotated

import typer

from redoxmc.cli.options import JsonFile, write_json


def analyze(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")],
    json_file: JsonFile = None,
) -> None:
    """Recompute hull, order parameters, entropy, free energy, voltage, errors and plots of a run.

    Example: redoxmc analyze results/first
    """
    from redoxmc.report.summary import analyze as recompute
    from redoxmc.report.tables import print_thermo

    summary = recompute(folder)
    print_thermo(summary)
    write_json(json_file, summary)
