"""Labelling structures with an ASE calculator, one frame at a time, from a queue that survives."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.data.assign import Rules
from redoxmc.data.extxyz import COLUMN, read_labelled, species_of, write_labelled
from redoxmc.data.frames import unsound
from redoxmc.data.label import Labelled, label_frames
from redoxmc.data.queue import Queue, frame_key
from redoxmc.data.settings import Settings
from redoxmc.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

WANTED = "wanted_state"  # per-atom column: the charge state that the initial moments asked for
_SCRIPT = Path(__file__).with_name("single_point.py")
_ITERATION = re.compile(r"^iter:\s+\d+\s+\d\d:\d\d:\d\d\s+(-?\d+\.\d+)", re.MULTILINE)  # GPAW's log


class Stopped(Exception):  # noqa: N818 - a request, not an error
    """The worker was asked to stop (STOP, SIGTERM, SIGINT); the queue can be resumed."""


@dataclass
class Outcome:
    """What one worker did. failed: (file, frame, reason), also of frames that failed before."""

    computed: int = 0
    already: int = 0
    elsewhere: int = 0
    failed: list[tuple[str, int, str]] = field(default_factory=list)
    stopped: bool = False


@dataclass(frozen=True)
class Task:
    """A frame to compute: where it comes from, and its key in the queue."""

    file: str
    number: int
    atoms: "Atoms"
    key: str


def read_tasks(paths: Sequence[Path], settings: Settings) -> list[Task]:
    """Read structures with the charge states wanted; InputError for a file that has none."""
    tasks = []
    for path in paths:
        for number, atoms in enumerate(read_labelled(path)):
            key = frame_key(atoms, settings.as_dict())
            tasks.append(Task(str(path), number, atoms, key))
    return tasks


def find_python(calculator: str, python: str = "") -> str:
    """Return the command of a Python that has the calculator.

    python: the one to take; else this one, or the system's, where distributions put their
    packages. Raises InputError where none can import the calculator.
    """
    candidates = [python] if python else [shlex.quote(sys.executable), "/usr/bin/python3"]
    reasons = []
    for candidate in candidates:
        command = [*shlex.split(candidate), str(_SCRIPT), "--check", calculator]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.TimeoutExpired, IndexError) as error:
            reasons.append(f"{candidate} cannot be run ({error})")
            continue
        if done.returncode == 0:
            return candidate
        reasons.append(f"{candidate} says {_last_line(done.stderr)}")
    raise InputError(
        f"the calculator {calculator!r} is not available: {'; '.join(reasons)}. "
        "Choose its Python with --calculator-python."
    )


def work(queue: Queue, tasks: Sequence[Task], settings: Settings, python: str = "") -> Outcome:
    """Compute every frame that has no result and that no other worker holds, one after another.

    python: command of the interpreter that has the calculator; this one where empty. A frame that
    fails is recorded and the next is tried. Raises InputError where results cannot be written.
    """
    python = python or shlex.quote(sys.executable)
    outcome = Outcome()
    with _stop_on_signal():
        try:
            for task in tasks:
                if queue.stop_requested:
                    raise Stopped
                _work_on(task, queue, settings, python, outcome)
        except Stopped:
            outcome.stopped = True
    for task in tasks:
        reason = queue.failure(task.key)
        if reason is not None:
            outcome.failed.append((task.file, task.number, reason))
    return outcome


def _work_on(task: Task, queue: Queue, settings: Settings, python: str, outcome: Outcome) -> None:
    if queue.is_done(task.key):
        outcome.already += 1
        return
    with queue.claim(task.key) as mine:
        if not mine:
            outcome.elsewhere += 1
            return
        try:
            queue.store(task.key, compute_one(task.atoms, settings, python, queue, task.key))
            outcome.computed += 1
        except CalculationError as error:
            queue.store_failure(task.key, str(error))


class CalculationError(RuntimeError):
    """The calculator failed on a frame; the message says how."""


def compute_one(atoms: "Atoms", settings: Settings, python: str, queue: Queue, key: str) -> "Atoms":
    """Compute one frame in a program of its own.

    Returns the frame with energy, forces, and moments and stress where the calculator gives them;
    the column `wanted_state` says which charge order was asked for, `info` how it went. The log of
    the calculator is kept as KEY.log in the queue. Raises CalculationError.
    """
    for left in queue.folder.glob(f"{key}.work.*"):  # by a worker that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{key}.work.", dir=queue.folder))
    except OSError as error:
        raise InputError(f"{queue.folder} cannot be written: {error.strerror}.") from None
    try:
        parameters = dict(settings.parameters)
        if settings.calculator == "gpaw":
            parameters.setdefault("txt", "calculator.txt")
        job = {
            "calculator": settings.calculator,
            "parameters": parameters,
            "profile": settings.profile,
            "symbols": list(atoms.symbols),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.array.tolist(),
            "pbc": atoms.pbc.tolist(),
            "initial_moments": [settings.initial_moment(one) for one in species_of(atoms)],
        }
        try:
            (folder / "job.json").write_text(json.dumps(job))
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}.") from None
        errors = _run(shlex.split(python), folder)
        try:
            result = json.loads((folder / "result.json").read_text())
        except (OSError, ValueError):
            raise CalculationError(errors) from None
        return _frame(atoms, result, _energies(folder))
    finally:
        _keep_log(folder, queue.folder / f"{key}.log")
        shutil.rmtree(folder, ignore_errors=True)


def collect(queue: Queue, tasks: Sequence[Task], out: Path, rules: Rules | None = None) -> Labelled:
    """Label all results so far by their moments and write them; returns what was dropped and why.

    A frame whose charge order did not survive self-consistency is labelled as what it became, with
    `order_kept` False in its `info`.
    """
    entries = []
    for task in tasks:
        frame = queue.result(task.key)
        if frame is not None:
            frame.info["source"] = f"{Path(task.file).name}#{task.number}"
            frame.arrays.pop(COLUMN, None)
            entries.append((task.file, task.number, frame))
    result = label_frames(entries, rules)
    for frame in result.frames:
        kept = list(frame.arrays[COLUMN]) == list(frame.arrays[WANTED].astype(str))
        frame.info["order_kept"] = kept
        if not kept and "order" in frame.info:
            frame.info["wanted_order"] = frame.info.pop("order")
    if result.frames:
        write_labelled(out, result.frames)
    return result


def _run(python: Sequence[str], folder: Path) -> str:
    """Run the single point; returns the last line that it wrote on stderr."""
    with (folder / "output.txt").open("w") as output, (folder / "errors.txt").open("w") as errors:
        child = subprocess.Popen([*python, str(_SCRIPT), str(folder)], stdout=output, stderr=errors)
        try:
            code = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
    text = (folder / "errors.txt").read_text(errors="replace")
    if code < 0:
        return f"the calculator was ended by {signal.Signals(-code).name}"
    return _last_line(text) or f"the calculator ended with exit code {code}"


def _frame(atoms: "Atoms", result: dict[str, Any], energies: list[float]) -> "Atoms":
    from ase.calculators.singlepoint import SinglePointCalculator

    frame = atoms.copy()
    frame.calc = None
    names = ("energy", "free_energy", "forces", "stress", "magmoms")
    values = {name: np.asarray(result[name], dtype=float) for name in names if name in result}
    frame.calc = SinglePointCalculator(frame, **values)
    frame.arrays[WANTED] = frame.arrays.pop(COLUMN)
    frame.info["seconds"] = result["seconds"]
    if "iterations" in result:
        frame.info["scf_iterations"] = result["iterations"]
    if energies:
        frame.info["scf_energies_eV"] = energies
    problem = unsound(frame)
    if problem:
        raise CalculationError(problem)
    return frame


def _energies(folder: Path) -> list[float]:
    """Return the energy (eV) after each iteration, from a log in GPAW's format; else nothing."""
    try:
        text = (folder / "calculator.txt").read_text(errors="replace")
    except OSError:
        return []
    return [float(word) for word in _ITERATION.findall(text)]


def _keep_log(folder: Path, target: Path) -> None:
    """Keep what the calculator said, also of a failed calculation; never a reason to fail."""
    parts = [folder / name for name in ("calculator.txt", "output.txt", "errors.txt")]
    try:
        text = "".join(part.read_text(errors="replace") for part in parts if part.is_file())
        if text:
            target.write_text(text)
    except OSError:
        return


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


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
