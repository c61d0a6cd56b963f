"""What a force call of a model costs in LAMMPS, for its card.

    python -m redoxmc.models.speed potentials/mace-nafepo4 [MORE FOLDERS]

writes the table [speed] into each `card.toml`: CPU time of one rank on this machine (set
OMP_NUM_THREADS=1), which other processes disturb less than wall time.
"""

import statistics
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.engines.single_point import Job, Structure, evaluate
from redoxmc.errors import InputError
from redoxmc.io.files import write_atomically
from redoxmc.io.structure import read_structure
from redoxmc.io.toml_text import toml_text
from redoxmc.model_card import load_card

ATOMS = 400  # at least: the costs per atom of 400 and of 3,000 atoms hardly differ
STEPS, ROUNDS = 10, 5
_CALLS = ("fix move all nve", "timestep 1e-6", "thermo 0")


def measure_speed(folder: Path, atoms: int = ATOMS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Time force calls on the model's example, repeated to at least so many atoms.

    Two runs of molecular dynamics that move nothing and differ in length are timed; their
    difference is free of what LAMMPS does to begin. The result is the median over the rounds.
    Raises InputError where the card names no example.
    """
    card = load_card(folder)
    if "example" not in card.raw:
        raise InputError(f"{folder}/card.toml names no example structure to time the model on.")
    example = read_structure(card.folder / card.raw["example"], card.species)
    lengths = np.linalg.norm(example.cell.array, axis=1)
    repeats = np.ones(3, dtype=int)
    while len(example) * repeats.prod() < atoms:
        repeats[np.argmin(repeats * lengths)] += 1
    example = example.repeat(tuple(int(n) for n in repeats))
    job = Job(folder, Structure.from_atoms(example))
    _cpu_time(job, 1)  # loads libraries, and compiles native kernels where there are none yet
    costs = []
    for _ in range(rounds):
        few, many = (_cpu_time(job, steps) for steps in (1, 1 + STEPS))
        costs.append((many - few) / STEPS / len(example))
    return {
        "us_per_atom_and_force_call": float(f"{1e6 * statistics.median(costs):.3g}"),
        "atoms": len(example),
        "ranks": 1,
        "processor": _processor(),
    }


def _cpu_time(job: Job, steps: int) -> float:
    start = time.process_time()
    evaluate(replace(job, then=(*_CALLS, f"run {steps} post no")))
    return time.process_time() - start


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def write_speed(folder: Path, **settings: int) -> dict[str, Any]:
    """Measure, and put the result into the card; returns the new table."""
    speed = measure_speed(folder, **settings)
    path = folder / "card.toml"
    card = tomllib.loads(path.read_text(encoding="utf-8"))
    write_atomically(path, toml_text({**card, "speed": speed}))
    return speed


def main(arguments: Sequence[str]) -> None:
    """Command line of this module."""
    import torch  # before LAMMPS, whose BLAS would replace torch's

    torch.set_num_threads(1)
    if not arguments:
        raise SystemExit("which model folders? python -m redoxmc.models.speed potentials/NAME ...")
    for folder in arguments:
        print(f"{folder}: {write_speed(Path(folder))['us_per_atom_and_force_call']} µs per atom")


if __name__ == "__main__":
    main(sys.argv[1:])
