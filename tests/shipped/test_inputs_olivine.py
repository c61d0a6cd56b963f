"""The shipped campaign files of olivine NaxFePO4: they are read, and they fit the shipped model."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import REPO

from redoxmc.campaign.system import load_system
from redoxmc.config.campaign import load_config
from redoxmc.config.dynamics import MdConfig

FOLDER = REPO / "lammps_inputs" / "olivine_nafepo4"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.name)
def test_a_shipped_campaign_is_complete(path):
    system = load_system(path)
    assert system.config.model.path.is_dir()
    assert set(system.counts) == set(system.config.ions.concentrations)
    for x, n_ions in system.counts.items():
        ions = system.ions(x, seed=1)
        assert ions.sum() == n_ions == round(x * system.lattice.n_redox)


def test_dynamics_is_small_exact_and_kept_on_its_sites():
    config = load_config(FOLDER / "md.toml")
    assert config.sampling.ensemble == "md"
    assert config.md.metropolize
    assert config.md.protocol_steps == "auto"
    assert config.md.site_tolerance == 1.0
    assert config.md.trajectory_interval > 0
    assert config.sampling.steps * len(config.sampling.seeds) < 10_000


def test_what_its_comments_say_of_large_cells_is_accepted():
    """The commented lines of md.toml for 10^4 atoms, as a user would take the # off."""
    text = (FOLDER / "md.toml").read_text()
    start = text.index("#   metropolize")
    lines = [line.removeprefix("#").strip() for line in text[start:].splitlines()]
    tables = tomllib.loads("[md]\n" + "\n".join(lines))
    assert MdConfig(**tables["md"]).metropolize is False
    assert tables["md"]["mobile_radius"] > 0
    assert tables["parallel"]["ranks_per_replica"] > 1


def test_the_input_with_swaps_runs():
    lmp = Path(sys.executable).parent / "lmp"
    values = ["-var", "repeat", "1 1 1", "-var", "steps", "40"]
    done = subprocess.run(
        [lmp, "-in", "in.swap.lmp", "-log", "none", *values],
        cwd=FOLDER,
        env=os.environ | {"REDOXMC_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:]
    said = done.stdout.splitlines()[-2]
    assert " of 4, mean work" in said
    assert 0 <= int(said.split()[1]) <= 4
