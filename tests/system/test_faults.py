"""What goes wrong on one rank, or twice at once, ends with one sentence."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import REPO
from faults import FAULTS, meet

BIN = Path(sys.executable).parent
REDOXMC = BIN / "redoxmc"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPO / "driver")}
FAILING = """
import sys
from redoxmc.campaign import parallel
from redoxmc.campaign.monte_carlo import MonteCarloSampler
from redoxmc.cli.main import main
from redoxmc.errors import InputError

def fail(self, replica, steps, stop):
    from mpi4py import MPI
    if MPI.COMM_WORLD.Get_rank() == 1:
        raise {error}("the disk of this node is full")
    advance(self, replica, steps, stop)

parallel.AGREEMENT_SECONDS = 1.0
advance, MonteCarloSampler.advance = MonteCarloSampler.advance, fail
main()
"""

LOSING = """
from pathlib import Path
from redoxmc.campaign.monte_carlo import MonteCarloSampler
from redoxmc.cli.main import main

def lose(self, replica, steps, stop):
    Path("{lost}").unlink(missing_ok=True)
    advance(self, replica, steps, stop)

advance, MonteCarloSampler.advance = MonteCarloSampler.advance, lose
main()
"""


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=fault.name, marks=[pytest.mark.slow] if fault.slow else [])
        for fault in FAULTS
    ],
)
def test_a_run_survives(fault, tmp_path):
    """All of them, with a table: scripts/faults."""
    meet(fault, tmp_path)


def ranks(*command):
    return subprocess.run(
        [BIN / "mpirun", "-n", "2", *command],
        capture_output=True,
        text=True,
        timeout=200,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.mark.parametrize(("error", "code"), [("InputError", 2), ("RuntimeError", 1)])
def test_an_error_of_one_rank_ends_all(campaign, tmp_path, error, code):
    config = campaign(seeds=[1, 2])
    script = FAILING.format(error=error)
    done = ranks(sys.executable, "-c", script, "run", config, "--out", tmp_path / "out")
    assert done.returncode == code, done.stderr
    said = [line for line in done.stderr.splitlines() if "disk of this node is full" in line]
    assert len(said) == 1


def test_an_error_in_what_the_root_does_alone_ends_all(campaign, tmp_path):
    """The report is the root's, after all sampling: points that were there are gone."""
    more = "[report]\nhull_points = 'points.csv'"
    config = campaign(x=[0.0, 0.5, 1.0], steps=20, cell="per_x", more=more)
    points = tmp_path / "points.csv"
    points.write_text("label,x,energy\nhere,0.5,0.0\n")
    script = LOSING.format(lost=points)
    done = ranks(sys.executable, "-c", script, "run", config, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("points.csv") == 1
    assert (tmp_path / "out" / "results.h5").is_file()


def test_two_runs_do_not_share_a_folder(campaign, tmp_path):
    config = campaign(steps=300_000, more="[parallel]\nsync_seconds = 0.1")
    out = tmp_path / "out"
    command = [str(REDOXMC), "run", str(config), "--out", str(out)]
    first = subprocess.Popen(command, env=ENVIRONMENT)
    deadline = time.monotonic() + 100
    while not (out / "log.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    second = subprocess.run(
        [*command, "--resume"], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert second.returncode == 2
    assert "is in use by" in second.stderr
    assert f"process {first.pid} on" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (out / "LOCK").exists()
    again = subprocess.Popen([*command, "--resume"], env=ENVIRONMENT)  # the lock is stale
    time.sleep(0.5)
    (out / "STOP").touch()
    assert again.wait(timeout=100) == 75
    assert not (out / "LOCK").exists()
