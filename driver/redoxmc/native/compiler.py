"""The C++ compiler of this machine, and what its CPU can do."""

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass

from redoxmc.native.errors import NativeUnavailableError

_VECTOR_BYTES = (("__AVX512F__", 64), ("__AVX__", 32), ("__SSE2__", 16), ("__ARM_NEON", 16))


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler for this machine."""

    command: tuple[str, ...]  # the compiler with the flags that select the machine's instructions
    identity: str  # a text that differs between compilers and between kinds of CPU
    vector_bytes: int  # size of the vector registers; 8 where there are none


def find_compiler(name: str | None = None, scalar: bool = False) -> Compiler:
    """The compiler `name`, or `$CXX`, or the first of g++, clang++, c++.

    scalar: do not use vector instructions. Raises NativeUnavailableError where none works.
    """
    return _find_compiler(name or os.environ.get("CXX", ""), scalar)


@functools.cache
def _find_compiler(wanted: str, scalar: bool) -> Compiler:
    names = wanted.split() or next(
        ([n] for n in ("g++", "clang++", "c++") if shutil.which(n)), ["g++"]
    )
    problem = "it does not exist"
    for machine in ([] if scalar else ["-march=native"], ["-mcpu=native"], []):
        command = (*names, *machine)
        try:
            macros = run([*command, "-dM", "-E", "-x", "c++", os.devnull])
            version = run([*names, "--version"])
        except FileNotFoundError:
            break
        except subprocess.CalledProcessError as error:
            problem = first_error(error)
            continue
        defined = sorted(macros.splitlines())
        size = next((n for macro, n in _VECTOR_BYTES if f"#define {macro} 1" in defined), 8)
        identity = "\n".join([*command, version, *defined])
        return Compiler(command, identity, 8 if scalar else size)
    raise NativeUnavailableError(
        f"the C++ compiler {' '.join(names)!r} cannot be used: {problem}; set CXX to another."
    )


def run(command: list[str]) -> str:
    """Run a compiler and give what it prints; CalledProcessError where it fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def first_error(error: subprocess.CalledProcessError) -> str:
    """The line that says why a compiler failed."""
    lines = [line for line in str(error.stderr).splitlines() if line.strip()]
    wanted = [line for line in lines if "error" in line.lower()] or lines
    return wanted[0].strip().rstrip(".") if wanted else f"it ended with code {error.returncode}"
