"""A data set from its file: the frames of its tasks and of earlier sets, divided into parts."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from distillation.cells import make_cell, root_order
from distillation.labelling import LabelledFrames, Labeller, Task, charge_states
from distillation.settings import Config, load_labeller
from distillation.splits import order_class, split_at_random, split_by_order
from distillation.tasks import all_tasks
from redoxmc.config.reading import read_toml
from redoxmc.data.bond_bias import evaluate
from redoxmc.errors import InputError
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.io.files import replace_atomically
from redoxmc.structures.occupancy import occupancy_of_key


def make_set(path: Path) -> None:
    """Run the tasks of the file of a data set and write its parts beside the file.

    The frames of finished tasks are kept in NAME.parts/, and are not made again.
    """
    config = read_toml(path)
    folder = path.parent
    labeller = load_labeller(config)
    tasks = all_tasks(config, folder, labeller)
    frames = run_tasks(tasks, config["seed"], folder / f"{path.stem}.parts")
    prefix = config.get("prefix", f"{path.stem.removeprefix('distil_')}_")
    for name, chosen in divide(frames, config, folder, labeller).items():
        out = folder / f"{prefix}{name}.extxyz"
        write_labelled(out, [rounded(frame) for frame in chosen])
        print(f"{out.name}: {len(chosen)} frames")


def run_tasks(tasks: Sequence[Task], seed: int, folder: Path) -> list[Atoms]:
    """Return the frames of all tasks; those of finished ones are read from the folder.

    The seed of a task is the seed of the set and the number of the task.
    """
    frames: list[Atoms] = []
    dropped = 0
    for number, (name, run) in enumerate(tasks):
        file = folder / f"{name}.extxyz"
        if not file.exists():
            _save(run(np.random.default_rng([seed, number])), file)
        *kept, count = read(file, ":")
        frames += kept
        dropped += int(count.info["dropped"])
        print(
            f"{number + 1}/{len(tasks)} {name}: {len(frames)} kept, {dropped} dropped", flush=True
        )
    return frames


def _save(made: LabelledFrames, file: Path) -> None:
    """Write frames, and after them one without atoms that has the number of the dropped ones."""
    frames = [*made.kept, Atoms(info={"dropped": made.dropped})]
    replace_atomically(file, lambda temporary: write(temporary, frames, format="extxyz"))


def divide(
    frames: list[Atoms], config: Config, folder: Path, labeller: Labeller
) -> dict[str, list[Atoms]]:
    """Return the frames of each part of the set.

    With `part` in the file the set is an addition to that part of another one, with [reuse] it
    takes in the frames of earlier sets.
    """
    if "part" in config:
        return {config["part"]: frames}
    if "reuse" in config:
        return _with_reused(frames, config, folder, labeller)
    rng = np.random.default_rng(config["seed"])
    return split_at_random(frames, config["test_orders"], config["valid_fraction"], rng)


def _with_reused(
    frames: list[Atoms], config: Config, folder: Path, labeller: Labeller
) -> dict[str, list[Atoms]]:
    """Add the frames of earlier files; orders that were in a part of theirs stay in that part."""
    cell_of = functools.cache(lambda factors: make_cell(config, folder, list(factors)))
    fixed: dict[str, str] = {}
    groups: dict[str, list[Atoms]] = {}
    classes: dict[str, str] = {}
    for file, part in [*config["reuse"].items(), ("", "")]:
        for frame in relabelled(read_labelled(folder / file), labeller) if file else frames:
            order = root_order(frame.info["order"], cell_of)
            supercell, _, occupancy = frame.info["order"].partition(":")
            a, b, c = map(int, supercell.split("x"))
            frame.info["ion_order"] = cell_of((a, b, c)).ion_key(occupancy_of_key(occupancy))
            if file and fixed.setdefault(order, part) != part:
                raise InputError(f"{file}: order {order} is in another part already.")
            groups.setdefault(order, []).append(frame)
            classes[order] = order_class(frame.info["order"])
    shares = {"valid": config["valid_fraction"], "test": config["test_fraction"]}
    return split_by_order(groups, classes, shares, fixed, np.random.default_rng(config["seed"]))


def relabelled(frames: list[Atoms], labeller: Labeller) -> Iterator[Atoms]:
    """Yield the frames of an earlier set; those with an ion behind the wall are labelled again."""
    for frame in frames:
        moments = frame.calc.results.get("magmoms")
        wall = labeller.wall
        if wall is None or not wall.depth(charge_states(frame), moments).any():
            yield frame
            continue
        label = evaluate(labeller.teacher, frame)
        again = labeller.frame(frame, label, **frame.info)
        if again is not None:
            yield again


def rounded(frame: Atoms) -> Atoms:
    """Positions to 1e-7 Å, labels to 1e-6: far below the teacher's own noise (float32)."""
    copy = frame.copy()
    copy.positions = np.round(copy.positions, 7)
    results: dict[str, Any] = {
        key: np.round(value, 6) if np.ndim(value) else float(value)
        for key, value in frame.calc.results.items()
    }
    copy.calc = SinglePointCalculator(copy, **results)
    return copy
