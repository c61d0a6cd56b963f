"""The `redoxmc` command: verbs, exit codes; the one place where bad input becomes a sentence."""

import os
import sys
import traceback

import typer

from redoxmc.campaign.parallel import end_all_ranks
from redoxmc.cli import (
    analyze,
    check,
    compute,
    doctor,
    energy,
    enumerate,
    export,
    generate,
    label,
    run,
    train,
)
from redoxmc.engines.load_model import lammps_reason
from redoxmc.errors import NO_MPI, InputError, NoResultError

LAMMPS_ENDED = "LAMMPS failed on one rank of a replica, and the others cannot go on without it"

app = typer.Typer(
    name="redoxmc",
    help="Charge-order Monte Carlo for mixed-valence materials, with LAMMPS as the engine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(lambda: None)  # verbs stay verbs, even while there is only one
app.command("label")(label.label)
app.command("compute")(compute.compute)
app.command("generate")(generate.generate)
app.command("train")(train.train)
app.command("export")(export.export)
app.command("check")(check.check)
app.command("energy")(energy.energy)
app.command("relax")(energy.relax)
app.command("enumerate")(enumerate.enumerate_)
app.command("run")(run.run)
app.command("analyze")(analyze.analyze)
app.command("report")(analyze.report)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a check failed, 2 bad input, 75 stopped and resumable.
    """
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        end_all_ranks(str(error), 2)
        sys.exit(_complain(str(error)))
    except NoResultError as error:
        _complain(str(error))
        sys.exit(1)
    except typer.Abort:
        sys.exit(75)
    except Exception as error:
        # typer's usage errors: their class lies in click or in typer, depending on the version
        if hasattr(error, "format_message"):
            sys.exit(_complain(error.format_message()))
        if "MPI library" in str(error) or "libmpi" in str(error):  # of mpi4py, LAMMPS, the linker
            sys.exit(_complain(NO_MPI))
        if type(error).__name__ == "MPIAbortException":  # of the lammps module
            end_all_ranks(f"{LAMMPS_ENDED} ({lammps_reason(error)}); continue with --resume.", 1)
        end_all_ranks(traceback.format_exc(), 1)
        raise
    sys.exit(code or 0)


def _complain(sentence: str) -> int:
    if os.environ.get("PMI_RANK", "0") == "0":  # every rank meets the same bad input
        print(f"redoxmc: {' '.join(sentence.splitlines())}", file=sys.stderr)
    return 2
