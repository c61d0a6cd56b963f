"""Distil a data set: run the trajectories that a TOML file lists and split what they leave."""

import functools
import itertools
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.optimize import FIRE

from redoxmc.data.cells import Cell, make_cell, root_order
from redoxmc.data.distil import (
    Tally,
    Teaching,
    along_relaxation,
    around,
    charge_states,
    in_cell,
    reference_start,
    relaxation,
    with_states,
)
from redoxmc.data.led import WALKS, Guide, label_walk
from redoxmc.data.splits import split_by_order
from redoxmc.data.teacher import BondBias, evaluate
from redoxmc.engines.lammps import LammpsSession
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.io.files import replace_atomically
from redoxmc.model_card import Bonds, load_card
from redoxmc.models.calculator import ModelCalculator
from redoxmc.species import Species
from redoxmc.structures.lattice import occupancy_of_key
from redoxmc.structures.ordering import lowest_charge_order, lowest_electrostatic
from redoxmc.structures.reference_start import make_distorter

Task = tuple[str, Callable[[np.random.Generator], Tally]]


def state_tasks(config: dict[str, Any], folder: Path, teaching: Teaching) -> Iterator[Task]:
    if "states" in config:
        yield from around_states(config, config["states"], folder, teaching)


def end_tasks(config: dict[str, Any], folder: Path, teaching: Teaching) -> Iterator[Task]:
    """More frames of the end members."""
    for part in config.get("ends", []):
        yield from around_states(config, part, folder, teaching)


def around_states(
    config: dict[str, Any], part: dict[str, Any], folder: Path, teaching: Teaching
) -> Iterator[Task]:
    """Relaxed states of a file, those of the concentrations `only` where given, and around them."""
    cell = make_cell(config, folder, [1, 1, 1])
    for n, atoms in enumerate(read(folder / part["file"], ":")):
        given = {
            what: [int(v) for v in atoms.info[part["site_lists"][what]].split("_")[1:] if v]
            for what in ("ions", "reduced")
        }
        states = {s.element: str(s) for s in cell.lattice.species}
        names = [states[symbol] for symbol in atoms.get_chemical_symbols()]
        redox = [i for i, s in enumerate(names) if s == config["reduced"]]
        for i, site in enumerate(redox):
            names[site] = config["reduced" if i in given["reduced"] else "oxidised"]
        x = len(given["ions"]) / len(redox)
        if x not in part.get("only", [x]):
            continue
        atoms = with_states(atoms, names)
        atoms.info = {}
        key = cell.key(match_order(cell, atoms, config))

        def run(rng: np.random.Generator, atoms: Atoms = atoms, key: str = key) -> Tally:
            widths, name = part["rattle_A"] * part.get("repeats", 1), part.get("name", "state")
            return around(atoms, teaching, rng, widths, part["strain"], origin=name, order=key)

        yield f"{part.get('name', 'state')}_{n:02d}", run


def match_order(cell: Cell, atoms: Atoms, config: dict[str, Any]) -> np.ndarray:
    """The occupancy of the host that a relaxed structure in the same setting has."""
    lattice = cell.lattice
    occupancy = np.zeros(lattice.n_redox + lattice.n_ions, dtype=np.int8)
    scaled, names = atoms.get_scaled_positions(), atoms.arrays["charge_state"]
    wanted = [(s, config["reduced"], 0) for s in lattice.redox_sites]
    wanted += [(s, config["ion"], lattice.n_redox) for s in lattice.ion_sites]
    sites = np.concatenate([lattice.redox_sites, lattice.ion_sites])
    for i in np.flatnonzero((names == config["reduced"]) | (names == config["ion"])):
        same = [k for k, s in enumerate(sites) if lattice.species[s].element == atoms[i].symbol]
        gaps = lattice.scaled[sites[same]] - scaled[i]
        occupancy[same[int(np.linalg.norm(gaps - np.round(gaps), axis=1).argmin())]] = 1
    if lattice.total_charge(occupancy) != 0:
        raise SystemExit("a state of the states file does not fit the host")
    return occupancy


def reference_tasks(config: dict[str, Any], folder: Path, teaching: Teaching) -> Iterator[Task]:
    part = config.get("reference")
    if part is None:
        return
    cell = make_cell(config, folder, part["supercell"])
    for n, order in enumerate(cell.distinct_orders()):
        for k in range(part["cells_per_order"]):
            yield f"reference_{n:02d}_{k}", relax_task(config, cell, order, part, teaching)


