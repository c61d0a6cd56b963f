"""What the command line says where something that it needs is missing."""

import os
import subprocess
import sys

from conftest import HOST, REFERENCE

MAIN = "from redoxmc.cli.main import main; main()"


def redoxmc(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_a_missing_mpi_library_is_one_sentence(tmp_path):
    nowhere = str(tmp_path / "libmpi.so.12")
    done = redoxmc("energy", HOST, "--model", REFERENCE, MPI4PY_LIBMPI=nowhere)
    assert done.returncode == 2
    assert "no MPI library was found" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_goes_on_without_mpi(tmp_path):
    done = redoxmc("doctor", MPI4PY_LIBMPI=str(tmp_path / "libmpi.so.12"))
    assert done.returncode == 1
    assert "cannot load MPI library" in done.stdout
    assert "threads of a rank" in done.stdout
