"""Atomic file writing: a reader sees the old file or the new one, never half of it.

That holds after a power cut, too: the content is on the disk before the name points to it, and the
name before the next file is written.
"""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from redoxmc.errors import InputError

CHECKPOINT_SECONDS = float(os.environ.get("REDOXMC_CHECKPOINT_SECONDS", "15"))
_LEFT_OVER = re.compile(r"\..+\.(\d+)\.(tmp|earlier|lock)")


def replace_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` fill a temporary file beside path, then move it into place.

    Raises InputError where the folder cannot be written to.
    """
    temporary = beside(path, "tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        _discard(temporary)
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
    except BaseException:
        _discard(temporary)
        raise


def beside(path: Path, kind: str) -> Path:
    """A name in the same folder for what this process makes on the way; see `remove_left_overs`.

    kind: "tmp", "earlier" or "lock".
    """
    return path.with_name(f".{path.name}.{os.getpid()}.{kind}")


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if path.is_file():  # some network filesystems refuse it for folders
            raise
    finally:
        os.close(descriptor)


def remove_left_overs(folder: Path) -> None:
    """Remove what killed processes of this host left half written in a folder.

    To be called by who holds the folder: a process of another host cannot be asked whether it
    lives.
    """
    for path in folder.glob(".*"):
        match = _LEFT_OVER.fullmatch(path.name)
        if match is not None and not Path(f"/proc/{match[1]}").exists():
            _discard(path)


def _discard(temporary: Path) -> None:
    """Remove what is left of it; where that fails, the first error is the one to tell."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write text (UTF-8) to path, atomically."""

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    replace_atomically(path, write)
