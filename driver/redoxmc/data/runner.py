"""Running single points in a program of their own, under the Python that has the calculator."""

import fcntl
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.data.open_shells import even_moments, held_shells
from redoxmc.data.settings import Settings
from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN, species_of
from redoxmc.io.frames import unsound
from redoxmc.species import Species

if TYPE_CHECKING:
    from ase import Atoms

WANTED = "wanted_state"  # per-atom column: the charge state that the initial moments asked for
_IN_USE = "in_use"  # held (flock) as long as a worker computes in the folder
_SCRIPT = Path(__file__).with_name("single_point.py")
# GPAW's log: energy, log10 of the change of the wave functions, of the density (not in the first)
_ITERATION = re.compile(r"^iter:\s+\d+\s+\d\d:\d\d:\d\d\s+(-?\d+\.\d+)", re.MULTILINE)
_DENSITY = re.compile(r"^iter:\s+\d+\s+\S+\s+\S+\s+\S+\s+(-?\d+\.\d+)c?\s+[+-]\d", re.MULTILINE)


Orbitals = Sequence[Sequence[float]]
_WAVES = 60  # files of wave functions that a queue keeps, 30 to 100 MB each


@dataclass(frozen=True)
class Start:
    """What another geometry of a charge order left: a start for the next ones (`known_start`)."""

    orbitals: Orbitals = ()  # the filled ones
    waves: Path | None = None  # file of wave functions


class CalculationError(RuntimeError):
    """The calculator failed on a frame; the message says how."""


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


def compute_batch(
    batch: "Sequence[Atoms]",
    settings: Settings,
    python: str,
    queue_folder: Path,
    keys: Sequence[str],
    start: Start = Start(),
) -> "Iterator[tuple[int, list[Atoms]]]":
    """Compute frames of one charge order and one cell in a program of its own, one after another.

    keys: their names in the queue. start: of another geometry of this order.

    Yields (index in the batch, frames): the frame with energy, forces, and moments and stress where
    the calculator gives them; with `[relax]` the geometries on the way follow it. The column
    `wanted_state` says which charge order was asked for, `info` how it went. The log of the
    calculator is kept as KEY.log (of the first key) in queue_folder, and the latest wave functions.
    Raises CalculationError where the next frame fails; what was yielded before is sound.
    """
    _clear_leftovers(queue_folder)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{keys[0]}.work.", dir=queue_folder))
        in_use = (folder / _IN_USE).open("w")
        fcntl.flock(in_use, fcntl.LOCK_EX)
    except OSError as error:
        raise InputError(f"{queue_folder} cannot be written: {error.strerror}.") from None
    try:
        job = _job(batch, settings, start)
        try:
            (folder / "job.json").write_text(json.dumps(job))
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}.") from None
        taken: list[Atoms] = []
        logged = 0
        for result in _run(shlex.split(python), folder):
            history, logged = _history(folder, logged)
            taken.append(_frame(batch[result["geometry"]], result, history))
            if result["last"]:
                _keep_waves(folder, queue_folder, keys[result["geometry"]])
                yield result["geometry"], taken
                taken = []
    finally:
        _keep_log(folder, queue_folder / f"{keys[0]}.log")
        shutil.rmtree(folder, ignore_errors=True)
        in_use.close()


def _clear_leftovers(queue_folder: Path) -> None:
    """Remove the folders of workers that were killed: nobody holds the lock inside."""
    for left in queue_folder.glob("*.work.*"):
        try:
            with (left / _IN_USE).open() as in_use:
                fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held, or just being made, or gone
            continue
        shutil.rmtree(left, ignore_errors=True)


def waves_file(queue_folder: Path, key: str) -> Path:
    """Where the wave functions of a frame are, while they are kept."""
    return queue_folder / f"{key}.waves.npz"


