"""A folder as a queue: several workers, no server, no double work, nothing lost at a kill.

For every frame, named by a key (a hash of structure, wanted charge states, settings): KEY.lock is
held (flock) by the worker that computes it, and goes free when that worker dies, however it dies;
KEY.extxyz or KEY.failed.json is its result, written atomically, once.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN, format_frame
from redoxmc.io.files import write_atomically
from redoxmc.io.frames import FrameError, xyz_frames

if TYPE_CHECKING:
    from ase import Atoms


class Queue:
    """The results of a folder, by key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made: {error.strerror or error}.") from None

    @property
    def stop_requested(self) -> bool:
        """Whether somebody put a file STOP into the folder."""
        return (self.folder / "STOP").exists()

    def result(self, key: str) -> "list[Atoms]":
        """Return the computed frames of a key: none where there are none or a file is damaged."""
        path = self.folder / f"{key}.extxyz"
        frames = list(xyz_frames(path)) if path.exists() else []
        if any(isinstance(frame, FrameError) for frame in frames):
            return []
        return [frame for frame in frames if not isinstance(frame, FrameError)]

    def failure(self, key: str) -> str | None:
        """Return why the frame could not be computed, or None."""
        try:
            reason = json.loads((self.folder / f"{key}.failed.json").read_text())["reason"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return str(reason)

    def is_done(self, key: str) -> bool:
        """Whether the frame has a result or a recorded failure."""
        return self.failure(key) is not None or bool(self.result(key))

    def store(self, key: str, frames: "Sequence[Atoms]") -> None:
        """Record what was computed for a key; InputError where the disk is full."""
        text = "".join(format_frame(frame) for frame in frames)
        write_atomically(self.folder / f"{key}.extxyz", text)
        self._drop_lock(key)

    def _drop_lock(self, key: str) -> None:
        """Unlink a lock while it is held: whoever opened it before sees the result and leaves."""
        (self.folder / f"{key}.lock").unlink(missing_ok=True)

    def store_failure(self, key: str, reason: str) -> None:
        """Record that the calculation of a frame failed, and why."""
        write_atomically(self.folder / f"{key}.failed.json", json.dumps({"reason": reason}) + "\n")

    def forget_failure(self, key: str) -> None:
        """Make a failed frame computable again."""
        (self.folder / f"{key}.failed.json").unlink(missing_ok=True)

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Hold the frame while the block runs; yields False where another worker has it or had it.

        Raises InputError where the file system has no locks.
        """
        path = self.folder / f"{key}.lock"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise InputError(f"{path} cannot be made: {error.strerror or error}.") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError as error:
                raise InputError(
                    f"{path} cannot be locked ({error.strerror}); put the queue on another disk."
                ) from None
            if self.is_done(key):
                yield False
            else:
                yield True
            if self.is_done(key):
                self._drop_lock(key)
        finally:
            os.close(descriptor)


def frame_key(atoms: "Atoms", settings: dict[str, Any]) -> str:
    """Return a name for (structure, wanted charge states, settings), a function of these."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(" ".join(atoms.arrays[COLUMN]).encode())
    for numbers in (atoms.positions, atoms.cell.array, atoms.pbc.astype(float)):
        digest.update((numbers + 0.0).astype("<f8").tobytes())  # + 0.0: -0.0 and 0.0 are one key
    return digest.hexdigest()[:16]
