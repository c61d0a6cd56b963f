"""Running the tasks of a data set: what is finished is not made again."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from conftest import REPO

from distillation.data_set import run_tasks
from distillation.labelling import LabelledFrames
from distillation.splits import split_at_random


def labelled(rng: np.random.Generator) -> LabelledFrames:
    atoms = Atoms("NaO", rng.normal(size=(2, 3)), cell=[9, 9, 9], pbc=True)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((2, 3)))
    return LabelledFrames([atoms], dropped=2)


def test_finished_tasks_are_read_and_the_others_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run_tasks([("a", labelled)], 7, tmp_path)

    def refuse(rng: np.random.Generator) -> LabelledFrames:
        raise AssertionError("this task was finished")

    both = run_tasks([("a", refuse), ("b", labelled)], 7, tmp_path)
    np.testing.assert_array_equal(both[0].positions, first[0].positions)
    assert np.abs(both[1].positions - both[0].positions).max() > 0.1  # a seed of its own
    assert "2/2 b: 2 kept, 4 dropped" in capsys.readouterr().out


def test_test_orders_are_whole_and_every_class_is_trained() -> None:
    orders = [f"1x1x1:{redox}|{ions}" for redox in ("01", "10") for ions in ("01", "10")]
    orders += ["1x1x1:00|00", "1x1x1:11|11"]
    frames = [Atoms(info={"order": order}) for order in orders for _ in range(5)]
    parts = split_at_random(frames, 0.4, 0.25, np.random.default_rng(1))
    names = {part: {f.info["order"] for f in chosen} for part, chosen in parts.items()}
    assert len(names["test"]) == 2
    assert not names["test"] & (names["train"] | names["valid"])
    assert {"1x1x1:00|00", "1x1x1:11|11"} <= names["train"] | names["valid"]
    assert (len(parts["test"]), len(parts["valid"]), len(parts["train"])) == (10, 5, 15)


@pytest.mark.parametrize(
    "words",
    [
        ["distil.py", "absent.toml"],
        [
            "hull_points.py",
            "absent.toml",
            "--redox",
            "Fe",
            "--ion",
            "Na",
            "--label",
            "x",
            "--out",
            "y",
        ],
    ],
)
def test_a_command_says_what_is_wrong(tmp_path: Path, words: list[str]) -> None:
    command = [sys.executable, REPO / "scripts" / "studies" / words[0], *words[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"{words[0][:-3]}: absent.toml does not exist."
