"""The wheel, installed elsewhere: it must run without the repository, in a path of any letters."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from conftest import HOST, REPO

from redoxmc.plugin import build

MAIN = "from redoxmc.cli.main import main; main()"
CONFIG = """
[host]
structure = "hôte.cif"
[redox]
reduced = "Fe2+"
oxidised = "Fe3+"
[ions]
species = "Na+"
concentrations = [0.5]
[model]
path = "modèle d'essai"
[relax]
cell = "per_x"
[sampling]
temperatures = [600.0]
steps = 60
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of what is in the repository, which stays as it is."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, folder)
    ignored = shutil.ignore_patterns("lib", "__pycache__", "*.egg-info")
    shutil.copytree(REPO / "driver", folder / "driver", ignore=ignored)
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-q"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "-w", str(folder), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_all_that_is_read_at_run_time(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = REPO / "driver" / "redoxmc"
    for folder, kinds in (
        ("engines/inputs", {".lmp"}),
        ("plugin", {".cpp", ".h", ".txt"}),
        ("native", {".cpp", ".h"}),
    ):
        for path in (package / folder).iterdir():
            if path.suffix in kinds:
                assert f"redoxmc/{folder}/{path.name}" in names
    assert "redoxmc/py.typed" in names


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A bare environment with the wheel; what it depends on is taken from this one."""
    folder = tmp_path_factory.mktemp("ailleurs") / "un été à côté"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    site = next((folder / "env" / "lib").glob("python3*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def bare(elsewhere, request):
    """Runs a command there, without anything of the repository in its environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("REDOXMC_", "PYTHON"))}
    compiled = elsewhere / "cache" / "redoxmc" / "plugin"
    if not request.config.getoption("--run-slow") and not compiled.exists():
        # compiled already, of the same sources: this test is about the rest
        whole = build.ensure_plugin().parent
        shutil.copytree(whole, compiled / whole.name)
    environment = {
        **kept,
        "XDG_CACHE_HOME": str(elsewhere / "cache"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "OMP_NUM_THREADS": "1",
        "MPI4PY_LIBMPI": str(Path(sys.prefix, "lib", "libmpi.so.12")),  # of the package mpich
    }

    def run(*arguments):
        command = [str(elsewhere / "env" / "bin" / "python"), *arguments]
        return subprocess.run(
            command, env=environment, cwd=elsewhere, capture_output=True, text=True, check=False
        )

    return run


def test_nothing_of_the_repository_is_used(bare, elsewhere):
    done = bare("-c", "import redoxmc; print(redoxmc.__file__, redoxmc.__version__)")
    assert done.stdout.startswith(str(elsewhere / "env")), done.stderr


def test_doctor_evaluates_structures(bare, elsewhere):
    done = bare("-c", MAIN, "doctor", "--json", "doctor.json")
    checks = json.loads((elsewhere / "doctor.json").read_text(encoding="utf-8"))["checks"]
    trials = {c["name"]: c for c in checks if "model in LAMMPS" in c["name"]}
    assert len(trials) == 2
    assert all(check["passed"] for check in trials.values()), trials
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("model", ["reference", "mace-nafepo4-small"])
def test_a_campaign_gives_the_numbers_that_it_gives_here(bare, elsewhere, tmp_path, model):
    place = elsewhere / model
    place.mkdir()
    shutil.copy(HOST, place / "hôte.cif")
    shutil.copytree(REPO / "potentials" / model, place / "modèle d'essai")
    (place / "campagne.toml").write_text(CONFIG, encoding="utf-8")
    arguments = ("-c", MAIN, "run", str(place / "campagne.toml"), "--out")
    there = bare(*arguments, str(place / "résultats"))
    assert there.returncode == 0, there.stderr
    here = subprocess.run(
        [sys.executable, *arguments, str(tmp_path / "out")], capture_output=True, check=False
    )
    assert here.returncode == 0, here.stderr
    first, second = (
        json.loads((folder / "summary.json").read_text(encoding="utf-8"))["runs"]
        for folder in (place / "résultats", tmp_path / "out")
    )
    assert first[0]["state_counts"] == second[0]["state_counts"]
    assert first[0]["energy_eV_per_fu"] == second[0]["energy_eV_per_fu"]