def _keep_waves(folder: Path, queue_folder: Path, key: str) -> None:
    """Keep what another geometry may start from; never a reason to fail."""
    try:
        (folder / "waves.npz").replace(waves_file(queue_folder, key))
        kept = queue_folder.glob(waves_file(queue_folder, "*").name)
        for old in sorted(kept, key=lambda path: path.stat().st_mtime)[:-_WAVES]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def _job(batch: "Sequence[Atoms]", settings: Settings, start: Start) -> dict[str, Any]:
    parameters = dict(settings.parameters)
    if settings.calculator == "gpaw":
        parameters.setdefault("txt", "calculator.txt")
    first, species = batch[0], species_of(batch[0])
    return {
        "calculator": settings.calculator,
        "parameters": parameters,
        "profile": settings.profile,
        "symbols": list(first.symbols),
        "positions": [atoms.positions.tolist() for atoms in batch],
        "cell": first.cell.array.tolist(),
        "pbc": first.pbc.tolist(),
        "initial_moments": _initial_moments(species, settings),
        "order": {
            **settings.order,
            "shells": _held_shells(species, settings),
            # another start is asked for where some are to be skipped
            "orbitals": [] if settings.order.get("skip") else list(start.orbitals),
            "waves": None if settings.order.get("skip") or not start.waves else str(start.waves),
        },
        "relax": settings.relax,
    }


def _initial_moments(species: Sequence[Species], settings: Settings) -> list[float]:
    moments = [settings.initial_moment(one) for one in species]
    return even_moments(species, moments) if settings.holds_order else moments


def _held_shells(species: Sequence[Species], settings: Settings) -> list[tuple[int, int, int]]:
    shells = held_shells(species) if settings.holds_order else []
    return [(shell.atom, shell.spin, shell.electrons) for shell in shells]


def _run(python: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Run the program and take its results; CalculationError where it ends before the last."""
    result = folder / "result.json"
    finished = False
    with (folder / "output.txt").open("w") as output, (folder / "errors.txt").open("w") as errors:
        child = subprocess.Popen([*python, str(_SCRIPT), str(folder)], stdout=output, stderr=errors)
        try:
            while not finished:
                finished = child.poll() is not None  # asked before the last look
                if result.exists():
                    yield json.loads(result.read_text())
                    result.unlink()
                elif not finished:
                    time.sleep(0.05)
        finally:
            child.kill()
            code = child.wait()
    text = (folder / "errors.txt").read_text(errors="replace")
    if code < 0:
        raise CalculationError(f"the calculator was ended by {signal.Signals(-code).name}")
    if code:
        raise CalculationError(_last_line(text) or f"the calculator ended with exit code {code}")


def _frame(atoms: "Atoms", result: dict[str, Any], history: dict[str, list[float]]) -> "Atoms":
    from ase.calculators.singlepoint import SinglePointCalculator

    frame = atoms.copy()
    frame.calc = None
    frame.positions = result["positions"]
    if result["step"]:
        frame.info["relaxation_step"] = result["step"]
    names = ("energy", "free_energy", "forces", "stress", "magmoms")
    values = {name: np.asarray(result[name], dtype=float) for name in names if name in result}
    frame.calc = SinglePointCalculator(frame, **values)
    frame.arrays[WANTED] = frame.arrays.pop(COLUMN)
    frame.info["seconds"] = result["seconds"]
    if "iterations" in result:
        frame.info["scf_iterations"] = result["iterations"]
    if "grid_points" in result:
        frame.info["grid_points"] = result["grid_points"]
    if "orbitals_kept" in result:
        frame.info["orbitals_kept"] = round(result["orbitals_kept"], 4)
    if result.get("orbitals"):
        frame.info["orbitals"] = result["orbitals"]
    frame.info.update(history)
    problem = unsound(frame)
    if problem:
        raise CalculationError(problem)
    return frame


def _history(folder: Path, start: int = 0) -> tuple[dict[str, list[float]], int]:
    """Return what a log in GPAW's format says of the iterations from a place on, and its length.

    The energy (eV) after each, and the density error (log10, per electron) where it is known.
    Nothing without a log.
    """
    try:
        text = (folder / "calculator.txt").read_text(errors="replace")
    except OSError:
        return {}, start
    columns = {
        "scf_energies_eV": _ITERATION.findall(text[start:]),
        "scf_log10_density": _DENSITY.findall(text[start:]),
    }
    history = {name: [float(word) for word in words] for name, words in columns.items() if words}
    return history, len(text)


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
