"""Compiling generated code, and the cache of what was compiled.

A library is named by everything that determines it: the model file, the precision, this generator,
the compiler and the instructions of the machine. So one made on another kind of CPU is never found.
Beside it lies the hash of the model and its own: a library that was cut off, exchanged or planted
by someone else (see io.cache) is made anew.
"""

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redoxmc.errors import InputError
from redoxmc.io.cache import cache_folder, is_sealed, make_private, prune, remove_stale, seal
from redoxmc.native.compiler import Compiler, find_compiler, first_error, run
from redoxmc.native.errors import CannotGenerateError, NativeUnavailableError

if TYPE_CHECKING:
    from redoxmc.native.source import Source

ARCHITECTURES = ("MACE", "cPaiNN", "CHGNet")
UNUSED_DAYS, MOST_BYTES = 90.0, 1_000_000_000  # of libraries in the cache
SOURCES = Path(__file__).parent
_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")


def library_name(model: bytes, dtype: str, compiler: Compiler | None) -> str:
    """File name of the library for a model file; a pattern where the compiler is None."""
    digest = hashlib.sha256(b"redoxmc native 1\0")
    for part in (model, dtype.encode(), _generator()):
        digest.update(hashlib.sha256(part).digest())
    machine = hashlib.sha256(compiler.identity.encode()).hexdigest()[:12] if compiler else "*"
    return f"native-{digest.hexdigest()[:24]}-{machine}.so"


@functools.cache
def _generator() -> bytes:
    files = sorted(p for p in SOURCES.iterdir() if p.suffix in (".py", ".cpp", ".h"))
    return b"".join(p.name.encode() + p.read_bytes() for p in files)


def native_library(model: Path, dtype: str | None = None, compiler: Compiler | None = None) -> Path:
    """The compiled kernels of an exported model, made now where the cache has none.

    dtype: "float32" or "float64", the model's own where None. Raises NativeUnavailableError with
    one sentence where there can be none; TorchScript can then be used instead.
    """
    from redoxmc.model_card import read_metadata

    metadata = read_metadata(model)
    if metadata["architecture"] not in ARCHITECTURES:
        raise NativeUnavailableError(
            f"{model} is a {metadata['architecture']} model, and native kernels are for "
            f"{', '.join(ARCHITECTURES)}."
        )
    dtype = dtype or str(metadata["dtype"])
    content = model.read_bytes()
    source = hashlib.sha256(content).hexdigest()
    try:
        compiler = compiler or find_compiler()
    except NativeUnavailableError:
        # a compute node without a compiler uses what the login node made, if its CPU can
        for library in sorted(cache_folder().glob(library_name(content, dtype, None))):
            if is_sealed(library, source) and ctypes.CDLL(str(library)).redoxmc_native_usable():
                return library
        raise
    path = cache_folder() / library_name(content, dtype, compiler)
    if is_sealed(path, source):
        return path
    try:
        make_private(path.parent)
        with _lock(path):
            if not is_sealed(path, source):  # another process may have made it meanwhile
                print(f"redoxmc: compiling native kernels for {model}, once ...", file=sys.stderr)
                remove_stale(path.parent, ".compile-*")
                prune(path.parent, "native-*.so", UNUSED_DAYS, MOST_BYTES)
                _generate(model, metadata, dtype, compiler, path)
                seal(path, source)
    except InputError as error:
        raise NativeUnavailableError(str(error)) from None
    except OSError as error:
        raise NativeUnavailableError(
            f"{path.parent} cannot hold compiled kernels: {error.strerror or error}; "
            "set REDOXMC_CACHE to a folder that can be written to."
        ) from None
    return path


def _generate(
    model: Path, metadata: dict[str, Any], dtype: str, compiler: Compiler, path: Path
) -> None:
    from redoxmc.models.export import load_script

    try:
        source = generate(
            load_script(model)[0], metadata["architecture"], dtype, compiler.vector_bytes
        )
    except CannotGenerateError as error:
        raise NativeUnavailableError(
            f"{model} has {error}, which native kernels do not know; TorchScript evaluates it."
        ) from None
    compile_source(source, compiler, path, json.dumps(metadata))


def generate(module: Any, architecture: str, dtype: str, vector_bytes: int) -> "Source":
    """Code for a module of one of ARCHITECTURES, with the edge-vector interface or its script.

    Raises CannotGenerateError naming what the module has that there is no code for.
    """
    module = module.double()
    if architecture == "MACE":
        from redoxmc.native.emit import emit
        from redoxmc.native.reader import read_plan

        return emit(read_plan(module.model), dtype, vector_bytes)
    if architecture == "CHGNet":
        from redoxmc.native.chgnet import read_chgnet
        from redoxmc.native.emit_chgnet import emit_chgnet

        return emit_chgnet(read_chgnet(module), dtype, vector_bytes)
    from redoxmc.native.cpainn import read_cpainn
    from redoxmc.native.emit_cpainn import emit_cpainn

    return emit_cpainn(read_cpainn(module), dtype, vector_bytes)


def compile_source(source: "Source", compiler: Compiler, path: Path, metadata: str = "") -> None:
    """Compile kernels into the shared library path, which appears complete or not at all.

    metadata: of the model, for readers that have nothing but the library.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".compile-") as folder:
        (Path(folder) / "model.h").write_text(source.header, encoding="utf-8")
        (Path(folder) / "weights.bin").write_bytes(source.weights)
        (Path(folder) / "metadata.bin").write_bytes(metadata.encode() + b"\0")
        output = Path(folder) / "kernel.so"
        command = [*compiler.command, *_FLAGS, f"-I{folder}", f"-I{SOURCES}", f"-Wa,-I{folder}"]
        command += ["-o", str(output), str(SOURCES / "kernel.cpp")]
        try:
            try:
                run([*command, "-fopenmp"])
            except subprocess.CalledProcessError:
                run(command)  # a compiler without OpenMP: one thread
        except subprocess.CalledProcessError as error:
            raise NativeUnavailableError(
                f"the C++ compiler {compiler.command[0]!r} failed: {first_error(error)}."
            ) from None
        os.replace(output, path)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep other processes from making the same file; they would only waste their time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w") as handle:
        with contextlib.suppress(OSError):  # file systems without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
