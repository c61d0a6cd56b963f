"""States for DFT: every order of the small cell, as the teacher relaxes it with its bias."""

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

from distillation.cells import Cell, make_cell
from distillation.data_set import rounded
from distillation.labelling import Labeller
from distillation.relaxations import relaxation
from distillation.settings import load_labeller
from distillation.states import with_listed_states
from redoxmc.config.reading import read_toml
from redoxmc.io.extxyz import write_labelled

STEPS, FORCE = 80, 0.05  # of FIRE; eV/Å with the bias
FREE_STEPS = 300  # of FIRE without the bias, where the teacher has a wall that holds the order
REDUCED_SITES = "fe2_sites"  # entry of a state's `info`


def write_states(path: Path, states: Path, out: Path) -> None:
    """Relax one state of each order and write them by priority, labelled by the teacher.

    path: file of a data set, which names host and teacher. states: file of structures that list
    their reduced sites.
    """
    config = read_toml(path)
    cell = make_cell(config, path.parent, [1, 1, 1])
    labeller = load_labeller(config)
    relaxed: dict[str, Atoms] = {}
    for atoms in read(states, ":"):
        start = with_listed_states(atoms, REDUCED_SITES, cell, config)
        key = cell.key(cell.order_of(start))
        if key in relaxed:
            continue
        frame = _relaxed(start, labeller, cell)
        if frame is None:
            print(f"{key}: the moments do not confirm the order", flush=True)
            continue
        relaxed[key] = frame
        force = np.abs(frame.get_forces()).max()
        print(f"{key}: {frame.get_potential_energy():.3f} eV, {force:.2f} eV/Å", flush=True)
    write_labelled(out, [rounded(frame) for frame in by_priority(list(relaxed.values()))])


def _relaxed(atoms: Atoms, labeller: Labeller, cell: Cell) -> Atoms | None:
    """The biased relaxation in a cell with right angles; None where the moments lose the order.

    A teacher with a wall goes on without the bias, to a state of its own.
    """
    start = atoms.copy()
    start.set_cell(np.diag(start.cell.lengths()), scale_atoms=True)
    free = 0 if labeller.wall is None else FREE_STEPS
    *_, (_, end, label) = relaxation(start, labeller, STEPS, free, FORCE if not free else FORCE / 5)
    order = cell.order_of(end)
    about: dict[str, Any] = {"order": cell.key(order), "ion_order": cell.ion_key(order)}
    origin = "relaxation" if free else "biased relaxation"
    return labeller.frame(end, label, origin=origin, **about)


def by_priority(frames: list[Atoms]) -> list[Atoms]:
    """Sort states by what is to be computed first.

    End members; then of each ion order the lowest and the highest charge order; then the others.
    The ion order that has the lowest state of its concentration comes before the other ones.
    """
    groups: dict[str, list[Atoms]] = {}
    for frame in sorted(frames, key=lambda f: f.get_potential_energy()):
        groups.setdefault(frame.info["ion_order"], []).append(frame)
    keyed = []
    seen: dict[float, int] = {}
    for ions, group in groups.items():  # the lowest first, as the frames are
        x = ions.count("1") / len(ions)
        later = seen.setdefault(x, 0)
        seen[x] += 1
        for place, frame in enumerate(group):
            extreme = place in (0, len(group) - 1)
            keyed.append(((x not in (0, 1), later, not extreme, abs(x - 0.5), x, place), frame))
    return [frame for _, frame in sorted(keyed, key=lambda entry: entry[0])]
