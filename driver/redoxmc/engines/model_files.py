"""A private copy of a model's files, which LAMMPS reads instead of the folder that was named.

A run reads its model again and again (LAMMPS is restarted from time to time). With a copy named by
its content, a model folder that is changed meanwhile neither mixes two models into one run nor goes
unnoticed, and the path that LAMMPS is given is plain ASCII whatever the folder is called.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from redoxmc.errors import InputError
from redoxmc.io.cache import cache_folder, make_private, prune, remove_stale
from redoxmc.model_card.card import ModelCard, identity_of

# What LAMMPS' language takes as one word and leaves as it is.
_PLAIN = re.compile(r"[A-Za-z0-9_./+=@:,-]+")
_UNUSED_DAYS, _MOST_BYTES = 30.0, 2_000_000_000


def private_copy(card: ModelCard) -> Path:
    """The folder of a copy of the model that hashes to the card's identity.

    Made where there is none, checked at every call. Raises InputError where the model's files have
    changed since the card was read, and where no folder for the copy can be written to.
    """
    refused = []
    for root in _roots():
        if not _PLAIN.fullmatch(str(root)):
            refused.append(f"{root} (not plain ASCII)")
            continue
        try:
            make_private(root.parent)
            make_private(root)
            return _copy(card, root)
        except OSError as error:
            refused.append(f"{root} ({error.strerror or error})")
    raise InputError(
        f"no folder for a copy of the model can be written to: {', '.join(refused)}; set "
        "REDOXMC_CACHE to one whose path is plain ASCII."
    )


def scratch_folder() -> "tempfile.TemporaryDirectory[str]":
    """A folder for what LAMMPS writes, removed with the object, whose path LAMMPS can take."""
    bases = [tempfile.gettempdir(), "/tmp", "/dev/shm"]
    plain = [base for base in bases if _PLAIN.fullmatch(base) and os.access(base, os.W_OK)]
    return tempfile.TemporaryDirectory(prefix="redoxmc-", dir=plain[0] if plain else None)


def _roots() -> Iterator[Path]:
    yield cache_folder().absolute() / "models"
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/dev/shm")):
        yield Path(base) / f"redoxmc-{os.getuid()}" / "models"


def _copy(card: ModelCard, root: Path) -> Path:
    target = root / card.identity[:32]
    if _matches(card, target):
        with contextlib.suppress(OSError):
            os.utime(target)
        return target
    remove_stale(root, ".copy-*")
    prune(root, "[0-9a-f]*", _UNUSED_DAYS, _MOST_BYTES)
    scratch = Path(tempfile.mkdtemp(prefix=".copy-", dir=root))
    try:
        for name in card.files:
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                content = (card.folder / name).read_bytes()
            except OSError:
                raise InputError(_changed(card)) from None
            (scratch / name).write_bytes(content)
        if not _matches(card, scratch):
            raise InputError(_changed(card))
        if target.exists():  # it does not match: cut off, or tampered with
            shutil.rmtree(target, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process was faster
            os.rename(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if not _matches(card, target):
        raise OSError(f"{target} could not be written")
    return target


def _matches(card: ModelCard, folder: Path) -> bool:
    try:
        return folder.is_dir() and identity_of(card, folder) == card.identity
    except InputError:
        return False


def _changed(card: ModelCard) -> str:
    return (
        f"model {card.folder} was changed while it was in use; put the files back that the run "
        "began with, or start another run."
    )
