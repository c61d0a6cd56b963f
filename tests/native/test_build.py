"""Compiling and caching: one sentence for everything that can go wrong, and no half files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_calls import NativeModel
from native_models import export

from redoxmc.native.build import library_name, native_library
from redoxmc.native.compiler import find_compiler
from redoxmc.native.errors import NativeUnavailableError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export(tmp_path_factory.mktemp("model"), l_max=1, n_layers=1, channels=4)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REDOXMC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def script(path: Path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def refusal(model):
    with pytest.raises(NativeUnavailableError) as error:
        native_library(model)
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_the_second_time_nothing_is_compiled(model, cache, monkeypatch):
    path = native_library(model)
    before = path.stat().st_mtime_ns
    monkeypatch.setattr("redoxmc.native.build._generate", lambda *_: pytest.fail("compiled again"))
    assert native_library(model) == path
    assert path.stat().st_mtime_ns == before
    assert sorted(p.suffix for p in cache.iterdir()) == [".json", ".lock", ".so"]


def replace_bytes(path, content):
    """Put another file in its place: this process may have the old one mapped."""
    path.unlink()
    path.write_bytes(content)


def test_no_compiler(model, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "'no-such-compiler'" in refusal(model)
    assert "does not exist" in refusal(model)


def test_without_a_compiler_the_library_of_another_node_is_used(model, monkeypatch):
    path = native_library(model)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert native_library(model) == path
    replace_bytes(path, b"")
    assert "no-such-compiler" in refusal(model)


def test_a_compiler_that_fails(model, cache, tmp_path, monkeypatch):
    text = (
        f'case "$*" in *kernel.cpp*) echo "kernel.cpp:1: error: it is full" >&2; exit 1;; esac\n'
        f'exec {find_compiler().command[0]} "$@"\n'
    )
    monkeypatch.setenv("CXX", script(tmp_path / "broken", text))
    assert "it is full" in refusal(model)
    assert not [p for p in cache.iterdir() if p.suffix == ".so" or p.is_dir()]


def test_a_compiler_that_knows_no_machine_option_is_used_without(model, tmp_path, monkeypatch):
    text = (
        'case "$*" in *native*) echo "error: unknown option" >&2; exit 1;; esac\n'
        f'exec {find_compiler().command[0]} "$@"\n'
    )
    monkeypatch.setenv("CXX", script(tmp_path / "plain", text))
    assert "-march=native" not in find_compiler().command
    assert find_compiler().vector_bytes in (8, 16)


def test_a_cache_that_cannot_be_written(model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REDOXMC_CACHE", str(tmp_path / "file" / "cache"))
    assert "REDOXMC_CACHE" in refusal(model)


def test_two_processes_at_once_share_one_library(model, cache):
    command = [sys.executable, "-m", "redoxmc.native", str(model)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120)[0].splitlines()[-1] for process in both]
    assert answers[0] == answers[1]
    assert answers[0].startswith("ok ")
    assert len(list(cache.glob("*.so"))) == 1
    assert NativeModel(Path(answers[0][3:])).n_layers == 1


def test_another_cpu_compiler_or_precision_is_another_library(model):
    vectors, scalar = find_compiler(), find_compiler(scalar=True)
    content = model.read_bytes()
    names = {
        library_name(content, "float64", vectors),
        library_name(content, "float32", vectors),
        library_name(content, "float64", scalar),
        library_name(content + b"0", "float64", vectors),
    }
    assert len(names) == 4


@pytest.mark.parametrize("length", [0, 40, 5000])
def test_a_library_that_was_cut_off_is_made_anew(model, length):
    path = native_library(model)
    whole = path.read_bytes()
    replace_bytes(path, whole[:length])
    assert native_library(model) == path
    assert len(path.read_bytes()) == len(whole)


def test_a_file_that_is_no_library_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "k.so").write_text("something else")
    with pytest.raises(NativeUnavailableError, match="cannot be loaded"):
        NativeModel(tmp_path / "k.so")


def test_export_says_where_they_are_or_why_not(model, monkeypatch):
    from redoxmc.cli.export import _native_kernels

    assert _native_kernels(model) == f"native kernels: {native_library(model)}"
    native_library(model).unlink()
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert _native_kernels(model).startswith("no native kernels: the C++ compiler")


def test_the_command_says_why_not(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-m", "redoxmc.native", str(tmp_path / "nothing.pt")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "CXX": "no-such-compiler"},
    ).stdout
    assert answer.startswith("no ")
    assert "nothing.pt does not exist" in answer
