"""Imports LAMMPS so that it shares MPI with the rest of the process and finds the plugin."""

import os
from importlib import import_module
from typing import Any

from redoxmc.errors import NO_MPI, InputError
from redoxmc.plugin.build import ensure_plugin, name_python


def import_lammps() -> Any:
    """Import the `lammps` module, with the pair style plugin compiled and found.

    mpi4py comes first, since LAMMPS does not find the MPI library by itself. torch is not imported:
    the plugin loads its libraries when a model asks for them. A process that needs torch in Python
    as well imports it before it makes its first LAMMPS, whose slow BLAS would otherwise replace
    torch's (the plugin warns of it).

    Raises InputError where there is no MPI library, and where the plugin cannot be compiled.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # LAMMPS warns where it is absent
    name_python()
    ensure_plugin()
    try:
        import_module("mpi4py.MPI")
    except (ImportError, RuntimeError):
        raise InputError(NO_MPI) from None
    return import_module("lammps")
