"""`redoxmc check`."""

from pathlib import Path
from typing import Annotated

import typer

from redoxmc.cli.options import JsonFile, write_json


def check(
    model: Annotated[Path, typer.Argument(help="Model folder.")],
    structure: Annotated[
        Path | None, typer.Argument(help="Structure with charge states; the model's example.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda: of a learned model.")] = "auto",
    json: JsonFile = None,
) -> None:
    """Check a model: LAMMPS against Python, finite differences, ranks, charge swap, symmetry.

    Exit code 1 if any check fails.

    Example: redoxmc check potentials/mace-nafepo4
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from redoxmc.io.geometry import check_geometry
    from redoxmc.io.structure import read_structure
    from redoxmc.model_card import load_card
    from redoxmc.models.check import check_model

    card = load_card(model)
    atoms = None
    if structure is not None:
        atoms = read_structure(structure, card.species)
        check_geometry(structure, atoms)
    checks = check_model(model, atoms, device)
    passed = all(one.passed for one in checks)
    table = Table("check", "value", "limit", "", title=f"{card.name} ({card.architecture})")
    for one in checks:
        value = one.note if one.value is None else f"{one.value:.2e}"
        limit = "" if one.limit is None else f"{one.limit:.0e}"
        verdict = "FAILED" if not one.passed else "skipped" if one.value is None else "passed"
        table.add_row(one.name, value, limit, verdict)
    Console().print(table)
    if names := card.without_bonds:
        typer.echo(
            f"{card.folder / 'card.toml'} has no bond lengths of {', '.join(names)}: 'redoxmc run' "
            f'needs a table [bonds."{names[0]}"] with mean_A, coordination and ligand'
        )
    write_json(json, {"passed": passed, "checks": [asdict(one) for one in checks]})
    if not passed:
        raise typer.Exit(1)
