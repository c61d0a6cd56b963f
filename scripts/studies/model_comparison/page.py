"""The page of a comparison in Markdown: what was done, its tables, its plots."""

from pathlib import Path

from model_comparison import figures
from model_comparison.cards import cards_section
from model_comparison.judged import read_verdicts, verdict_rows
from model_comparison.lattices import measured_rows
from model_comparison.overview import overview_section
from model_comparison.parts import PARTS
from model_comparison.records import Results, done
from model_comparison.run import csv_text, part_csv
from model_comparison.sections import (
    assignment_section,
    distributions_section,
    energies_section,
    judged_section,
)
from model_comparison.settings import Settings
from redoxmc.io.files import write_atomically
from study_tools.markdown import Row, axes, number, table


def write_page(settings: Settings, results: dict[str, Results], page: Path, command: str) -> None:
    """Write the page and, in a folder beside it of the same name, its plots and figures as CSV.

    results: by part and model, as run_comparison returns them. command: what makes it again.
    """
    plots = page.with_suffix("")
    sections = [_head(settings, results, command), overview_section(settings, results)]
    sections += [cards_section(settings), _errors(settings, results)]
    sections += assignment_section(settings, results, plots)
    judged = verdict_rows(read_verdicts(settings), settings)
    sections.append(judged_section(judged, settings))
    for reference in settings.references:
        sections.append(energies_section(reference.name, results[reference.part], plots))
    sections += distributions_section(settings, results, plots)
    sections.append(_moments(results.get("trajectories", {}), plots))
    sections.append(_lattices(settings, results.get("lattices", {})))
    sections.append(_barrier(results.get("barrier", {}), plots))
    if judged:
        write_atomically(plots / "judged.csv", csv_text(judged))
    for part, of_part in results.items():
        write_atomically(plots / f"{part}.csv", part_csv(part, of_part, settings))
    write_atomically(page, "\n".join(part for part in sections if part) + "\n")


def _head(settings: Settings, results: dict[str, Results], command: str) -> str:
    present = {name for part in results.values() for name in part}
    absent = [model.name for model in settings.models if model.name not in present]
    missing = f"Not yet there: {', '.join(absent)}.\n" if absent else ""
    return f"""# Charge-aware and charge-blind models compared

`{command}` makes this page and everything on it.
Charge-aware models have one species for each charge state; a blind twin (`-blind`) has the same
architecture, data and settings and one species for both. Relaxations are the driver's own (fixed
cell: the model's own lattice of that x; largest force {settings.relax.force_tolerance:g} eV/Å).
"Site" is a redox site, so a formula unit.
{settings.note}{missing}"""


def _errors(settings: Settings, results: dict[str, Results]) -> str:
    rows: list[Row] = [
        [frames.name, r["part"], name, r["errors"], r["frames"],
         number(r["energy_meV_per_atom"], 2), r["fitted"], number(r["force_meV_per_A"], 1),
         number(r["stress_GPa"], 2), number(r["moment_muB"], 3)]
        for frames in settings.frames
        for part in PARTS
        for name, result in done(results.get(frames.part, {})).items()
        for r in result["rows"]
        if r["part"] == part
    ]  # fmt: skip
    if not rows:
        return ""
    return """## Errors on labelled frames
Mean absolute errors at the frames' geometries, of the part of a set that models were trained on
(*train*, with what chose their epoch) and of the part that is kept from all of them (*test*). A
model that was trained on the set has seen its train part: *in-sample*. To all others, everything is
*held out*; their energies may be on another scale and are matched by reference energies of the
species, fitted to all these frames, of which so many are independent (*fitted*).

""" + table(
        ["frames", "part", "model", "errors", "number", "energy, meV/atom", "fitted",
         "forces, meV/Å", "stress, GPa", "moments, µB"],
        rows,
    )  # fmt: skip


def _moments(results: Results, plots: Path) -> str:
    complete = done(results)
    if not complete:
        return ""
    figures.plot_trajectories(plots / "moments.png", complete)
    return f"""## Moments along the optimization
LAMMPS' own minimizers, moments from `compute redoxmc/atom` in a dump. Models without moments are
left out.

![Moments]({plots.name}/moments.png)
"""


def _lattices(settings: Settings, results: Results) -> str:
    measured = [(r["name"], r) for r in measured_rows(settings)]
    rows: list[Row] = [
        [name, axes(r["empty_A"]), axes(r["full_A"]), f"{r['change_percent']:.1f}"]
        for name, r in [*measured, *done(results).items()]
    ]
    head = ["", "empty host, Å", "full host, Å", "volume change, %"]
    return "## Lattice of the end members\n" + table(head, rows)


def _barrier(results: Results, plots: Path) -> str:
    complete = done(results)
    if not complete:
        return ""
    figures.plot_barriers(plots / "barrier.png", complete)
    published = next(iter(complete.values()))["published_barrier_eV"]
    rows: list[Row] = [
        [name, number(r.get("single_point_barrier_eV"), 3), number(r.get("barrier_eV"), 3),
         r.get("error") or ("yes" if r["converged"] else f"no, {r['steps']} steps")]
        for name, r in complete.items()
    ]  # fmt: skip
    return f"""## Barrier of an ion's hop
One ion in the empty host. Published: {published:.3f} eV (DFT). *On its images*: single points of
the model on the published path. *Own band*: relaxed ends, climbing image, same cell.

![Barrier]({plots.name}/barrier.png)

""" + table(["model", "on its images, eV", "own band, eV", "converged"], rows)
