"""Single points of one charge order with an ASE calculator, as a program of its own.

It runs under the Python that has the calculator, which need not be the one that has redoxmc: only
the standard library, numpy, ASE and, for GPAW, the folder gpaw beside it are imported. A calculator
that crashes takes no queue with it.

`python single_point.py --check NAME` tells whether the calculator can be imported.
`python single_point.py FOLDER` reads FOLDER/job.json and computes its geometries one after another,
each from the density of the one before, and where the job says so some steps of a relaxation. Each
is written to FOLDER/result.json; the next one starts when that file has been taken away.
"""

import ctypes
import importlib
import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np

_THIS_FILE = os.path.realpath(__file__)


def main() -> int:
    """Exit code 0 and a result, or 1 and the reason as the last line on stderr."""
    _die_with_parent()
    # Python puts the folder of a script first on its path: our modules would hide others' (queue).
    sys.path[:] = [p for p in sys.path if os.path.realpath(p) != os.path.dirname(_THIS_FILE)]
    try:
        if sys.argv[1] == "--check":
            calculator_class(sys.argv[2])
            return 0
        _run(sys.argv[1])
    except Exception as error:
        traceback.print_exc()
        words = " ".join(str(error).split())
        print(
            f"{type(error).__name__}: {words}" if words else type(error).__name__, file=sys.stderr
        )
        return 1
    return 0


def calculator_class(name: str) -> Any:
    """Return the class of an ASE calculator by its ASE name, or of any other by MODULE:CLASS."""
    if ":" in name:
        module, _, attribute = name.partition(":")
        return getattr(importlib.import_module(module), attribute)
    if name == "gpaw":
        return importlib.import_module("gpaw").GPAW
    from ase.calculators.calculator import get_calculator_class

    return get_calculator_class(name)


def _run(folder: str) -> None:
    from ase import Atoms

    with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
        job = json.load(file)
    os.chdir(folder)
    atoms = Atoms(job["symbols"], positions=job["positions"][0], cell=job["cell"], pbc=job["pbc"])
    atoms.set_initial_magnetic_moments(job["initial_moments"])
    parameters = dict(job["parameters"])
    if job["profile"]:
        parameters["profile"] = _profile(job["calculator"], job["profile"])
    hold = None
    if job["calculator"] == "gpaw":
        hold = _impose_order(job["order"], parameters)
        mode = parameters.get("mode")
        if "h" in parameters and isinstance(mode, dict) and mode.get("name") == "pw":
            parameters["gpts"] = _beside("grid").even_grid(job["cell"], parameters.pop("h"))
    waves = _beside("waves")
    if hold is not None and job["order"].get("waves"):
        waves.start_from(job["order"]["waves"], hold)
    atoms.calc = calculator_class(job["calculator"])(**parameters)
    for number, positions in enumerate(job["positions"]):
        drift = _drift(atoms, positions) if hold is not None else 0.0
        atoms.positions = np.asarray(positions) - drift
        for step, last in _steps(atoms, job.get("relax", {})):
            result = {"geometry": number, "step": step, "last": last, **_evaluated(atoms, hold)}
            result["positions"] = (np.asarray(result["positions"]) + drift).tolist()
            if hold is not None:
                hold.warm = True  # the geometries to come
                waves.write_waves("waves.npz", atoms.calc)
            _hand_over(result)


def _drift(atoms: Any, positions: Any) -> Any:
    """How far (Å) the whole crystal lies from where it was: waves do not follow it there."""
    moved = np.linalg.solve(atoms.cell.array.T, (np.asarray(positions) - atoms.positions).T).T
    return (moved - np.round(moved)).mean(axis=0) @ atoms.cell.array


def _steps(atoms: Any, relax: dict[str, float]) -> Iterator[tuple[int, bool]]:
    """Yield the geometries to evaluate: the number of the step, and whether it is the last."""
    steps = int(relax.get("steps", 0))
    if steps == 0:
        yield 0, True
        return
    from ase.optimize import BFGS

    optimizer = BFGS(atoms, logfile=None, maxstep=relax["longest"])
    for step, converged in enumerate(optimizer.irun(fmax=relax["force"], steps=steps)):
        last = bool(converged) or step == steps
        yield step, last
        if last:
            return


