"""Running one single point in a program of its own, under the Python that has the calculator."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
_SCRIPT = Path(__file__).with_name("single_point.py")
# GPAW's log: energy, log10 of the change of the wave functions, of the density (not in the first)
_ITERATION = re.compile(r"^iter:\s+\d+\s+\d\d:\d\d:\d\d\s+(-?\d+\.\d+)", re.MULTILINE)
_DENSITY = re.compile(r"^iter:\s+\d+\s+\S+\s+\S+\s+\S+\s+(-?\d+\.\d+)c?\s+[+-]\d", re.MULTILINE)


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


def compute_one(
    atoms: "Atoms", settings: Settings, python: str, queue_folder: Path, key: str
) -> "Atoms":
    """Compute one frame in a program of its own.

    Returns the frame with energy, forces, and moments and stress where the calculator gives them;
    the column `wanted_state` says which charge order was asked for, `info` how it went. The log of
    the calculator is kept as KEY.log in queue_folder. Raises CalculationError.
    """
    for left in queue_folder.glob(f"{key}.work.*"):  # by a worker that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{key}.work.", dir=queue_folder))
    except OSError as error:
        raise InputError(f"{queue_folder} cannot be written: {error.strerror}.") from None
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
            "initial_moments": _initial_moments(species_of(atoms), settings),
            "order": {**settings.order, "shells": _held_shells(species_of(atoms), settings)},
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
        return _frame(atoms, result, _history(folder))
    finally:
        _keep_log(folder, queue_folder / f"{key}.log")
        shutil.rmtree(folder, ignore_errors=True)


def _initial_moments(species: Sequence[Species], settings: Settings) -> list[float]:
    moments = [settings.initial_moment(one) for one in species]
    return even_moments(species, moments) if settings.holds_order else moments


def _held_shells(species: Sequence[Species], settings: Settings) -> list[tuple[int, int, int]]:
    shells = held_shells(species) if settings.holds_order else []
    return [(shell.atom, shell.spin, shell.electrons) for shell in shells]


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


def _frame(atoms: "Atoms", result: dict[str, Any], history: dict[str, list[float]]) -> "Atoms":
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
    if "orbitals_kept" in result:
        frame.info["orbitals_kept"] = round(result["orbitals_kept"], 4)
    frame.info.update(history)
    problem = unsound(frame)
    if problem:
        raise CalculationError(problem)
    return frame


def _history(folder: Path) -> dict[str, list[float]]:
    """Return what a log in GPAW's format says of the iterations; nothing without one.

    The energy (eV) after each, and the density error (log10, per electron) from the second on.
    """
    try:
        text = (folder / "calculator.txt").read_text(errors="replace")
    except OSError:
        return {}
    columns = {
        "scf_energies_eV": _ITERATION.findall(text),
        "scf_log10_density": _DENSITY.findall(text),
    }
    return {name: [float(word) for word in words] for name, words in columns.items() if words}


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
