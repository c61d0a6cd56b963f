"""Shipped results: smaller, without machine paths, and with every number of the run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO

from redoxmc.campaign.run import run_campaign
from redoxmc.errors import InputError
from redoxmc.report.summary import analyze
from redoxmc.results.ship import ship

POINTS = "label,x,energy\nDFT,0.5,-0.02\n"


@pytest.fixture
def finished(campaign, tmp_path):
    """A campaign over x with reference points, and its folder."""
    (tmp_path / "points.csv").write_text(POINTS)
    more = "tempering = true\n[report]\nhull_points = 'points.csv'"
    config = campaign(x=[0.0, 0.5, 1.0], temperatures=[300.0, 900.0], seeds=[1, 2], more=more)
    assert run_campaign(config, tmp_path / "run", progress=False) == 0
    return tmp_path / "run"


def test_everything_is_derived_from_the_shipped_file_alone(finished, tmp_path):
    out = tmp_path / "shipped"
    done = subprocess.run(
        [sys.executable, REPO / "scripts" / "ship_results", finished, "--out", out],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in out.iterdir()] == ["results.h5"]
    raw = (out / "results.h5").read_bytes()
    assert len(raw) < 0.7 * (finished / "results.h5").stat().st_size
    assert str(tmp_path).encode() not in raw
    assert str(REPO).encode() not in raw
    (tmp_path / "points.csv").unlink()
    analyze([out], tmp_path / "again")
    first = json.loads((finished / "summary.json").read_text())
    assert json.loads((tmp_path / "again" / "summary.json").read_text()) == first
    for kind in ("structures", "plots"):
        names = sorted(path.name for path in (finished / kind).iterdir())
        assert sorted(path.name for path in (tmp_path / "again" / kind).iterdir()) == names
        for name in names:
            again = (tmp_path / "again" / kind / name).read_bytes()
            assert again == (finished / kind / name).read_bytes()


def test_runs_of_different_concentrations_come_together(campaign, tmp_path):
    for n, x in enumerate((0.25, 0.5)):
        assert run_campaign(campaign(x=[x]), tmp_path / str(n), progress=False) == 0
    ship([tmp_path / "0", tmp_path / "1"], tmp_path / "both" / "results.h5")
    summary = analyze([tmp_path / "both"], tmp_path / "out")
    assert [record.x for record in summary.thermo] == [0.25, 0.5]


def test_a_folder_without_results_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"results\.h5 does not exist"):
        ship([tmp_path], tmp_path / "out" / "results.h5")


def test_all_shipped_results_are_drawn_by_one_command(finished, tmp_path):
    ship([finished], tmp_path / "shipped" / "one" / "results.h5")
    script = REPO / "scripts" / "draw_results"
    here = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", script, "shipped", "drawn"],
        cwd=tmp_path, env=here, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    names = {path.name for path in (tmp_path / "drawn" / "one" / "plots").iterdir()}
    assert {"phase_diagram.png", "electronic_entropy.png", "order_parameters.png"} <= names
    assert (tmp_path / "drawn" / "one" / "report.html").is_file()
    none = subprocess.run(
        ["bash", script, tmp_path / "none"], env=here, capture_output=True, check=False
    )
    assert none.returncode == 2
