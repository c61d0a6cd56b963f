"""One single point with an ASE calculator, as a program of its own.

It runs under the Python that has the calculator, which need not be the one that has redoxmc: only
the standard library, numpy, ASE and, for GPAW, gpaw_order.py beside it are imported. A calculator
that crashes takes no queue with it.

`python single_point.py --check NAME` tells whether the calculator can be imported.
`python single_point.py FOLDER` reads FOLDER/job.json, computes, writes FOLDER/result.json.
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
from typing import Any

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
    atoms = Atoms(job["symbols"], positions=job["positions"], cell=job["cell"], pbc=job["pbc"])
    atoms.set_initial_magnetic_moments(job["initial_moments"])
    parameters = dict(job["parameters"])
    if job["profile"]:
        parameters["profile"] = _profile(job["calculator"], job["profile"])
    if job["calculator"] == "gpaw":
        _impose_order(job.get("order_potentials", []), job.get("order_iterations", 0))
    started = time.time()
    atoms.calc = calculator_class(job["calculator"])(**parameters)
    result: dict[str, Any] = {"energy": float(atoms.get_potential_energy())}
    result["forces"] = atoms.get_forces(apply_constraint=False).tolist()
    for name, get in (
        ("free_energy", lambda: float(atoms.get_potential_energy(force_consistent=True))),
        ("magmoms", lambda: atoms.get_magnetic_moments().tolist()),
        ("stress", lambda: atoms.get_stress(apply_constraint=False).tolist()),
        ("iterations", lambda: int(atoms.calc.get_number_of_iterations())),
    ):
        try:
            result[name] = get()
        except Exception as error:  # calculators differ in what they give and in how they refuse
            print(f"no {name}: {error}")
    result["seconds"] = round(time.time() - started, 1)
    with open("result.part", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace("result.part", "result.json")


def _impose_order(potentials: list[list[float]], iterations: int) -> None:
    """Offer the joint mixing, and hold the order: (atom, eV, spin) for so many iterations."""
    path = os.path.join(os.path.dirname(_THIS_FILE), "gpaw_order.py")
    spec = importlib.util.spec_from_file_location("gpaw_order", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    order = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(order)
    mixers = order.use_joint_mixer()
    if potentials and iterations:
        held = {int(atom): (potential, int(spin)) for atom, potential, spin in potentials}
        order.hold_order(held, iterations, mixers)


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