def large_tasks(config: dict[str, Any], folder: Path, teaching: Teaching) -> Iterator[Task]:
    for part in config.get("large", []):
        cell = make_cell(config, folder, part["supercell"])
        for n_ions in range(1, cell.lattice.n_ions):
            for k in range(part["orders_per_concentration"]):

                def run(
                    rng: np.random.Generator,
                    cell: Cell = cell,
                    n_ions: int = n_ions,
                    part: dict[str, Any] = part,
                ) -> Tally:
                    order = cell.random_order(n_ions, rng)
                    return relax_task(config, cell, order, part, teaching, "large")(rng)

                yield f"large_{cell.name}_{n_ions}_{k}", run


def relax_task(
    config: dict[str, Any],
    cell: Cell,
    order: np.ndarray,
    part: dict[str, Any],
    teaching: Teaching,
    origin: str = "reference",
) -> Callable[[np.random.Generator], Tally]:
    def run(rng: np.random.Generator) -> Tally:
        x = order[cell.lattice.n_redox :].mean()
        atoms = in_cell(cell.atoms(order), cell.random_cell(x, config, rng))
        return along_relaxation(
            reference_start(atoms, teaching.bias),
            teaching,
            part["keep_steps"],
            origin=origin,
            order=cell.key(order),
        )

    return run


def swap_tasks(config: dict[str, Any], folder: Path, teaching: Teaching) -> Iterator[Task]:
    part = config.get("swap")
    if part is None:
        return
    cell = make_cell(config, folder, part["supercell"])
    n_redox = cell.lattice.n_redox
    for n, order in enumerate(cell.distinct_orders()):
        if not 0 < order[:n_redox].sum() < n_redox:
            continue
        for k in range(part["swaps_per_order"]):

            def run(rng: np.random.Generator, order: np.ndarray = order) -> Tally:
                x = order[n_redox:].mean()
                atoms = in_cell(cell.atoms(order), cell.random_cell(x, config, rng))
                start = reference_start(atoms, teaching.bias)
                *_, (_, relaxed, _) = relaxation(start, teaching, 40, 0, 0.1)
                a = rng.choice(np.flatnonzero(order[:n_redox] == 1))
                b = rng.choice(np.flatnonzero(order[:n_redox] == 0))
                swapped = order.copy()
                swapped[[a, b]] = swapped[[b, a]]
                moved = with_states(relaxed, list(cell.atoms(swapped).arrays["charge_state"]))
                return along_relaxation(
                    reference_start(moved, teaching.bias),
                    teaching,
                    part["keep_steps"],
                    origin="swap",
                    order=cell.key(swapped),
                )

            yield f"swap_{n:02d}_{k}", run


def model_tasks(config: dict[str, Any], folder: Path, teaching: Teaching) -> Iterator[Task]:
    """Frames where an earlier model takes a relaxation from the driver's own start.

    Where the teacher does not confirm a geometry, it is led back by the bias.
    """
    for part in config.get("model", []):
        calculator = ModelCalculator(folder / part["path"])
        cell = make_cell(config, folder, part["supercell"])
        n_ions = cell.lattice.n_ions
        if part["supercell"] == [1, 1, 1]:
            orders = [(f"{n:02d}", o) for n, o in enumerate(cell.distinct_orders())]
        else:
            draw = np.random.default_rng([config["seed"], *part["supercell"]])
            orders = [
                (f"{n}_{k}", cell.random_order(n, draw))
                for n in range(1, n_ions)
                for k in range(part["orders_per_concentration"])
            ]
        for (name, order), k in itertools.product(orders, range(part["cells_per_order"])):

            def run(
                rng: np.random.Generator,
                part: dict[str, Any] = part,
                calculator: ModelCalculator = calculator,
                cell: Cell = cell,
                order: np.ndarray = order,
            ) -> Tally:
                return model_path(config, part, calculator, teaching, cell, order, rng)

            yield f"{part['name']}_{cell.name}_{name}_{k}", run


