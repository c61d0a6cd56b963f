"""One run a folder: a file LOCK in it says whose it is, and shows whether that run still lives."""

import getpass
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from redoxmc.errors import InputError
from redoxmc.io.files import beside, remove_left_overs

BEAT_SECONDS = 15.0  # between two signs of life
STALE_SECONDS = 120.0  # without one, the run of another host is taken for dead


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made where it is missing.

    A lock of this host is stale where its process is gone, one of another host where it has given
    no sign of life for two minutes; a stale lock is taken over, and what killed runs left half
    written in the folder is removed. Raises InputError where another run holds the folder.
    """
    path, mine = folder / "LOCK", _whoami()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _take(path, mine)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None
    remove_left_overs(folder)
    over = threading.Event()
    threading.Thread(target=_beat, args=(path, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        if _holder(path) == mine:
            path.unlink(missing_ok=True)


def check_lock(folder: Path) -> None:
    """Raise InputError where another run has taken the folder over from this one."""
    holder = _holder(folder / "LOCK")
    if holder and (holder["host"], holder["pid"]) != (socket.gethostname(), os.getpid()):
        raise InputError(f"{folder} was taken over by {_words(holder)}; this run ends.")


def _take(path: Path, mine: dict[str, Any]) -> None:
    for _ in range(2):
        try:
            _write_new(path, json.dumps(mine))
            return
        except FileExistsError:
            holder = _holder(path)
            if not _stale(path, holder):
                break
            path.unlink(missing_ok=True)
    raise InputError(
        f"{path.parent} is in use by {_words(holder)}; wait for it, choose another --out, or "
        f"remove {path} if that run is gone."
    )


def _write_new(path: Path, text: str) -> None:
    """Make a file that is whole when it appears; FileExistsError where there is one."""
    whole = beside(path, "lock")
    try:
        whole.write_text(text, encoding="utf-8")
        try:
            os.link(whole, path)
        except FileExistsError:
            raise
        except OSError:  # a filesystem without hard links
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    finally:
        whole.unlink(missing_ok=True)


def _whoami() -> dict[str, Any]:
    pid = os.getpid()
    try:
        owner = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        owner = str(os.getuid())
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    own = {"owner": owner, "host": socket.gethostname(), "pid": pid, "since": since}
    return own | {"started": _start_of(pid)}


def _holder(path: Path) -> dict[str, Any]:
    """What a lock says; empty where there is none or it is half written."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) and {"host", "pid"} <= set(data) else {}


def _words(holder: dict[str, Any]) -> str:
    if not holder:
        return "a run that does not say which"
    return (
        f"{holder.get('owner')}'s process {holder['pid']} on {holder['host']} since "
        f"{holder.get('since')}"
    )


def _stale(path: Path, holder: dict[str, Any]) -> bool:
    if holder.get("host") == socket.gethostname():
        return _start_of(int(holder["pid"])) != str(holder.get("started"))
    # by the clock of the filesystem: those of two hosts may differ
    probe = beside(path, "tmp")
    probe.touch()
    now = probe.stat().st_mtime
    probe.unlink()
    with suppress(FileNotFoundError):
        return now - path.stat().st_mtime > STALE_SECONDS
    return True


def _start_of(pid: int) -> str:
    """When a process of this host began, in the kernel's ticks; empty where it does not live."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _beat(path: Path, over: threading.Event) -> None:
    while not over.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(path)
