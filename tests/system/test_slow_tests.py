"""Slow tests are due where what they test has changed; none is forgotten."""

import re
import subprocess

import pytest
from conftest import REPO
from slow_tests import SLOW, affordable, changed_since, due


def test_every_file_with_a_slow_test_is_in_the_table():
    marked = {
        str(path.relative_to(REPO))
        for path in (REPO / "tests").rglob("test_*.py")
        if re.search(r"^@pytest\.mark\.slow|\[pytest\.mark\.slow\]", path.read_text(), re.M)
    }
    assert marked == set(SLOW)


@pytest.mark.parametrize("name", SLOW)
def test_what_they_test_exists(name):
    for path in SLOW[name].paths:
        assert (REPO / path).is_dir() if path.endswith("/") else (REPO / path).is_file()


def test_a_change_makes_due_what_tests_it():
    assert due(["README.md", "docs/comparison.md"]) == []
    assert due(["driver/redoxmc/dynamics/step.py"]) == ["tests/physics/test_dynamics_exact.py"]
    assert due(["driver/redoxmc/moves/base.py"]) == [
        "tests/physics/test_tempering.py", "tests/physics/test_dynamics_exact.py",
    ]  # fmt: skip
    assert due(["tests/models/test_fused.py"]) == ["tests/models/test_fused.py"]


def test_what_does_not_fit_into_the_time_is_named():
    names = due(["driver/redoxmc/moves/base.py"])
    assert affordable(names, 100) == (names, [])
    assert affordable(names, 3) == (names[:1], names[1:])
    assert affordable(names, 0) == ([], names)


def test_changes_are_those_of_git(tmp_path):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    for name in ("kept.py", "changed.py", "committed.py"):
        (tmp_path / name).write_text("1\n")
    git("add", ".")
    git("commit", "-m", "first")
    git("tag", "landed")
    (tmp_path / "committed.py").write_text("2\n")
    git("commit", "-am", "second")
    (tmp_path / "changed.py").write_text("2\n")
    (tmp_path / "new.py").write_text("1\n")
    assert changed_since(tmp_path, "landed") == ["changed.py", "committed.py", "new.py"]
    assert changed_since(tmp_path, "nothing") is None
