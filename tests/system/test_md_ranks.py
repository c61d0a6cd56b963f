"""Domain decomposition of a replica, and several replicas side by side, under mpirun."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO

from redoxmc.dynamics.replica import COLUMNS
from redoxmc.results.store import load

SCRIPT = """
import sys
from pathlib import Path
from redoxmc.config.dynamics import MdConfig
from redoxmc.campaign.parallel import split_ranks
from redoxmc.campaign.run import run_system
from redoxmc.campaign.system import load_system

system = load_system(Path(sys.argv[1]))
ranks = split_ranks(int(sys.argv[3]))
system.session.comm = ranks.group
md = MdConfig(time_step=1.0, segment=5, interval=2, equilibration=60.0, protocol_steps=6,
              trajectory_interval=1, mobile_radius=5.0, metropolize=sys.argv[4] == "exact")
sampling = system.config.sampling.model_copy(update={"ensemble": "md"})
system.config = system.config.model_copy(update={"sampling": sampling, "md": md})
assert run_system(system, ranks, Path(sys.argv[2]), lambda: False)
"""


def rows_of(trace):
    return np.column_stack([trace.column(name) for name in COLUMNS])


def run(config, out, ranks, per_replica, kind="exact"):
    binaries = Path(sys.executable).parent
    launcher = [binaries / "mpirun", "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run(
        [*launcher, sys.executable, "-c", SCRIPT, config, out, str(per_replica), kind],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPO / "driver")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return load(out / "results.h5"), json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize("kind", ["exact", "plain"])
def test_two_ranks_per_replica_follow_the_same_trajectory(campaign, tmp_path, kind):
    """To rounding, which 60 steps of chaotic motion have not yet made visible."""
    config = campaign(supercell=[1, 2, 1], steps=2)
    one, _ = run(config, tmp_path / "one", 1, 1, kind)
    two, summary = run(config, tmp_path / "two", 2, 2, kind)
    (a,), (b,) = one.md_chains, two.md_chains
    assert len(a.positions) == 52
    assert np.abs(a.positions - b.positions).max() < 1e-4
    rows = [rows_of(store.traces[a.name]) for store in (one, two)]
    assert np.abs(rows[0][:, 0] - rows[1][:, 0]).max() < 1e-4
    works = [row[:, COLUMNS.index("work_eV")] for row in rows]
    assert np.abs(works[0] - works[1]).max() < 1e-4
    assert (np.abs(works[0]) > 0.1).all()
    assert one.traces[a.name].raw_keys == two.traces[a.name].raw_keys
    assert summary["runs"][0]["steps"] == 2
    dump = (tmp_path / "two" / "trajectories" / f"{a.name}.lammpstrj").read_text()
    assert dump.count("ITEM: TIMESTEP") == 2


def test_replicas_on_two_ranks_are_those_of_one(campaign, tmp_path):
    config = campaign(steps=3, temperatures=[600.0, 800.0, 1000.0])
    one, _ = run(config, tmp_path / "one", 1, 1)
    two, _ = run(config, tmp_path / "two", 2, 1)
    for a, b in zip(one.md_chains, two.md_chains, strict=True):
        assert np.array_equal(a.positions, b.positions)
        rows = [rows_of(store.traces[a.name]) for store in (one, two)]
        assert np.array_equal(*rows, equal_nan=True)
