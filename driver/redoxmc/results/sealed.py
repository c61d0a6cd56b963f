"""HDF5 files that know whether they are whole: a digest in front, checksums on arrays.

The first 512 bytes (HDF5's user block, which its readers pass over) hold one line with the schema
and the SHA-256 of the rest, so that any changed bit, also one in names and attributes, is noticed
before HDF5 sees the file.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.errors import InputError
from redoxmc.io.files import beside, replace_atomically, sync
from redoxmc.io.frames import short

BLOCK = 512
_MAGIC = b"redoxmc results, schema "


def write_sealed(path: Path, schema: int, fill: Callable[[Any], None]) -> None:
    """Have `fill` fill an h5py.File, and move it to path, atomically, when it is on the disk.

    The file that was there before stays beside it: see `earlier`. It is filled in memory: HDF5 does
    not survive a disk that is full.
    """
    import h5py

    # the newest layout is the one that readers may open in SWMR mode
    options = {"driver": "core", "backing_store": False, "libver": "latest"}
    with h5py.File(path.name, "w", userblock_size=BLOCK, **options) as file:
        fill(file)
        file.flush()
        image = file.id.get_file_image()  # without the user block
    digest = hashlib.sha256(image).hexdigest()

    def write(temporary: Path) -> None:
        with temporary.open("wb") as raw:
            raw.write(_block(schema, digest))
            raw.write(image)
        if path.exists():
            _keep(path)

    replace_atomically(path, write)


def earlier(path: Path) -> Path:
    """Where the checkpoint before the last one is kept."""
    return path.with_name(f"{path.stem}.earlier{path.suffix}")


def _keep(path: Path) -> None:
    """Name the present file twice; `path` exists at any time."""
    kept, second = earlier(path), beside(path, "earlier")
    if kept.exists() and kept.samefile(path):
        return  # a run was killed between the two names; to rename one to the other does nothing
    try:
        try:
            os.link(path, second)
        except OSError:  # a filesystem without hard links
            second.write_bytes(path.read_bytes())
            sync(second)
        os.replace(second, kept)
    except OSError:
        second.unlink(missing_ok=True)
        raise


@contextmanager
def open_sealed(path: Path, schema: int) -> Iterator[Any]:
    """The h5py.File at path, read-only, found whole.

    schema: the newest that is understood; the first one had no digest. Raises InputError for a file
    that is newer or not whole, or where the reading of it fails in any way.
    """
    import h5py

    try:
        with path.open("rb") as raw:
            block = raw.read(BLOCK)
            digest = hashlib.file_digest(raw, "sha256").hexdigest()
        sealed = block.startswith(_MAGIC)
        if sealed:
            named = int(block[len(_MAGIC) :].split(b",")[0])
            _refuse_newer(path, named, schema)
            if block != _block(named, digest):
                raise InputError(f"{path} is damaged: its content does not fit its digest.")
        elif not h5py.is_hdf5(path):
            raise InputError(f"{path} is damaged or not a results file: it does not begin as one.")
        with h5py.File(path, "r") as file:
            found = int(file.attrs["schema"])
            _refuse_newer(path, found, schema)
            if found != 1 and not sealed:
                raise InputError(f"{path} is damaged: it has no digest.")
            yield file
    except InputError:
        raise
    except Exception as error:  # a damaged file makes HDF5 and its readers fail in any way
        raise InputError(f"{path} is damaged or not a results file ({short(error)}).") from None


def _refuse_newer(path: Path, found: int, schema: int) -> None:
    if found > schema:
        raise InputError(f"{path} has schema {found}; this redoxmc reads up to {schema}.")


def _block(schema: int, digest: str) -> bytes:
    line = b"%s%d, SHA-256 of what follows: %s\n" % (_MAGIC, schema, digest.encode())
    return line.ljust(BLOCK)


def put(group: Any, name: str, data: Any, **options: Any) -> None:
    """Write an array, or texts, with a checksum of each of its chunks. options: of h5py."""
    # texts of one length: the checksum of others would cover references to them only
    array = np.array([text.encode() for text in data], dtype="S") if _texts(data) else data
    array = np.asarray(array)
    chunked = {"fletcher32": True, **options} if array.size and array.shape else {}
    group.create_dataset(name, data=array, **chunked)


def _texts(data: Any) -> bool:
    return isinstance(data, list) and all(isinstance(item, str) for item in data)
