"""`redoxmc analyze` and `redoxmc report`: everything derived from a run, once more."""

from pathlib import Path
from typing import Annotated

import typer

from redoxmc.cli.options import JsonFile, write_json


def analyze(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where several folders come together.")
    ] = None,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="The folders hold cells of several sizes: extrapolate.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Recompute hull, order parameters, entropy, free energy, voltage, errors and plots.

    Several folders, of one config with different concentrations, are brought together in OUT. With
    --sizes they hold one crystal in cells of several sizes, and free energies and phase boundaries
    of the infinite crystal are printed; nothing is written but FILE.

    Example: redoxmc analyze results/first
    """
    from redoxmc.errors import InputError
    from redoxmc.report.sizes import extrapolate
    from redoxmc.report.summary import analyze as recompute
    from redoxmc.report.tables import print_records, print_thermo
    from redoxmc.results.record import to_json

    if sizes:
        if out is not None:
            raise InputError("analyze --sizes: it writes no folder; use --json FILE for --out.")
        limits = extrapolate(folders)
        print_records(f"At 1/N = 0, from cells of {limits.formula_units} f.u.", limits.points)
        print_records("Phase boundaries at 1/N = 0", limits.boundaries)
        write_json(json_file, to_json(limits))
        return
    summary = recompute(folders, out)
    print_thermo(summary)
    write_json(json_file, to_json(summary))


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")],
) -> None:
    """Write the plots and one self-contained HTML page, DIR/report.html.

    Example: redoxmc report results/first
    """
    from redoxmc.report.summary import analyze as recompute

    recompute([folder], None)
    print(folder / "report.html")
