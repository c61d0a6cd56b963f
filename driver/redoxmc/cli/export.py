"""`redoxmc export`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from redoxmc.cli.options import JsonFile, write_json


def export(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="best.pt or last.pt of redoxmc train.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Model folder to write.")],
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    native: Annotated[
        bool, typer.Option("--native", help="Compile native kernels for this machine, too.")
    ] = False,
    json: JsonFile = None,
) -> None:
    """Write a model folder: model.pt (TorchScript), card.toml, the training file, an example.

    The card holds the errors on the test frames of the training file, and the bond lengths of the
    charge states in its training frames, both measured by this command.

    Example: redoxmc export checkpoints/mace/best.pt --out potentials/mace-nafepo4
    """
    import warnings

    warnings.simplefilter("ignore")  # of torch and e3nn, about themselves
    from redoxmc.models.release import release

    card = release(checkpoint, out, dtype)
    errors = card["errors"]
    if errors:
        typer.echo(
            f"{out}: {errors['energy_meV_per_atom']:.2f} meV/atom, "
            f"{errors['force_meV_per_A']:.1f} meV/Å on {errors['frames']} test frames"
        )
    else:
        typer.echo(f"{out}: written; the training file names no test frames, so no errors.")
    from redoxmc.model_card import load_card

    typer.echo(_bonds(card["bonds"], load_card(out).without_bonds))
    if native:
        typer.echo(_native_kernels(out / "model.pt"))
    write_json(json, card)


def _bonds(measured: dict[str, dict[str, Any]], missing: list[str]) -> str:
    """What the card says of bond lengths, and which it lacks."""
    said = [
        f"{name}-{one['ligand']} {one['mean_A']:.3f} Å ({one['coordination']})"
        for name, one in measured.items()
    ]
    if missing:
        said.append(
            f"none of {', '.join(missing)}, which no training frame holds: 'redoxmc run' cannot "
            "start from them; write [bonds] into card.toml"
        )
    return f"bond lengths: {', '.join(said) or 'none, for no element has several charge states'}"


def _native_kernels(model: Path) -> str:
    from redoxmc.native.build import native_library
    from redoxmc.native.errors import NativeUnavailableError

    try:
        return f"native kernels: {native_library(model)}"
    except NativeUnavailableError as error:
        return f"no native kernels: {error}"
