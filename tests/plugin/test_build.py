"""Compiling the plugin once, whoever asks and however often; and plain `lmp` finding it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO
from toy_models import write_toy

from redoxmc.errors import InputError
from redoxmc.plugin import build

EXAMPLE = REPO / "lammps_inputs" / "olivine_nafepo4"

FAKE_CMAKE = """#!/bin/sh
echo call >> "{log}"
[ "$1" = --build ] || exit 0
sleep 0.3
touch "$2/redoxmc_torch.so"
{last} "$2/redoxmcplugin.so"
"""


@pytest.fixture
def fake_cmake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cmake that writes empty libraries and counts its calls in the file returned."""
    return _fake(tmp_path, monkeypatch, "touch")


def _fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str) -> Path:
    log, program = tmp_path / "calls", tmp_path / "bin" / "cmake"
    program.parent.mkdir()
    program.write_text(FAKE_CMAKE.format(log=log, last=last), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return log


def test_the_installed_plugin_is_compiled_and_not_again(monkeypatch: pytest.MonkeyPatch) -> None:
    path = build.ensure_plugin()
    assert path.name.endswith("plugin.so")
    assert path.stat().st_size > 10_000
    monkeypatch.setattr(build, "_compile", lambda *_: pytest.fail("compiled again"))
    assert build.ensure_plugin() == path
    assert build.plugin_folder() == str(path.parent)


def test_processes_at_once_compile_once(fake_cmake: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from redoxmc.plugin import build;"
        f"build._folders = lambda: [Path({str(tmp_path / 'lib')!r})];"
        "print(build.ensure_plugin())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = {process.communicate(timeout=60)[0].strip() for process in started}
    assert len(answers) == 1
    assert Path(answers.pop()).is_file()
    assert fake_cmake.read_text() == "call\n" * 2  # configure, build


def test_another_version_of_a_dependency_compiles_anew(
    fake_cmake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_folders", lambda: [tmp_path / "lib"])
    first = build.ensure_plugin()
    version = build.metadata.version
    monkeypatch.setattr(
        build.metadata, "version", lambda name: version(name) + ".1" * (name == "torch")
    )
    assert build.ensure_plugin() != first
    assert fake_cmake.read_text() == "call\n" * 4


def test_a_folder_that_cannot_be_written_to_is_passed_over(
    fake_cmake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(build, "_folders", lambda: [tmp_path / "file" / "lib", tmp_path / "cache"])
    assert build.ensure_plugin().is_relative_to(tmp_path / "cache")
    monkeypatch.setattr(build, "_folders", lambda: [tmp_path / "file" / "lib"])
    with pytest.raises(InputError, match="XDG_CACHE_HOME"):
        build.ensure_plugin()


def test_a_failed_compilation_leaves_only_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake(tmp_path, monkeypatch, "echo no such header; false")
    monkeypatch.setattr(build, "_folders", lambda: [tmp_path / "lib"])
    with pytest.raises(InputError, match=r"could not be compiled with .*; see .*build\.log"):
        build.ensure_plugin()
    (folder,) = (tmp_path / "lib").iterdir()
    assert sorted(p.name for p in folder.iterdir()) == [".lock", "build.log"]
    assert "no such header" in (folder / "build.log").read_text()


def test_without_a_compiler_lammps_still_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "_folders", lambda: [tmp_path / "lib"])
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=r"no C\+\+ compiler found \(tried no-such-compiler\)"):
        build.ensure_plugin()
    assert Path(build.plugin_folder()).is_dir()
    assert "no C++ compiler" in capsys.readouterr().err


def test_version_is_written_as_lammps_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.metadata, "version", lambda _: "2025.7.22.4.0")
    assert build.lammps_version() == "22 Jul 2025"


@pytest.mark.parametrize("ranks", [1, 2])
def test_plain_lmp_runs_the_example(tmp_path: Path, ranks: int) -> None:
    for path in EXAMPLE.iterdir():
        if path.suffix in {".lmp", ".data"}:
            shutil.copy(path, tmp_path)
    write_toy(tmp_path / "toy")
    programs = Path(sys.prefix) / "bin"
    lmp = [str(programs / "lmp"), "-in", "in.example.lmp", "-var", "model", "toy/model.pt"]
    if ranks > 1:
        lmp = [str(programs / "mpirun"), "-n", str(ranks), *lmp]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    environment["REDOXMC_PYTHON"] = "false"  # the toy has no native kernels
    environment.pop("LAMMPS_PLUGIN_PATH", None)  # tests that imported lammps have set it
    done = subprocess.run(
        lmp, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "swap of two charges, after relaxation:" in done.stdout
    assert "backend torchscript" in done.stdout
    assert "WARNING: redoxmc" not in done.stdout
