"""Evaluates models on pretended GPUs (pretended_gpu.cpp) and on the CPU, on one or more ranks.

mpirun -n 2 python on_pretended_gpus.py LIBRARY RESULT.json MODEL_FOLDER...
"""

import ctypes
import importlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.io import read
from mpi4py import MPI

from redoxmc.campaign.parallel import split_ranks
from redoxmc.engines.single_point import Job, SinglePoint, Structure, evaluate

HOST = Path(__file__).parents[2] / "lammps_inputs" / "olivine_nafepo4" / "host.cif"


def structure() -> Structure:
    """NaFePO4, 28 atoms off their sites by 0.05 Å, half of the iron Fe3+."""
    atoms = read(HOST)
    atoms.rattle(0.05, seed=1)
    names = [{"Na": "Na+", "Fe": "Fe2+", "P": "P5+", "O": "O2-"}[one] for one in atoms.symbols]
    for iron in np.flatnonzero(atoms.symbols == "Fe")[::2]:
        names[iron] = "Fe3+"
    return Structure(np.array(atoms.cell), atoms.positions, tuple(names))


def difference(found: SinglePoint, expected: SinglePoint) -> float:
    """The largest one of anything that a model gives, relative to its largest number."""
    assert np.abs(expected.forces).max() > 0.1
    parts = []
    for name, value in expected.__dict__.items():
        if np.size(value):
            parts.append(np.abs(getattr(found, name) - value).max() / np.abs(value).max())
    return float(max(parts))


def main(library: str, out: str, folders: list[str]) -> None:
    """Write, of each rank, differences by model, crossings of a call, and the GPU that was used."""
    gpus = ctypes.CDLL(library, ctypes.RTLD_GLOBAL)  # it must be there when torch looks for GPUs
    importlib.import_module("torch")  # before LAMMPS
    world = MPI.COMM_WORLD
    split_ranks(1)
    found = {}
    for folder in folders:
        job = Job(Path(folder), structure(), pair_style="redoxmc backend torchscript device cpu")
        there = replace(job, pair_style="redoxmc device cuda")
        expected = evaluate(job)
        counts = []
        for one in (there, replace(there, then=("run 0",))):  # the second has two calls more
            [gpus.pretended_crossings(which) for which in range(2)]
            alone = evaluate(one)
            counts.append([gpus.pretended_crossings(which) for which in range(2)])
        found[folder] = {
            "alone": difference(alone, expected),
            "crossings": [(more - few) / 2 for few, more in zip(*counts, strict=True)],
        }
    used = gpus.pretended_used()
    os.environ.pop("REDOXMC_RANK_ON_NODE", None)
    job = Job(Path(folders[0]), structure(), pair_style="redoxmc backend torchscript device cpu")
    there = evaluate(replace(job, pair_style="redoxmc device cuda"), world)
    found["together"] = difference(there, evaluate(job))
    everything = world.gather((found, used, gpus.pretended_used()))
    if everything is not None:
        Path(out).write_text(json.dumps(everything))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
