"""Atomic file writing: a reader sees the old file or the new one, never half of it."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from redoxmc.errors import InputError

CHECKPOINT_SECONDS = float(os.environ.get("REDOXMC_CHECKPOINT_SECONDS", "15"))


def replace_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` fill a temporary file beside path, then move it into place.

    Raises InputError where the folder cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        _discard(temporary)
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    except BaseException:
        _discard(temporary)
        raise


def _discard(temporary: Path) -> None:
    """Remove what is left of it; where that fails, the first error is the one to tell."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write text (UTF-8) to path, atomically."""

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    replace_atomically(path, write)
