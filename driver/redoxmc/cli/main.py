"""The `redoxmc` command: verbs, exit codes, and the one place where bad input becomes a sentence."""

import sys

import click
import typer

from redoxmc.errors import InputError

app = typer.Typer(
    name="redoxmc",
    help="Charge-order Monte Carlo for mixed-valence materials, with LAMMPS as the engine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a check failed, 2 bad input, 75 stopped and resumable."""
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        sys.exit(_complain(str(error)))
    except click.ClickException as error:
        sys.exit(_complain(error.format_message()))
    except click.Abort:
        sys.exit(75)
    sys.exit(code or 0)


def _complain(sentence: str) -> int:
    print(f"redoxmc: {sentence}", file=sys.stderr)
    return 2
