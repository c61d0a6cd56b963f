"""The exceptions that end a command with a sentence instead of a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches

NO_MPI = (
    "no MPI library was found (libmpi.so.12 of MPICH, Intel MPI, Cray MPICH or MVAPICH): "
    "pip install mpich, or load the cluster's module and build mpi4py against it."
)


class InputError(ValueError):
    """Bad input. The message is one sentence: file, key, what was received, what would be right.

    The command line prints it on stderr and exits with code 2.
    """


class NoResultError(RuntimeError):
    """A run has come to its end, is stored, and has no result for a part of what was asked.

    The command line prints its sentence on stderr and exits with code 1.
    """


class EngineError(RuntimeError):
    """The engine could not give an energy (a failed minimization, NaN, a lost atom, a left site).

    A sampler counts it and rejects the move; it never ends a run. force_evaluations: that it cost.
    """

    def __init__(self, message: str, force_evaluations: int = 0):
        super().__init__(message)
        self.force_evaluations = force_evaluations


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which of the valid names the wrong one is closest to, for the end of an error message."""
    options = sorted(valid)
    close = get_close_matches(name, options, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return "valid are " + ", ".join(repr(option) for option in options)


def cut(value: object, length: int = 60) -> str:
    """A value as text, short enough to stand in a sentence."""
    text = str(value)
    return text if len(text) <= length else text[: length - 1] + "…"
