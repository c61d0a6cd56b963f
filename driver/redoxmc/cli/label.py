"""`redoxmc label`: DFT results in, charge-labelled frames out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redoxmc.cli.options import JsonFile, write_json
from redoxmc.errors import InputError

if TYPE_CHECKING:
    from redoxmc.data.assign import Rules


def label(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="OUTCAR, vasprun.xml, extxyz, ASE traj or db."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Labelled extxyz to write.")],
    alias: Annotated[
        list[str] | None,
        typer.Option(help="Element that stands for a charge state, as Ga=Fe3+."),
    ] = None,
    states: Annotated[
        list[str] | None,
        typer.Option(help="Allowed species, as Fe2+,Fe3+ or with moments Fe2+=3.7,Fe3+=4.3."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="Moment (µB) or Bader charge (e) between two states, as Fe=4.05."),
    ] = None,
    bader: Annotated[
        bool, typer.Option("--bader", help="Use Bader charges instead of moments.")
    ] = False,
    gap: Annotated[
        float | None,
        typer.Option(help="Smallest gap between two states (default 0.2 µB, Bader 0.1 e)."),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Give every atom of DFT frames a charge state and write labelled extended XYZ.

    Frames that are damaged, ambiguous or not neutral are dropped and listed with the reason.

    Example: redoxmc label relax/OUTCAR md.traj --out data.extxyz --json report.json
    """
    from redoxmc.data.label import label_files
    from redoxmc.io.extxyz import write_labelled

    rules = parse_rules(alias or [], states or [], threshold or [], bader, gap)
    result = label_files(files, rules)
    if result.frames:
        write_labelled(out, result.frames)
    write_json(json, result.summary())
    for element, found in result.assignment.items():
        typer.echo(_describe(element, found, "e" if bader else "µB"))
    for dropped in result.dropped:
        typer.echo(f"dropped {dropped.file} frame {dropped.frame}: {dropped.reason}")
    if not result.frames:
        first = result.dropped[0]
        raise InputError(
            f"none of {result.read} frames could be labelled; the first, frame {first.frame} of "
            f"{first.file}: {first.reason}."
        )
    typer.echo(f"read {result.read} frames, wrote {len(result.frames)} to {out}")


def parse_rules(
    alias: list[str], states: list[str], threshold: list[str], bader: bool, gap: float | None
) -> "Rules":
    """Read the options of `redoxmc label`; raises InputError for one that is malformed."""
    from redoxmc.data.assign import Rules
    from redoxmc.data.reference_moments import usual_states
    from redoxmc.species import Species

    allowed: dict[str, list[Species]] = {}
    moments: dict[Species, float] = {}
    for word in (one for text in states for one in text.split(",")):
        name, _, moment = word.partition("=")
        species = Species.parse(name)
        allowed.setdefault(species.element, []).append(species)
        if moment:
            moments[species] = _number("--states", word, moment)
    aliases = {}
    for text in alias:
        element, _, name = text.partition("=")
        species = Species.parse(name)
        if Species.parse(element).charge or not name:
            raise InputError(f"--alias {text!r} must be ELEMENT=SPECIES, as in Ga=Fe3+.")
        choices = allowed.get(species.element) or usual_states(species.element)
        if species not in choices:
            raise InputError(
                f"--alias {text!r}: {species} is not among the states of {species.element} "
                f"({', '.join(map(str, choices))}); allow it with --states."
            )
        aliases[element] = species
    thresholds = {}
    for text in threshold:
        element, _, value = text.partition("=")
        thresholds[str(Species.parse(element))] = _number("--threshold", text, value)
    if gap is not None and not gap > 0:
        raise InputError(f"--gap must be positive, not {gap:g}.")
    return Rules(
        states={element: tuple(sorted(set(some))) for element, some in allowed.items()},
        thresholds=thresholds,
        aliases=aliases,
        moments=moments,
        source="bader" if bader else "moments",
        smallest_gap=gap if gap is not None else 0.1 if bader else 0.2,
    )


def _number(option: str, text: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{option} {text!r}: {value!r} is not a number.") from None


def _describe(element: str, found: dict[str, Any], unit: str) -> str:
    parts = []
    for cluster in found["clusters"]:
        mean = "-" if cluster["mean"] is None else f"{cluster['mean']:.2f} {unit}"
        parts.append(f"{cluster['species']} {mean} ({cluster['atoms']} atoms)")
    ends = zip(found["gaps"], found["thresholds"], strict=True)
    gaps = [f"gap {gap:.2f} around {at:.2f}" for gap, at in ends if gap is not None]
    return f"{element}: " + ", ".join(parts + gaps)