def model_path(
    config: dict[str, Any],
    part: dict[str, Any],
    calculator: ModelCalculator,
    teaching: Teaching,
    cell: Cell,
    order: np.ndarray,
    rng: np.random.Generator,
) -> Tally:
    lattice = cell.lattice
    x = order[lattice.n_redox :].mean()
    box = cell.random_cell(x, config, rng)
    distorter = make_distorter(lattice, box, lattice.scaled @ box, dict(teaching.bias.bonds))
    sites, _ = lattice.atoms(order)
    atoms = in_cell(cell.atoms(order), box)
    atoms.positions = (distorter.positions + distorter.displacements(order))[sites]
    atoms.calc = calculator
    tally = Tally([])
    labels = {"origin": part["name"], "order": cell.key(order)}
    moves = FIRE(atoms, logfile=None).irun(0.02, max(part["keep_steps"]))
    last = None
    for step, _ in enumerate(moves):
        last = (step, atoms.copy())
        if step not in part["keep_steps"]:
            continue
        visited = atoms.copy()
        label = evaluate(teaching.teacher, visited)
        last = None
        if not tally.add(teaching.frame(visited, label, step=step, **labels)):
            led = along_relaxation(
                visited, teaching, [5, 15], biased_steps=16, free_steps=0, **labels
            )
            tally.kept += led.kept
            tally.dropped += led.dropped
            return tally
    if last is not None:
        label = evaluate(teaching.teacher, last[1])
        tally.add(teaching.frame(last[1], label, step=last[0], **labels))
    return tally


def led_tasks(config: dict[str, Any], folder: Path, teaching: Teaching) -> Iterator[Task]:
    """Walks of the model, round by round, so that a set cut short is a smaller set of all kinds.

    The seed of a walk follows from its name: more walks leave the others as they were.
    """
    led = config.get("led")
    if led is None:
        return
    session = LammpsSession(load_card(folder / led["path"]))
    parts = [
        (part, Guide(make_cell(config, folder, part["supercell"]), session, *led_bias(config)))
        for part in led["walks"]
    ]
    rounds = max(n for part, _ in parts for n in part["rounds"].values())
    for k in range(rounds):
        for (part, guide), kind in itertools.product(parts, WALKS):
            every = part.get("ions", range(guide.cell.lattice.n_ions + 1))
            for n_ions in every if k < part["rounds"].get(kind, 0) else ():
                name = f"led_{kind}_{guide.cell.name}_{n_ions}_{k}"
                yield name, led_task(config, guide, kind, n_ions, name, teaching)


def led_bias(config: dict[str, Any]) -> tuple[dict[str, Bonds], float]:
    return bias_bonds(config), config["bias"]["strength"]


def led_task(
    config: dict[str, Any], guide: Guide, kind: str, n_ions: int, name: str, teaching: Teaching
) -> Callable[[np.random.Generator], Tally]:
    def run(_: np.random.Generator) -> Tally:
        led, cell = config["led"], guide.cell
        rng = np.random.default_rng([config["seed"], *name.encode()])
        order = cell.random_order(n_ions, rng)
        if rng.random() < led["lowest_share"]:
            ions = lowest_electrostatic(cell.lattice, cell.symmetry, n_ions)
            order = lowest_charge_order(cell.lattice, ions)
        box = cell.stretched_cell(led["cell_beyond"], led["shear"], rng)
        if rng.random() < led["host_cell_share"]:
            box = guide.host(n_ions).cell
        walk = WALKS[kind](guide, order, box, rng)
        labels = {"origin": f"led_{kind}", "order": cell.key(order)}
        return label_walk(walk, teaching, kind == "equalised", **labels)

    return run


def split_with_reused(
    frames: list[Atoms], config: dict[str, Any], folder: Path, teaching: Teaching
) -> dict[str, list[Atoms]]:
    """Add the frames of earlier files; their test orders stay test orders, the others training."""
    cell_of = functools.cache(lambda factors: make_cell(config, folder, list(factors)))
    fixed: dict[str, str] = {}
    groups: dict[str, list[Atoms]] = {}
    classes: dict[str, str] = {}
    for file, part in [*config["reuse"].items(), ("", "")]:
        for frame in relabel(read_labelled(folder / file), teaching) if file else frames:
            order = root_order(frame.info["order"], cell_of)
            supercell, _, occupancy = frame.info["order"].partition(":")
            a, b, c = map(int, supercell.split("x"))
            frame.info["ion_order"] = cell_of((a, b, c)).ion_key(occupancy_of_key(occupancy))
            if file and fixed.setdefault(order, part) != part:
                raise SystemExit(f"{file}: order {order} is in another part already")
            groups.setdefault(order, []).append(frame)
            classes[order] = f"{supercell}:{occupancy.partition('|')[0].count('1')}"
    shares = {"valid": config["valid_fraction"], "test": config["test_fraction"]}
    return split_by_order(groups, classes, shares, fixed, np.random.default_rng(config["seed"]))


def relabel(frames: list[Atoms], teaching: Teaching) -> Iterator[Atoms]:
    """The frames of an earlier set; those with an ion behind the wall get labels that have it."""
    for frame in frames:
        known = frame.calc.results.get("magmoms")
        if teaching.wall is None or not teaching.wall.depth(charge_states(frame), known).any():
            yield frame
            continue
        label = evaluate(teaching.teacher, frame)
        labelled = teaching.frame(frame, label, **frame.info)
        if labelled is not None:
            yield labelled


