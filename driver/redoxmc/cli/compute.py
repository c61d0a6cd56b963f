"""`redoxmc compute`: label structures with DFT through an ASE calculator."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redoxmc.cli.options import JsonFile, write_json

if TYPE_CHECKING:
    from redoxmc.data.compute import Outcome
    from redoxmc.data.label import Labelled


def compute(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="extxyz with the charge states wanted."),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Labelled extxyz; the queue is the folder FILE.queue."),
    ],
    calculator: Annotated[
        str, typer.Option(help="gpaw, vasp, espresso, cp2k or another ASE name, or MODULE:CLASS.")
    ] = "gpaw",
    settings: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="Tables [parameters], [profile], [moments]."),
    ] = None,
    calculator_python: Annotated[
        str,
        typer.Option(metavar="COMMAND", help="Python that has the calculator (default: found)."),
    ] = "",
    retry: Annotated[bool, typer.Option("--retry", help="Try frames that failed again.")] = False,
    json: JsonFile = None,
) -> None:
    """Compute energies, forces and moments of structures, one frame at a time.

    Initial moments ask for the charge states of the file; what came out is labelled as what it is.
    Resumable after a kill, and elsewhere from FILE alone; run the same command several times for
    several workers. A file STOP in
    the queue ends them after the frame in hand (exit code 75), SIGTERM at once. Exit code 1 where
    frames failed.

    Example: redoxmc compute wanted.extxyz --out dft.extxyz --calculator gpaw
    """
    from redoxmc.data.compute import adopt, collect, read_tasks, work
    from redoxmc.data.queue import Queue
    from redoxmc.data.runner import find_python
    from redoxmc.data.settings import load_settings

    chosen = load_settings(calculator, settings)
    tasks = read_tasks(files, chosen)
    python = find_python(calculator, calculator_python)
    queue = Queue(out.with_name(out.name + ".queue"))
    adopt(queue, tasks, out)
    if retry:
        for task in tasks:
            queue.forget_failure(task.key)

    def gather() -> "Labelled":
        return collect(queue, tasks, out, basis=chosen.basis)

    outcome = work(queue, tasks, chosen, python, after_each=gather)
    labelled = gather()
    write_json(json, report(outcome, labelled, len(tasks)))
    for file, number, reason in outcome.failed:
        typer.echo(f"failed {file} frame {number}: {reason}")
    for dropped in labelled.dropped:
        typer.echo(
            f"computed but not labelled {dropped.file} frame {dropped.frame}: {dropped.reason}"
        )
    lost = sum(not frame.info["order_kept"] for frame in labelled.frames)
    done = outcome.computed + outcome.already
    typer.echo(
        f"{len(tasks)} frames: {outcome.computed} computed now, {outcome.already} before, "
        f"{len(tasks) - done} left or failed; {len(labelled.frames)} labelled in {out}, "
        f"{lost} of them in another charge order than wanted"
    )
    if outcome.stopped:
        raise typer.Exit(75)
    if outcome.failed:
        raise typer.Exit(1)


def report(outcome: "Outcome", labelled: "Labelled", tasks: int) -> dict[str, Any]:
    """Return what `redoxmc compute --json` writes."""
    failed = [{"file": f, "frame": n, "reason": r} for f, n, r in outcome.failed]
    return {
        "frames": tasks,
        "computed": outcome.computed,
        "already": outcome.already,
        "elsewhere": outcome.elsewhere,
        "failed": failed,
        "order_lost": sum(not frame.info["order_kept"] for frame in labelled.frames),
        **{key: labelled.summary()[key] for key in ("written", "dropped", "assignment")},
        "stopped": outcome.stopped,
    }
