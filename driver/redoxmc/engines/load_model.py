"""Giving a model to LAMMPS: its pair style, types and charges; what fails here is bad input."""

import os
import subprocess
import sys
from typing import Any

from redoxmc.engines.model_files import private_copy
from redoxmc.errors import InputError
from redoxmc.io.cache import cache_folder, make_private
from redoxmc.io.files import write_atomically
from redoxmc.model_card import ModelCard

TRUST = "REDOXMC_TRUST_MODELS"  # 1: every model is the user's own
_PROBE_SECONDS = 300.0


def load_model(
    lmp: Any,
    card: ModelCard,
    comm: Any,
    pair_style: str = "redoxmc",
    refused: type[Exception] = InputError,
) -> None:
    """Name the types of a LAMMPS instance that has a box, and define the pair style of a model.

    comm: the communicator of the instance, None for this process alone. pair_style: what stands
    behind the word in LAMMPS, such as `redoxmc backend torchscript`. refused: raised where LAMMPS
    refuses the model; a run cannot begin with it.

    Raises InputError for a model whose files have changed, or that crashes who opens it.
    """
    _on_one_rank(lambda: private_copy(card) and None, comm)
    folder = private_copy(card)
    if card.is_classical:
        commands = card.commands.located(folder)
    else:
        _on_one_rank(lambda: refuse_crashing(card), comm)
        names = " ".join(str(species) for species in card.species)
        model = folder / "model.pt"
        commands = [f"pair_style {pair_style}", f"pair_coeff * * {model} {names}"]
    types = " ".join(f"{number} {one}" for number, one in enumerate(card.species, start=1))
    for command in [f"labelmap atom {types}", *commands]:
        try:
            lmp.command(command)
        except Exception as error:  # the lammps module raises bare Exception
            if type(error).__name__ == "MPIAbortException" and comm and comm.Get_size() > 1:
                raise  # the other ranks cannot be told
            reason = lammps_reason(error).replace(str(folder), str(card.folder))
            raise refused(
                f"{card.energy_file}: LAMMPS refuses {_short(command)} ({reason})."
            ) from None


def lammps_reason(error: BaseException) -> str:
    """What LAMMPS says, on one line and without the place in its source."""
    text = str(error).split("\nLast")[0].strip()
    text = text.removeprefix("ERROR: ").removeprefix("ERROR on proc 0: ")
    return " ".join(text.split(" (src/")[0].split()).rstrip(".")


def refuse_crashing(card: ModelCard) -> None:
    """Open a TorchScript file of unknown origin in another process first.

    torch ends the process where such a file is made to mislead it. A file that has been opened once
    is remembered by its hash in the user's cache; `REDOXMC_TRUST_MODELS=1` leaves that out.
    """
    if os.environ.get(TRUST) == "1":
        return
    mark = cache_folder() / "opened" / card.sha256
    if mark.is_file():
        return
    command = [sys.executable, "-P", "-W", "ignore", "-m", "redoxmc.models.probe"]
    command.append(str(card.energy_file))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{card.energy_file} does not open within {_PROBE_SECONDS:g} s; it is not usable."
        ) from None
    if done.returncode == 0:
        try:
            make_private(mark.parent.parent)
            make_private(mark.parent)
            write_atomically(mark, "")
        except (OSError, InputError):
            pass  # it will be opened twice again
        return
    lines = done.stderr.strip().splitlines() or ["no message"]
    reason = lines[-1] if done.returncode > 0 else f"signal {-done.returncode}"
    raise InputError(f"{card.energy_file} is not a usable model: opening it fails ({reason}).")


def _on_one_rank(work: Any, comm: Any) -> None:
    """Do something on the first rank of a communicator alone; its InputError is everyone's."""
    if comm is None or comm.Get_size() == 1:
        work()
        return
    problem = ""
    if comm.Get_rank() == 0:
        try:
            work()
        except InputError as error:
            problem = str(error)
    problem = comm.bcast(problem)
    if problem:
        raise InputError(problem)


def _short(command: str) -> str:
    words = command.split()
    return repr(" ".join(words[:4]) + (" …" if len(words) > 4 else ""))
