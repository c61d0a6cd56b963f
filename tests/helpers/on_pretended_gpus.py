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
from mpi4py import MPI

from redoxmc.campaign.parallel import split_ranks
from redoxmc.engines.single_point import Job, SinglePoint, Structure, evaluate


def structure() -> Structure:
    """27 atoms of all species, some 2.4 Å apart."""
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    rng = np.random.default_rng(1)
    names = ("Na+", "Fe2+", "Fe3+", "P5+", "O2-", "O2-")
    positions = 2.4 * grid + rng.normal(0, 0.1, (27, 3))
    return Structure(7.2 * np.eye(3), positions, tuple(rng.choice(names, 27).tolist()))


def difference(found: SinglePoint, expected: SinglePoint) -> float:
    """The largest one of anything that a model gives."""
    assert np.abs(expected.forces).max() > 0.1
    pairs = [(getattr(found, name), getattr(expected, name)) for name in expected.__dict__]
    return max(float(np.abs(np.subtract(a, b)).max(initial=0.0)) for a, b in pairs)


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
    for folder in folders if world.Get_size() > 1 else ():
        job = Job(Path(folder), structure(), pair_style="redoxmc device cuda")
        expected = evaluate(replace(job, pair_style="redoxmc backend torchscript device cpu"))
        found[folder]["together"] = difference(evaluate(job, world), expected)
    everything = world.gather((found, used, gpus.pretended_used()))
    if everything is not None:
        Path(out).write_text(json.dumps(everything))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
