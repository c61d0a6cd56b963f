"""The tasks of a data set in which a model leads and the teacher labels."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import FIRE

from distillation.cells import Cell, make_cell
from distillation.labelling import LabelledFrames, Labeller, Task
from distillation.model_calculator import ModelCalculator
from distillation.model_on_cell import STATE_FORCE, ModelOnCell
from distillation.relaxations import along_relaxation
from distillation.settings import Config, bond_bias
from distillation.walks import WALKS, label_walk
from redoxmc.data.bond_bias import evaluate
from redoxmc.engines.lammps import LammpsSession
from redoxmc.model_card import load_card
from redoxmc.structures.host import HostGeometry
from redoxmc.structures.lattice import Occupancy
from redoxmc.structures.ordering import lowest_order


def model_tasks(config: Config, folder: Path, labeller: Labeller) -> Iterator[Task]:
    """Frames where the model of each [[model]] takes a relaxation from the reference start.

    Where the teacher does not confirm a geometry, the bias brings it back to the order.
    """
    for part in config.get("model", []):
        calculator = ModelCalculator(folder / part["path"])
        cell = make_cell(config, folder, part["supercell"])
        for (name, order), k in itertools.product(
            _orders(config, part, cell), range(part["cells_per_order"])
        ):
            yield (
                f"{part['name']}_{cell.name}_{name}_{k}",
                partial(_model_path, config, labeller, cell, part, calculator, order),
            )


def _orders(config: Config, part: dict[str, Any], cell: Cell) -> list[tuple[str, Occupancy]]:
    """All orders of the host's own cell, random ones of a larger cell; with a name each."""
    if part["supercell"] == [1, 1, 1]:
        return [(f"{n:02d}", order) for n, order in enumerate(cell.distinct_orders())]
    draw = np.random.default_rng([config["seed"], *part["supercell"]])
    return [
        (f"{n}_{k}", cell.random_order(n, draw))
        for n in range(1, cell.lattice.n_ion_sites)
        for k in range(part["orders_per_concentration"])
    ]


def _model_path(
    config: Config,
    labeller: Labeller,
    cell: Cell,
    part: dict[str, Any],
    calculator: ModelCalculator,
    order: Occupancy,
    rng: np.random.Generator,
) -> LabelledFrames:
    """Label the steps to keep of a relaxation with the model, and the last one.

    At the first step where the order is lost, a biased relaxation from there takes its place.
    """
    frames = LabelledFrames([])
    about = {"origin": part["name"], "order": cell.key(order)}
    atoms = _reference_start(config, labeller, cell, order, rng)
    atoms.calc = calculator
    last: tuple[int, Atoms] | None = None
    moves = FIRE(atoms, logfile=None).irun(STATE_FORCE, max(part["keep_steps"]))
    for step, _ in enumerate(moves):
        visited = atoms.copy()
        if step not in part["keep_steps"]:
            last = (step, visited)
            continue
        last = None
        label = evaluate(labeller.teacher, visited)
        if not frames.add(labeller.frame(visited, label, step=step, **about)):
            frames.extend(
                along_relaxation(visited, labeller, [5, 15], biased_steps=16, free_steps=0, **about)
            )
            return frames
    if last is not None:
        step, visited = last
        label = evaluate(labeller.teacher, visited)
        frames.add(labeller.frame(visited, label, step=step, **about))
    return frames


def _reference_start(
    config: Config, labeller: Labeller, cell: Cell, order: Occupancy, rng: np.random.Generator
) -> Atoms:
    """The start that a campaign makes, on the unrelaxed host in a random cell."""
    lattice = cell.lattice
    box = cell.random_cell(order[lattice.n_redox :].mean(), config, rng)
    host = replace(cell.host, bonds=labeller.bias.bonds)
    return host.start(order, HostGeometry(box, lattice.scaled @ box))


def walk_tasks(config: Config, folder: Path, labeller: Labeller) -> Iterator[Task]:
    """Walks of the model of [model_walks], round by round: the first rounds alone hold all kinds.

    The seed of a walk follows from its name, so that more walks leave the others as they were.
    """
    settings = config.get("model_walks")
    if settings is None:
        return
    session = LammpsSession(load_card(folder / settings["path"]))
    bias = bond_bias(config)
    parts = [
        (part, ModelOnCell(make_cell(config, folder, part["supercell"]), session, bias))
        for part in settings["walks"]
    ]
    for k in range(max(n for part, _ in parts for n in part["rounds"].values())):
        for (part, model), kind in itertools.product(parts, WALKS):
            every = part.get("ions", range(model.cell.lattice.n_ion_sites + 1))
            for n_ions in every if k < part["rounds"].get(kind, 0) else ():
                # shipped frames were made under these names, and their seeds come from them
                name = f"led_{kind}_{model.cell.name}_{n_ions}_{k}"
                yield name, partial(_walk, config, labeller, model, kind, n_ions, name)


def _walk(
    config: Config,
    labeller: Labeller,
    model: ModelOnCell,
    kind: str,
    n_ions: int,
    name: str,
    _: np.random.Generator,
) -> LabelledFrames:
    settings, cell = config["model_walks"], model.cell
    rng = np.random.default_rng([config["seed"], *name.encode()])
    order = cell.random_order(n_ions, rng)
    if rng.random() < settings["lowest_share"]:
        order = lowest_order(cell.host, n_ions)
    box = cell.stretched_cell(settings["cell_beyond"], settings["shear"], rng)
    if rng.random() < settings["host_cell_share"]:
        box = model.geometry(n_ions).cell
    walk = WALKS[kind](model, order, box, rng)
    about = {"origin": f"led_{kind}", "order": cell.key(order)}
    return label_walk(walk, labeller, kind == "equalised", **about)
