"""Single points on several ranks, from a process that has one.

As a program, `mpirun -n 2 python -m redoxmc.engines.on_ranks FOLDER` does every `job-*.npz` of a
folder and writes `result-*.npz` beside it; `evaluate_on_ranks` calls it so.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from redoxmc.engines.single_point import Job, SinglePoint, Structure, evaluate
from redoxmc.errors import EngineError, InputError


def evaluate_on_ranks(jobs: Sequence[Job], ranks: int, timeout: float = 600.0) -> list[SinglePoint]:
    """Evaluate jobs in a new `mpirun -n RANKS`.

    Raises InputError where there is no mpirun, EngineError where a job fails.
    """
    mpirun = shutil.which("mpirun", path=str(Path(sys.prefix) / "bin")) or shutil.which("mpirun")
    if mpirun is None:
        raise InputError("no mpirun found: pip install mpich, or load the cluster's MPI module.")
    with tempfile.TemporaryDirectory() as scratch:
        for k, job in enumerate(jobs):
            _write_job(Path(scratch) / f"job-{k:04d}.npz", job)
        command = [mpirun, "-n", str(ranks), sys.executable, "-m", __spec__.name, scratch]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"{ranks} ranks did not finish within {timeout:.0f} s") from None
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise EngineError(f"on {ranks} ranks: {' '.join(last)}")
        results = []
        for k in range(len(jobs)):
            with np.load(Path(scratch) / f"result-{k:04d}.npz") as data:
                if "error" in data:
                    raise EngineError(str(data["error"]))
                results.append(SinglePoint(**{**data, "energy": float(data["energy"])}))
    return results


def _write_job(path: Path, job: Job) -> None:
    settings = {
        "model": str(job.model.resolve()),
        "commands": job.commands,
        "pair_style": job.pair_style,
        "then": job.then,
    }
    np.savez(
        path,
        cell=job.structure.cell,
        positions=job.structure.positions,
        species=np.array(job.structure.species),
        settings=np.array(json.dumps(settings)),
    )


def _read_job(path: Path) -> Job:
    with np.load(path) as data:
        settings = json.loads(str(data["settings"]))
        structure = Structure(data["cell"], data["positions"], tuple(map(str, data["species"])))
    return Job(
        Path(settings["model"]),
        structure,
        tuple(settings["commands"]),
        settings["pair_style"],
        tuple(settings["then"]),
    )


def _work(folder: Path) -> None:
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    for path in sorted(folder.glob("job-*.npz")):
        try:
            result = evaluate(_read_job(path), comm).__dict__
        except (EngineError, InputError) as error:
            result = {"error": np.array(str(error))}
        if comm.rank == 0:
            np.savez(path.with_name(path.name.replace("job", "result")), **result)


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
