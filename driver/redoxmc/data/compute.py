"""Labelling structures with an ASE calculator, one frame at a time, from a queue that survives."""

import json
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from redoxmc.data.assign import Rules
from redoxmc.data.basis_set import Basis, correct
from redoxmc.data.known_start import known_start
from redoxmc.data.label import Labelled, label_frames
from redoxmc.data.queue import Queue, frame_key
from redoxmc.data.runner import WANTED, CalculationError, Start, compute_batch
from redoxmc.data.settings import Settings
from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN, read_labelled, write_labelled
from redoxmc.io.files import write_atomically

if TYPE_CHECKING:
    from ase import Atoms

_AT_ONCE = 4  # frames that a worker takes at a time


class Stopped(Exception):  # noqa: N818 - a request, not an error
    """The worker was asked to stop (STOP, SIGTERM, SIGINT); the queue can be resumed."""


@dataclass
class Outcome:
    """What one worker did."""

    computed: int = 0  # frames
    already: int = 0  # known before
    elsewhere: int = 0  # in work at another worker
    # (file, frame, reason), also of frames that failed before
    failed: list[tuple[str, int, str]] = field(default_factory=list)
    stopped: bool = False  # on request


@dataclass(frozen=True)
class Task:
    """A frame to compute."""

    file: str  # where it comes from
    number: int  # in the file
    atoms: "Atoms"
    key: str  # in the queue


def read_tasks(paths: Sequence[Path], settings: Settings) -> list[Task]:
    """Read structures with the charge states wanted; InputError for a file that has none."""
    tasks = []
    for path in paths:
        for number, atoms in enumerate(read_labelled(path)):
            key = frame_key(atoms, settings.what_counts())
            tasks.append(Task(str(path), number, atoms, key))
    return tasks


def work(
    queue: Queue,
    tasks: Sequence[Task],
    settings: Settings,
    python: str = "",
    after_each: Callable[[], object] = lambda: None,
) -> Outcome:
    """Compute every frame that has no result and that no other worker holds, one after another.

    python: command of the interpreter that has the calculator; this one where empty. A frame that
    fails is recorded and the next is tried. after_each: called when a frame is done or has failed.
    Raises InputError where results cannot be written.
    """
    python = python or shlex.quote(sys.executable)
    outcome = Outcome()
    with _stop_on_signal():
        try:
            for batch in batches(tasks):
                waiting = batch
                while waiting:
                    if queue.stop_requested:
                        raise Stopped
                    waiting = _work_on(waiting, tasks, queue, settings, python, outcome, after_each)
        except Stopped:
            outcome.stopped = True
    for task in tasks:
        reason = queue.failure(task.key)
        if reason is not None:
            outcome.failed.append((task.file, task.number, reason))
    return outcome


def batches(tasks: Sequence[Task]) -> list[list[Task]]:
    """Return the tasks in groups of one charge order and one cell, in the order of their first.

    The frames of a group start from the density of the one before.
    """
    groups: dict[bytes, list[list[Task]]] = {}
    result: list[list[Task]] = []
    for task in tasks:
        atoms = task.atoms
        same = " ".join(atoms.arrays[COLUMN]).encode() + atoms.cell.array.tobytes()
        of_kind = groups.setdefault(same, [])
        if not of_kind or len(of_kind[-1]) == _AT_ONCE:
            of_kind.append([])
            result.append(of_kind[-1])
        of_kind[-1].append(task)
    return result


def _work_on(
    batch: Sequence[Task],
    tasks: Sequence[Task],
    queue: Queue,
    settings: Settings,
    python: str,
    outcome: Outcome,
    after_each: Callable[[], object],
) -> list[Task]:
    """Compute what is open of a batch; returns what is to be tried once more, with a new start."""
    with ExitStack() as claims:
        mine = []
        for task in batch:
            if queue.is_done(task.key):
                outcome.already += 1
            elif claims.enter_context(queue.claim(task.key)):
                mine.append(task)
            else:
                outcome.elsewhere += 1
        if not mine:
            return []
        done = 0
        try:
            frames = [task.atoms for task in mine]
            start = Start()
            if settings.holds_order:
                candidates = [(task.atoms, task.key) for task in tasks]
                start = known_start(mine[0].atoms, candidates, queue)
            keys = [task.key for task in mine]
            for index, computed in compute_batch(
                frames, settings, python, queue.folder, keys, start
            ):
                for frame in computed:
                    frame.info["key"] = mine[index].key
                queue.store(mine[index].key, computed)
                outcome.computed += 1
                done += 1
                after_each()
        except CalculationError as error:
            if done:  # the density of another geometry may be what it failed from
                return mine[done:]
            queue.store_failure(mine[0].key, str(error))
            after_each()
            return mine[1:]
    return []


def adopt(queue: Queue, tasks: Sequence[Task], out: Path) -> int:
    """Take over what an earlier queue left in out and OUT.failed.json; returns how many frames.

    So a labelled file can be carried to another machine, without its queue, and continued there.
    """
    open_keys = {task.key for task in tasks if not queue.is_done(task.key)}
    by_key: dict[str, list[Atoms]] = {}
    for frame in read_labelled(out) if open_keys and out.exists() else []:
        if frame.info.get("key") in open_keys:
            by_key.setdefault(str(frame.info["key"]), []).append(frame)
    for key, frames in by_key.items():
        queue.store(key, frames)
    adopted = len(by_key)
    for key, reason in read_failures(out).items():
        if key in open_keys:
            queue.store_failure(key, reason)
            adopted += 1
    return adopted


def _failures_file(out: Path) -> Path:
    return out.with_name(out.name + ".failed.json")


def read_failures(out: Path) -> dict[str, str]:
    """Return why frames have no label in `out`, by key, from the file beside it."""
    try:
        text = _failures_file(out).read_text(encoding="utf-8")
        return {str(key): str(reason) for key, reason in json.loads(text).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"{_failures_file(out)} cannot be read ({error}); remove it to try its frames again."
        ) from None


def collect(
    queue: Queue,
    tasks: Sequence[Task],
    out: Path,
    rules: Rules | None = None,
    basis: Basis | None = None,
) -> Labelled:
    """Label all results so far by their moments and write them; returns what was dropped and why.

    A frame whose charge order did not survive self-consistency is labelled as what it became, with
    `order_kept` False in its `info`. basis: what energies and stresses are corrected for; the queue
    keeps them as they were computed.
    """
    entries = []
    for task in tasks:
        for frame in queue.result(task.key):
            frame.info["source"] = f"{Path(task.file).name}#{task.number}"
            frame.arrays.pop(COLUMN, None)
            if basis is not None:
                correct(frame, basis)
            entries.append((task.file, task.number, frame))
    result = label_frames(entries, rules)
    for frame in result.frames:
        kept = list(frame.arrays[COLUMN]) == list(frame.arrays[WANTED].astype(str))
        frame.info["order_kept"] = kept
        if not kept and "order" in frame.info:
            frame.info["wanted_order"] = frame.info.pop("order")
    if result.frames:
        write_labelled(out, result.frames)
    failures = {task.key: reason for task in tasks if (reason := queue.failure(task.key))}
    if failures:
        write_atomically(_failures_file(out), json.dumps(failures, indent=1) + "\n")
    else:
        _failures_file(out).unlink(missing_ok=True)
    return result


@contextmanager
def _stop_on_signal() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into Stopped while the block runs."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    previous = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)
