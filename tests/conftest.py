"""Options, markers and what several test files share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

REPO = Path(__file__).resolve().parents[1]
# kernels of the many random models of the tests do not belong into a user's cache
os.environ.setdefault("REDOXMC_CACHE", str(REPO / ".pytest_cache" / "redoxmc"))
# the models of the tests are the tests' own: opening each of them twice costs seconds
os.environ.setdefault("REDOXMC_TRUST_MODELS", "1")
HOST = REPO / "lammps_inputs" / "olivine_nafepo4" / "host.cif"
REFERENCE = REPO / "potentials" / "reference"


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run tests of minutes, too")
    parser.addoption("--slow-since", help="run the slow tests of what has changed since a commit")
    parser.addoption("--slow-minutes", type=float, default=15, help="that these may take in all")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow"):
        return
    wanted, _ = slow_tests_due(config)
    skip = pytest.mark.skip(reason="takes minutes: --run-slow")
    for item in items:
        if "slow" in item.keywords and str(item.path.relative_to(REPO)) not in wanted:
            item.add_marker(skip)


def slow_tests_due(config):
    """Files whose slow tests run, by --slow-since, and those that are due and take too long."""
    from slow_tests import affordable, changed_since, due

    commit = config.getoption("--slow-since")
    changed = changed_since(REPO, commit) if commit else []
    return affordable(due(changed or []), config.getoption("--slow-minutes"))


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--run-slow") or not config.getoption("--slow-since"):
        return
    run, left = slow_tests_due(config)
    terminalreporter.write_line(f"slow tests of what has changed: {', '.join(run) or 'none'}")
    if left:
        terminalreporter.write_line(f"due, and too long for here: {', '.join(left)}")


CAMPAIGN = """
[host]
structure = "{host}"
supercell = {supercell}
[redox]
reduced = "Fe2+"
oxidised = "Fe3+"
[ions]
species = "Na+"
concentrations = {x}
ordering = "{ordering}"
[model]
path = "{model}"
[relax]
cell = "{cell}"
start = "{start}"
[sampling]
temperatures = {temperatures}
steps = {steps}
seeds = {seeds}
{more}
"""


@pytest.fixture
def campaign(tmp_path):
    """Writes campaign files for the classical reference; keywords replace the defaults."""

    def write(name="campaign.toml", **changes):
        values = {
            "host": HOST,
            "supercell": [1, 1, 1],
            "x": [0.5],
            "ordering": "ewald",
            "model": REFERENCE,
            "cell": "fixed",
            "start": "reference",
            "temperatures": [600.0],
            "steps": 200,
            "seeds": [1],
            "more": "",
        }
        path = tmp_path / name
        path.write_text(CAMPAIGN.format(**(values | changes)), encoding="utf-8")
        return path

    return write
