"""Runs the blocks of a page of the docs in order, in a folder with small twins of the inputs.

The folder looks like the repository to a reader of the docs: `potentials/`, `scripts/` and
`docs/` are links, the campaign files of `lammps_inputs/` are the shipped ones on the classical
reference, in the smallest cell, with few steps. Blocks of nothing but `redoxmc VERB` run in the
process of the tests, which spares the start of Python; all others run in bash. `mpirun -n N` is one
rank here, whatever N is.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import tomli_w
from conftest import REPO
from doc_blocks import Block, commands

from redoxmc.cli.main import main

OLIVINE = "lammps_inputs/olivine_nafepo4"
STEPS = 40
LINKS = ("potentials", "scripts", "docs", "driver", "tests")
# before lines of LAMMPS that have no structure
BEFORE = "units metal\natom_style atomic\nread_data {data}\n"
MPIRUN = '#!/bin/bash\nexec "{real}" -n 1 "${{@:3}}"\n'
LIMIT = 300  # seconds of a block, on a machine that others use


def make_workspace(folder: Path) -> Path:
    """Fill a folder with what blocks refer to; returns it."""
    for name in LINKS:
        (folder / name).symlink_to(REPO / name)
    inputs = folder / OLIVINE
    inputs.mkdir(parents=True)
    for path in (REPO / OLIVINE).iterdir():
        if path.suffix == ".toml":
            (inputs / path.name).write_text(tomli_w.dumps(twin(path)), encoding="utf-8")
        else:
            (inputs / path.name).symlink_to(path)
    shutil.copy(inputs / "campaign.toml", folder / "campaign.toml")
    text = (folder / "campaign.toml").read_text(encoding="utf-8")
    (folder / "campaign.toml").write_text(
        text.replace('"host.cif"', f'"{OLIVINE}/host.cif"').replace('"../../pot', '"pot')
    )
    tools = folder / "bin"
    tools.mkdir()
    (tools / "mpirun").write_text(MPIRUN.format(real=shutil.which("mpirun")))
    (tools / "mpirun").chmod(0o755)
    return folder


def twin(path: Path) -> dict:
    """A campaign as shipped, but small: 4 redox sites, the classical reference, few steps."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    data["host"]["supercell"] = [1, 1, 1]
    data["model"]["path"] = "../../potentials/reference"
    data["relax"] = {"cell": "fixed"}
    data.pop("report", None)
    sampling = data["sampling"]
    sampling.update(steps=STEPS, seeds=sampling["seeds"][:2])
    sampling["temperatures"] = sampling["temperatures"][-2:]
    if sampling.get("uniform_draws"):
        sampling["uniform_draws"] = 5
    halves = {round(x * 2) / 2 for x in data["ions"]["concentrations"]}
    data["ions"]["concentrations"] = sorted(halves)
    return data


def run_block(block: Block, folder: Path, names: dict) -> str:
    """Run a block; returns what went wrong, or nothing. names: of the Python blocks of a page."""
    if block.file:
        target = folder / block.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text, encoding="utf-8")
        return ""
    if block.language == "python":
        exec(compile(block.text, block.where, "exec"), names)
        return ""
    if block.language == "bash" and (verbs := plain_verbs(block)):
        return next(filter(None, map(run_verb, verbs)), "")
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    if block.language == "lammps":
        (folder / "block.lmp").write_text(whole_input(block.text), encoding="utf-8")
        command = ["lmp", "-in", "block.lmp", "-log", "none"]
    done = subprocess.run(
        command, cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=LIMIT
    )
    said = (done.stdout + done.stderr)[-2000:]
    return "" if done.returncode == 0 else f"exit code {done.returncode}: {said}"


def plain_verbs(block: Block) -> list[list[str]]:
    """The words after `redoxmc` of each command, where a shell would do no more than split them."""
    found = commands(block.text)
    found = [words[3:] if words[:2] == ["mpirun", "-n"] else words for words in found]
    plain = all(words[0] == "redoxmc" for words in found) and "slow" not in block.marks
    shell = re.search(r"""[$<>|&*?'"~]""", "".join(map("".join, found)))
    return [words[1:] for words in found] if plain and not shell else []


def run_verb(words: list[str]) -> str:
    """Run a verb in this process; returns what went wrong, or nothing."""
    said, before = io.StringIO(), sys.argv
    sys.argv = ["redoxmc", *words]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main()
    except SystemExit as ended:
        if ended.code:
            return f"{' '.join(words)}: exit code {ended.code}: {said.getvalue()[-2000:]}"
    finally:
        sys.argv = before
    return ""


def whole_input(text: str) -> str:
    """An input of LAMMPS as it is, or lines of one with a structure before and a step after."""
    if "read_data" in text:
        return text
    return BEFORE.format(data=f"{OLIVINE}/na0.5fepo4.data") + text + "run 0\n"


def _environment(folder: Path) -> dict[str, str]:
    tools = f"{folder / 'bin'}:{Path(sys.executable).parent}"
    return os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": f"{folder}:{REPO / 'driver'}",
        "MPLBACKEND": "agg",
        "COLUMNS": "120",
    }
