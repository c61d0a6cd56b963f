"""What can be checked of a block of the docs without running it."""

import re
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import typer
from conftest import REPO
from doc_blocks import Block, commands

from redoxmc.cli.main import app
from redoxmc.config.campaign import Config
from redoxmc.config.reading import parse_table
from redoxmc.config.training import TrainingConfig
from redoxmc.data.settings import load_settings

WRAPPERS = {"mpirun": 3, "srun": 1, "time": 1, "sbatch": 1, "bash": 1}  # words to take off
CARD = {  # keys of card.toml that a classical model has, and what every card may have
    "format", "name", "architecture", "charge_aware", "species", "source", "licence", "note",
    "example", "lammps_charges", "reference_energies_eV", "bonds",
}  # fmt: skip
BASE: dict[str, Any] = {
    "host": {"structure": "host.cif"},
    "redox": {"reduced": "Fe2+", "oxidised": "Fe3+"},
    "model": {"path": "model"},
    "sampling": {"temperatures": [300.0], "steps": 1},
}
IONS = {"species": "Na+", "concentrations": [0.5]}
TRAINING: dict[str, Any] = {
    "architecture": "MACE",
    "species": ["Fe2+"],
    "data": {"train": ["a"], "valid": ["b"]},
}


NAMED = re.compile(r"`((?:driver|tests|scripts|lammps_inputs|potentials|docs)/[^`\s,:{}]*)[^`]*`")
SAID = re.compile(r"`((?:redoxmc|mpirun|scripts/|bash scripts/|\.venv/bin/python scripts/)[^`]*)`")


def faults_of_page(page: Path) -> list[str]:
    """What is wrong with the paths and commands that the text of a page names."""
    text = page.read_text(encoding="utf-8")
    fences = re.sub(r"^ *```.*?^ *```\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    missing = [
        f"{name} does not exist"
        for name in NAMED.findall(fences)
        if not any(word in name for word in ("NAME", "MODEL", "mine", "...", "DIR"))
        and not list(REPO.glob(name.rstrip("/")))
    ]
    wrong = [f for said in SAID.findall(fences) for w in commands(said) for f in _checked(w)]
    return missing + wrong


def _checked(words: list[str]) -> list[str]:
    """Faults of a command in running text, where VERB and such stand for something."""
    return [] if any(word.isupper() for word in words[:2]) else _faults_of_command(words)


def faults(block: Block) -> list[str]:
    """What is wrong with a block, in words; empty where nothing is."""
    if block.language == "bash":
        return [fault for words in commands(block.text) for fault in _faults_of_command(words)]
    if block.language == "toml" and not block.file:
        return _faults_of_toml(block)
    if block.language == "python":
        compile(block.text, block.where, "exec")
    return []


def _faults_of_toml(block: Block) -> list[str]:
    data = tomllib.loads(block.text)
    kind = block.marks.get("toml", "campaign")
    if kind == "card":
        return [f"a card has no key {key!r}" for key in sorted(set(data) - CARD)]
    if kind == "training":
        parse_table(TrainingConfig, TRAINING | data, block.page)
        return []
    if kind == "compute":
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(block.text)
            file.flush()
            load_settings("gpaw", Path(file.name))
        return []
    whole = BASE | {"ions": IONS} if "ions" in data else BASE
    for name, value in data.items():
        known = {} if name == "redox" else whole.get(name, {})  # a redox table is given whole
        whole = whole | {name: known | value if isinstance(value, dict) else value}
    parse_table(Config, whole, block.page)
    return []


def _faults_of_command(words: list[str]) -> list[str]:
    while words and "=" in words[0] and not words[0].startswith("-"):
        words = words[1:]
    while words and words[0] in WRAPPERS:
        words = words[WRAPPERS[words[0]] :]
    while words and words[0].startswith("--"):  # options of sbatch
        words = words[1:]
    if words and words[0].endswith("python") and words[1:2] != ["-m"]:
        words = words[1:]
    if not words:
        return []
    if words[0] == "redoxmc":
        return _faults_of_verb(words[1:])
    if words[0].startswith("scripts/"):
        return _faults_of_script(words)
    return []


@cache
def _verbs() -> dict[str, set[str]]:
    found = typer.main.get_command(app).commands
    return {
        name: {opt for p in verb.params for opt in (*p.opts, *p.secondary_opts)} | {"--help"}
        for name, verb in found.items()
    }


def _faults_of_verb(words: list[str]) -> list[str]:
    if not words or words[0].startswith("-"):
        return []
    known = _verbs()
    if words[0] not in known:
        return [f"redoxmc has no verb {words[0]!r}"]
    options = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    return [f"redoxmc {words[0]} has no option {one}" for one in sorted(options - known[words[0]])]


def _faults_of_script(words: list[str]) -> list[str]:
    script = REPO / words[0]
    if not script.is_file():
        return [f"{words[0]} does not exist"]
    text = script.read_text(encoding="utf-8") + _helpers(script)
    options = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    return [f"{words[0]} has no option {one}" for one in sorted(options) if one not in text]


def _helpers(script: Path) -> str:
    """The module of the tests that a script hands over to, where there is one of its name."""
    module = REPO / "tests" / "helpers" / f"{script.name}.py"
    runner = REPO / "tests" / "helpers" / f"{script.name}_run.py"
    return "".join(p.read_text(encoding="utf-8") for p in (module, runner) if p.is_file())
