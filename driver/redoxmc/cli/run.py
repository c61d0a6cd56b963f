"""`redoxmc run`: the main job."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    config: Annotated[Path, typer.Argument(help="Campaign file (TOML).")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the campaign in OUT, or extend it.")
    ] = False,
    concentration: Annotated[
        float | None,
        typer.Option(help="Run this one of the concentrations only, as in a job array."),
    ] = None,
) -> None:
    """Sample charge orders over concentrations, temperatures and seeds.

    A file STOP in OUT, SIGTERM or SIGINT stop it cleanly (exit code 75); --resume continues, and a
    finished campaign is extended by raising sampling.steps. Folders of a job array over x are
    brought together by redoxmc analyze.

    Example: mpirun -n 8 redoxmc run campaign.toml --out results/first
    """
    from redoxmc.campaign.run import run_campaign

    raise typer.Exit(run_campaign(config, out, resume=resume, concentration=concentration))