def _evaluated(atoms: Any, hold: Any) -> dict[str, Any]:
    """Energy, forces and what else the calculator gives of a geometry."""
    started = time.time()
    result: dict[str, Any] = {"energy": float(atoms.get_potential_energy())}
    result["positions"] = atoms.positions.tolist()
    result["forces"] = atoms.get_forces(apply_constraint=False).tolist()
    for name, get in (
        ("free_energy", lambda: float(atoms.get_potential_energy(force_consistent=True))),
        ("magmoms", lambda: atoms.get_magnetic_moments().tolist()),
        ("stress", lambda: atoms.get_stress(apply_constraint=False).tolist()),
        ("iterations", lambda: int(atoms.calc.get_number_of_iterations())),
        ("grid_points", lambda: atoms.calc.density.gd.N_c.tolist()),  # GPAW alone
    ):
        try:
            result[name] = get()
        except Exception as error:  # calculators differ in what they give and in how they refuse
            print(f"no {name}: {error}")
    if hold is not None:
        kept = hold.kept(atoms.calc.setups, atoms.calc.density)
        if kept is not None:
            result["orbitals_kept"] = kept
        filled = hold.filled(atoms.calc.setups, atoms.calc.density)
        result["orbitals"] = [
            [shell.atom, shell.spin, *hold.shell_tools.to_triangle(projector)]
            for shell, projector in filled.items()
        ]
    result["seconds"] = round(time.time() - started, 1)
    return result


def _hand_over(result: dict[str, Any]) -> None:
    """Write a result, and wait until it has been taken, so that none is lost at a kill."""
    with open("result.part", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace("result.part", "result.json")
    while os.path.exists("result.json"):
        time.sleep(0.02)


def _impose_order(settings: dict[str, Any], parameters: dict[str, Any]) -> Any:
    """Offer the joint mixing to GPAW, and hold the shells [atom, spin, electrons] in order.

    settings["orbitals"]: those to begin with, [atom, spin, upper triangle of the projector].
    """
    mixing, shells, order, turning = map(_beside, ("mixing", "shells", "order", "turning"))
    _beside("projectors").keep_projectors()
    mixers = mixing.use_joint_mixer()
    held = [order.HeldShell(*map(int, one)) for one in settings.get("shells", [])]
    if not held:
        return None
    fixed = parameters.get("experimental", {}).get("niter_fixdensity", 0)
    if fixed < 1:
        raise ValueError("order needs experimental.niter_fixdensity of at least 1")
    strength = (settings[name] for name in ("potential", "release", "threshold"))
    rest = fixed, int(settings["skip"]), mixers, shells, turning.turn_orbitals
    hold = order.OrderHold(held, *strength, *rest)
    electrons = {(shell.atom, shell.spin): shell.electrons for shell in held}
    for atom, spin, *numbers in settings.get("orbitals", []):
        place = int(atom), int(spin)
        hold.known[place] = shells.from_triangle(numbers, electrons[place])
    _beside("held_loop").hold_order(hold)
    return hold


def _beside(name: str) -> Any:
    """Import a module of the folder gpaw beside this file by its path, without its package."""
    path = os.path.join(os.path.dirname(_THIS_FILE), "gpaw", f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"redoxmc_gpaw_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _profile(calculator: str, settings: dict[str, Any]) -> Any:
    """Build the profile (command, folder of pseudopotentials) that newer ASE calculators take."""
    module = importlib.import_module(f"ase.calculators.{calculator}")
    names = [n for n in vars(module) if n.lower() == f"{calculator}profile"]
    if not names:
        raise ValueError(f"the ASE calculator {calculator} takes no [profile]")
    return getattr(module, names[0])(**settings)


def _die_with_parent() -> None:
    """Ask the kernel (Linux) to end this program when the worker that started it is killed."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        return


if __name__ == "__main__":
    sys.exit(main())
