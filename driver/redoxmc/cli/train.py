"""`redoxmc train`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from redoxmc.cli.options import JsonFile, write_json


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Training file (TOML).")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder of the checkpoints [checkpoints/ + CONFIG's name]."
        ),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Train a model; called again, continue where the last checkpoint is.

    Writes best.pt, last.pt, history.json and learning_curve.png into DIR. A file STOP in DIR,
    SIGTERM or SIGINT end it with exit code 75.

    Example: redoxmc train potentials/mace-nafepo4/train.toml --out checkpoints/mace
    """
    import signal
    import warnings

    warnings.simplefilter("ignore")  # of torch and e3nn, about themselves
    from redoxmc.config.training import load_training_config
    from redoxmc.model_card.card import redox_species
    from redoxmc.models.train import train as run

    settings = load_training_config(config)
    folder = out or Path("checkpoints") / config.stem
    missing = [n for n in redox_species(settings.species_list()) if n not in settings.bonds]
    if missing:
        typer.echo(
            f"{config}: no [bonds] of {', '.join(missing)}: 'redoxmc export' finds their ligands "
            "in the training frames",
            err=True,
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _Progress(settings.optimizer.epochs) as show:

        def after_epoch(entry: dict[str, Any]) -> None:
            show(entry)
            if (folder / "STOP").exists():
                raise KeyboardInterrupt

        try:
            best = run(settings, config, folder, after_epoch)
        except KeyboardInterrupt:
            # every checkpoint is complete; what is lost are the epochs since the last one
            typer.echo("stopped; the same command continues", err=True)
            raise typer.Exit(75) from None
    from redoxmc.models.checkpoint import load_checkpoint

    history = load_checkpoint(best)["history"]
    typer.echo(f"{best}: epoch {history[-1]['epoch']}, {_summary(history[-1])}")
    write_json(json, {"checkpoint": str(best), "history": history})


def _summary(entry: dict[str, Any]) -> str:
    return (
        f"loss {entry['valid_loss']:.4g}, {entry['energy_meV_per_atom']:.2f} meV/atom, "
        f"{entry['force_meV_per_A']:.1f} meV/Å"
    )


class _Progress:
    """A bar on a terminal, one line per tenth of the epochs elsewhere."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.epochs = epochs
        console = Console(stderr=True)
        self.bar = Progress(console=console) if console.is_terminal else None

    def __enter__(self) -> "_Progress":
        if self.bar is not None:
            self.bar.start()
            self.task = self.bar.add_task("training", total=self.epochs)
        return self

    def __call__(self, entry: dict[str, Any]) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=entry["epoch"], description=_summary(entry))
        elif entry["epoch"] % max(1, self.epochs // 10) == 0 or entry["epoch"] == 1:
            typer.echo(f"epoch {entry['epoch']}/{self.epochs}: {_summary(entry)}", err=True)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
