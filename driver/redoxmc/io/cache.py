"""The user's cache: what is compiled or copied once. Nothing of it is believed that others can
write: a library that someone planted there would run with the user's rights.

The folder is `$REDOXMC_CACHE`, or `redoxmc` in `$XDG_CACHE_HOME` (`~/.cache`).
"""

import contextlib
import grp
import hashlib
import json
import os
import pwd
import shutil
import stat
import time
from pathlib import Path

from redoxmc.errors import InputError
from redoxmc.io.files import write_atomically

SEAL = ".seal.json"  # beside a compiled file: what it is and what it holds
STALE = 3600.0  # s, after which what a killed process left behind is removed


def cache_folder() -> Path:
    """Where compiled kernels and copies of models are kept."""
    given = os.environ.get("REDOXMC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "redoxmc"


def distrust(path: Path) -> str:
    """Say why a file or folder cannot be trusted; empty where it can.

    Trusted is what belongs to this user or to root and cannot be written to by anyone else. A group
    that is this user's own, as many systems give everyone one, is nobody else.
    """
    try:
        status = path.stat()
    except OSError as error:
        return f"{path} cannot be looked at ({error.strerror})"
    if status.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to another user (number {status.st_uid})"
    shared = stat.S_IWOTH if _is_own_group(status.st_gid) else stat.S_IWOTH | stat.S_IWGRP
    if status.st_mode & shared:
        return f"others can write to {path} (mode {stat.S_IMODE(status.st_mode):o}); chmod go-w it"
    return ""


def _is_own_group(group: int) -> bool:
    try:
        entry, user = grp.getgrgid(group), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container without such a list
        return False
    return entry.gr_name == user and set(entry.gr_mem) <= {user}


def make_private(folder: Path) -> None:
    """Make a folder that only this user can write to, or check that it is one.

    Raises InputError where others could write to it, OSError where it cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    reason = distrust(folder)
    if reason:
        raise InputError(f"{reason}; or set REDOXMC_CACHE to a folder of your own.")


def seal(path: Path, source: str) -> None:
    """Write beside a compiled file what it was made from and the hash of its content."""
    record = {"name": path.name, "source": source, "sha256": _hash(path)}
    write_atomically(path.with_name(path.name + SEAL), json.dumps(record) + "\n")


def is_sealed(path: Path, source: str) -> bool:
    """Whether a compiled file is what was made from this source, unchanged and out of reach.

    Marks it as used, for `prune`.
    """
    record = path.with_name(path.name + SEAL)
    try:
        said = json.loads(record.read_text(encoding="utf-8"))
        expected = {"name": path.name, "source": source, "sha256": _hash(path)}
    except (OSError, ValueError):
        return False
    if said != expected or distrust(path) or distrust(record) or distrust(path.parent):
        return False
    with contextlib.suppress(OSError):  # a cache that is shared, and read-only for this user
        os.utime(record)
    return True


def prune(folder: Path, pattern: str, days: float, most_bytes: int) -> None:
    """Remove what was not used for some days, and the longest unused while all take too much.

    pattern: of names in the folder, files or folders; a file goes with its seal.
    """
    entries = []
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            entries.append((_last_use(path), _size(path), path))
    entries.sort(reverse=True)
    used = 0
    for last, size, path in entries:
        used += size
        age = time.time() - last
        if age > days * 86400 or (used > most_bytes and age > STALE):
            for one in (path, path.with_name(path.name + SEAL), path.with_suffix(".lock")):
                _remove(one)


def remove_stale(folder: Path, *patterns: str) -> None:
    """Remove what killed processes left behind an hour ago or longer."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE:
                    _remove(path)


def _last_use(path: Path) -> float:
    record = path.with_name(path.name + SEAL)
    return max(p.stat().st_mtime for p in (path, record) if p.exists())


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
