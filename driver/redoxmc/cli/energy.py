"""`redoxmc energy` and `redoxmc relax`: one structure, one model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from redoxmc.cli.options import JsonFile, write_json

Structure = Annotated[
    Path, typer.Argument(help="extxyz with `charge_state`, or CIF with oxidation states.")
]
Model = Annotated[Path, typer.Option("--model", help="Model folder.")]


def energy(structure: Structure, model: Model, json_file: JsonFile = None) -> None:
    """Print energy, largest force and stress of a structure.

    Example: redoxmc energy state.extxyz --model potentials/mace-nafepo4 --json state.json
    """
    from redoxmc.campaign.single import energy as evaluate

    _show(evaluate(structure, model), json_file)


def relax(
    structure: Structure,
    model: Model,
    cell: Annotated[bool, typer.Option("--cell", help="Relax the cell too, at 0 GPa.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Relaxed structure (extxyz).")] = None,
    force_tolerance: Annotated[float, typer.Option(help="Largest force left, eV/Å.")] = 1e-3,
    json_file: JsonFile = None,
) -> None:
    """Relax a structure and print what is left of energy, force and stress.

    Example: redoxmc relax state.extxyz --model potentials/mace-nafepo4 --cell
    """
    from redoxmc.campaign.single import relax as relax_structure

    result = relax_structure(structure, model, cell=cell, out=out, force_tolerance=force_tolerance)
    _show(result, json_file)


def _show(result: dict[str, Any], json_file: Path | None) -> None:
    from redoxmc.units import EV_PER_A3_TO_GPA

    largest = max(sum(f * f for f in force) ** 0.5 for force in result["forces_eV_per_A"])
    stress = " ".join(f"{s * EV_PER_A3_TO_GPA:.3f}" for s in result["stress_eV_per_A3"])
    print(f"energy         {result['energy_eV']:.8f} eV")
    print(f"largest force  {largest:.2e} eV/Å")
    print(f"stress         {stress} GPa (xx yy zz yz xz xy)")
    if result["relaxed"]:
        print(f"relaxed        {result['relaxed']}")
    write_json(json_file, result)
