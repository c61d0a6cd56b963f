"""The job scripts, with a pretended Slurm: srun runs its command, scontrol writes down its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO

BIN = Path(sys.executable).parent


@pytest.fixture
def slurm(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "srun").write_text('#!/bin/bash\nexec "$@"\n')
    (tools / "scontrol").write_text(f'#!/bin/bash\necho "$@" >> {tmp_path}/requeued\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)

    def submit(script, *arguments, **variables):
        environment = os.environ | {"PATH": f"{tools}:{BIN}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", REPO / "scripts" / "slurm" / script, *map(str, arguments)],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return submit


def test_a_stopped_job_queues_itself_again_and_resumes(slurm, campaign, tmp_path):
    config, out = campaign(steps=50), tmp_path / "out"
    out.mkdir()
    (out / "STOP").touch()
    first = slurm("run.sh", config, out, SLURM_JOB_ID="17")
    assert first.returncode == 75, first.stderr
    assert (tmp_path / "requeued").read_text() == "requeue 17\n"
    (out / "STOP").unlink()
    second = slurm("run.sh", config, out, SLURM_JOB_ID="17")
    assert second.returncode == 0, second.stderr
    assert (tmp_path / "requeued").read_text() == "requeue 17\n"


def test_an_array_task_takes_its_concentration(slurm, campaign, tmp_path):
    config = campaign(x=[0.25, 0.5], steps=20)
    done = slurm(
        "array_over_x.sh",
        config,
        tmp_path / "out",
        SLURM_ARRAY_TASK_ID="1",
        SLURM_ARRAY_JOB_ID="9",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "x0.5" / "summary.json").is_file()
