"""`redoxmc generate`: structures worth labelling, and the choice among them by a committee."""

from pathlib import Path
from typing import Annotated

import typer

from redoxmc.cli.options import JsonFile, write_json
from redoxmc.errors import InputError


def generate(
    config: Annotated[Path, typer.Argument(help="Campaign file (TOML): host, ions, model.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="extxyz to write, for `compute`.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Start from the structures that this run left."),
    ] = None,
    ion_orders: Annotated[int, typer.Option(min=1, help="Per concentration, at most.")] = 3,
    charge_orders: Annotated[int, typer.Option(min=1, help="Per ion order, at most.")] = 6,
    relax: Annotated[bool, typer.Option(help="Relax with the model.")] = True,
    bias: Annotated[
        float, typer.Option(min=0, help="eV/Å^2, on bond lengths, where the model loses an order.")
    ] = 60.0,
    rattle: Annotated[
        list[float] | None, typer.Option(help="Width of displacements (Å); one copy each.")
    ] = None,
    strain: Annotated[
        float, typer.Option(min=0, help="Width of the strain of rattled copies.")
    ] = 0.01,
    temperature: Annotated[
        list[float] | None, typer.Option(help="Molecular dynamics at so many K; repeatable.")
    ] = None,
    md_steps: Annotated[int, typer.Option(min=1, help="Steps of 2 fs between snapshots.")] = 100,
    snapshots: Annotated[int, typer.Option(min=1, help="Of each temperature.")] = 3,
    committee: Annotated[
        list[Path] | None, typer.Option(help="Model folder; two or more choose the frames.")
    ] = None,
    select: Annotated[int, typer.Option(min=1, help="Frames that a committee keeps.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 1,
    json: JsonFile = None,
) -> None:
    """Make structures of ion orders and charge orders, relaxed, rattled, strained, or from MD.

    With --committee, only those are kept on whose forces the models disagree most.

    Example: redoxmc generate campaign.toml --out wanted.extxyz --rattle 0.03 --temperature 600
    """
    from redoxmc.data.committee import select as select_frames
    from redoxmc.data.generate import Extent, around_run, describe
    from redoxmc.data.generate import generate as make
    from redoxmc.data.variants import Variety
    from redoxmc.io.extxyz import write_labelled

    widths = tuple(rattle or ())
    temperatures = tuple(temperature or ())
    for name, values in (("--rattle", widths), ("--temperature", temperatures)):
        if any(not value > 0 for value in values):
            raise InputError(f"{name} must be positive, not {min(values):g}.")
    if committee and len(committee) < 2:
        raise InputError("--committee needs at least 2 models; give the option once for each.")
    variety = Variety(widths, strain, temperatures, md_steps, snapshots)
    if run is None:
        result = make(config, Extent(ion_orders, charge_orders, relax, bias, seed=seed), variety)
    else:
        result = around_run(config, run, variety, seed)
    frames = select_frames(result.frames, committee, select) if committee else result.frames
    if not frames:
        reason = f" ({result.failed[0][1]})" if result.failed else ""
        raise InputError(f"{config}: no structure came out{reason}.")
    write_labelled(out, frames)
    write_json(json, describe(result, frames))
    for order, reason in result.failed:
        typer.echo(f"failed {order}: {reason}")
    made = ", ".join(f"{n} by {how}" for how, n in result.counts.items())
    typer.echo(f"{len(result.frames)} structures ({made}); wrote {len(frames)} to {out}")