def split(frames: list[Atoms], config: dict[str, Any]) -> dict[str, list[Atoms]]:
    """Hold out whole orders for the test; draw the validation frames from the rest.

    Every concentration of every cell keeps an order in the training set.
    """
    rng = np.random.default_rng(config["seed"])
    left: dict[str, list[str]] = {}
    for order in sorted({f.info["order"] for f in frames}):
        cell, occupancy = order.split(":")
        left.setdefault(f"{cell}:{occupancy.split('|')[0].count('1')}", []).append(order)
    total = sum(map(len, left.values()))
    held: set[str] = set()
    for order in rng.permutation([o for group in left.values() for o in group]).tolist():
        (group,) = (g for g in left.values() if order in g)
        if len(held) < round(config["test_orders"] * total) and len(group) > 1:
            group.remove(order)
            held.add(order)
    rest = [f for f in frames if f.info["order"] not in held]
    valid = set(rng.permutation(len(rest))[: round(config["valid_fraction"] * len(rest))].tolist())
    return {
        "train": [f for n, f in enumerate(rest) if n not in valid],
        "valid": [f for n, f in enumerate(rest) if n in valid],
        "test": [f for f in frames if f.info["order"] in held],
    }


def rounded(frame: Atoms) -> Atoms:
    """Positions to 1e-7 Å, labels to 1e-6: far below the teacher's own noise (float32)."""
    copy = frame.copy()
    copy.positions = np.round(copy.positions, 7)
    results = {
        key: np.round(value, 6) if np.ndim(value) else float(value)
        for key, value in frame.calc.results.items()
    }
    copy.calc = SinglePointCalculator(copy, **results)
    return copy


def bias_bonds(config: dict[str, Any]) -> dict[str, Bonds]:
    return {
        name: Bonds(b["mean_A"], b["coordination"], Species.parse(b["ligand"]))
        for name, b in config["bias"]["bonds"].items()
    }


def load_teaching(config: dict[str, Any]) -> Teaching:
    import torch
    from chgnet.model.dynamics import CHGNetCalculator

    torch.set_num_threads(1)
    wall, teacher = None, None
    if "wall" in config:
        from redoxmc.data.walls import MomentWall, WalledTeacher

        part = config["wall"]
        begins = {name: (moment, 1) for name, moment in part["above"].items()}
        begins |= {name: (moment, -1) for name, moment in part["below"].items()}
        wall = MomentWall(begins, part["slope"], part["onset"])
        teacher = WalledTeacher([Species.parse(s) for s in config["species"]], wall)
    return Teaching(
        teacher or CHGNetCalculator(use_device="cpu"),
        BondBias(config["bias"]["strength"], bias_bonds(config)),
        Species.parse(config["reduced"]),
        Species.parse(config["oxidised"]),
        config["moment_threshold"],
        config["largest_force"],
        wall,
    )


def main(path: Path) -> None:
    warnings.simplefilter("ignore")
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    folder, stem = path.parent, path.stem
    parts = folder / f"{stem}.parts"
    teaching = load_teaching(config)
    makers = (
        state_tasks,
        reference_tasks,
        swap_tasks,
        large_tasks,
        model_tasks,
        led_tasks,
        end_tasks,
    )
    tasks = [task for maker in makers for task in maker(config, folder, teaching)]
    frames, dropped = [], 0
    for number, (name, run) in enumerate(tasks):
        part = parts / f"{name}.extxyz"
        if not part.exists():
            tally = run(np.random.default_rng([config["seed"], number]))
            note = Atoms(info={"dropped": tally.dropped})  # an atomless last frame: the count
            replace_atomically(
                part, lambda p, t=tally, n=note: write(p, [*t.kept, n], format="extxyz")
            )
        *kept, note = read(part, ":")
        frames += kept
        dropped += int(note.info["dropped"])
        print(
            f"{number + 1}/{len(tasks)} {name}: {len(frames)} kept, {dropped} dropped", flush=True
        )
    if "part" in config:  # an addition to one part of another set
        parted = {config["part"]: frames}
    elif "reuse" in config:
        parted = split_with_reused(frames, config, folder, teaching)
    else:
        parted = split(frames, config)
    for name, chosen in parted.items():
        prefix = config.get("prefix", f"{stem.removeprefix('distil_')}_")
        out = folder / f"{prefix}{name}.extxyz"
        write_labelled(out, [rounded(frame) for frame in chosen])
        print(f"{out.name}: {len(chosen)} frames")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
