"""The tasks that the file of a data set lists: each makes some frames, from a random generator.

A task has a name, under which its frames are kept, and is run with a generator of its own. The
order of the tasks is part of a data set: their seeds follow from it.
"""

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

from distillation.cells import Cell, make_cell
from distillation.labelling import (
    LabelledFrames,
    Labeller,
    Task,
    charge_states,
    with_states,
)
from distillation.model_tasks import model_tasks, walk_tasks
from distillation.relaxations import (
    along_relaxation,
    around,
    in_cell,
    reference_start,
    relaxation,
)
from distillation.settings import Config
from distillation.states import listed_sites, with_listed_states
from distillation.walks import swapped
from redoxmc.structures.lattice import Occupancy


def all_tasks(config: Config, folder: Path, labeller: Labeller) -> list[Task]:
    """Return every task of a data set. folder: that its paths are relative to."""
    makers = (
        state_tasks,
        reference_tasks,
        swap_tasks,
        large_tasks,
        model_tasks,
        walk_tasks,
        end_tasks,
    )
    return [task for make in makers for task in make(config, folder, labeller)]


def state_tasks(config: Config, folder: Path, labeller: Labeller) -> Iterator[Task]:
    """Frames around the relaxed states of [states]."""
    if "states" in config:
        yield from _around_states(config, config["states"], folder, labeller)


def end_tasks(config: Config, folder: Path, labeller: Labeller) -> Iterator[Task]:
    """More frames around the states of each [[ends]], the end members."""
    for part in config.get("ends", []):
        yield from _around_states(config, part, folder, labeller)


def _around_states(
    config: Config, part: dict[str, Any], folder: Path, labeller: Labeller
) -> Iterator[Task]:
    """Around the states of a file; `only` lists the concentrations, all of them where absent."""
    cell = make_cell(config, folder, [1, 1, 1])
    name = part.get("name", "state")
    widths = part["rattle_A"] * part.get("repeats", 1)
    for number, atoms in enumerate(read(folder / part["file"], ":")):
        lists = part["site_lists"]
        x = len(listed_sites(atoms, lists["ions"])) / cell.lattice.n_redox
        if x not in part.get("only", [x]):
            continue
        named = with_listed_states(atoms, lists["reduced"], cell, config)

        def run(rng: np.random.Generator, atoms: Atoms = named) -> LabelledFrames:
            order = cell.key(cell.order_of(atoms))
            return around(atoms, labeller, rng, widths, part["strain"], origin=name, order=order)

        yield f"{name}_{number:02d}", run


def reference_tasks(config: Config, folder: Path, labeller: Labeller) -> Iterator[Task]:
    """Relaxations of every order of the cell of [reference] from its reference start."""
    part = config.get("reference")
    if part is None:
        return
    cell = make_cell(config, folder, part["supercell"])
    for number, order in enumerate(cell.distinct_orders()):
        for k in range(part["cells_per_order"]):
            yield (
                f"reference_{number:02d}_{k}",
                partial(_relax, config, labeller, cell, part, "reference", order),
            )


def large_tasks(config: Config, folder: Path, labeller: Labeller) -> Iterator[Task]:
    """The same for random orders of the larger cell of each [[large]]."""
    for part in config.get("large", []):
        cell = make_cell(config, folder, part["supercell"])
        for n_ions in range(1, cell.lattice.n_ion_sites):
            for k in range(part["orders_per_concentration"]):
                yield (
                    f"large_{cell.name}_{n_ions}_{k}",
                    partial(_relax_random, config, labeller, cell, part, n_ions),
                )


def _relax_random(
    config: Config,
    labeller: Labeller,
    cell: Cell,
    part: dict[str, Any],
    n_ions: int,
    rng: np.random.Generator,
) -> LabelledFrames:
    order = cell.random_order(n_ions, rng)
    return _relax(config, labeller, cell, part, "large", order, rng)


def _relax(
    config: Config,
    labeller: Labeller,
    cell: Cell,
    part: dict[str, Any],
    origin: str,
    order: Occupancy,
    rng: np.random.Generator,
) -> LabelledFrames:
    start = _start(config, labeller, cell, order, rng)
    keep = part["keep_steps"]
    return along_relaxation(start, labeller, keep, origin=origin, order=cell.key(order))


def _start(
    config: Config, labeller: Labeller, cell: Cell, order: Occupancy, rng: np.random.Generator
) -> Atoms:
    """The reference start of an order in a random cell."""
    x = order[cell.lattice.n_redox :].mean()
    atoms = in_cell(cell.atoms(order), cell.random_cell(x, config, rng))
    return reference_start(atoms, labeller.bias)


def swap_tasks(config: Config, folder: Path, labeller: Labeller) -> Iterator[Task]:
    """Relaxations after a charge swap in the relaxed state of every mixed order of [swap]."""
    part = config.get("swap")
    if part is None:
        return
    cell = make_cell(config, folder, part["supercell"])
    n_redox = cell.lattice.n_redox
    mixed = [
        (number, order)
        for number, order in enumerate(cell.distinct_orders())
        if 0 < order[:n_redox].sum() < n_redox
    ]
    for (number, order), k in itertools.product(mixed, range(part["swaps_per_order"])):
        yield f"swap_{number:02d}_{k}", partial(_swap, config, labeller, cell, part, order)


def _swap(
    config: Config,
    labeller: Labeller,
    cell: Cell,
    part: dict[str, Any],
    order: Occupancy,
    rng: np.random.Generator,
) -> LabelledFrames:
    start = _start(config, labeller, cell, order, rng)
    *_, (_, relaxed, _) = relaxation(start, labeller, 40, 0, 0.1)
    other = swapped(order, cell.lattice.n_redox, rng)
    assert other is not None  # the order is mixed
    moved = with_states(relaxed, charge_states(cell.atoms(other)))
    return along_relaxation(
        reference_start(moved, labeller.bias),
        labeller,
        part["keep_steps"],
        origin="swap",
        order=cell.key(other),
    )
