"""Walks of a model through structures that a teacher then labels: what relaxations and swaps visit.

A model costs next to nothing beside the teacher, so the model does the walking: from the reference
start, after swaps, along hops of an ion, at temperature, and towards equal bond lengths.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixedPlane
from ase.optimize import FIRE

from distillation.labelling import LabelledFrames, Labeller, charge_states, with_states
from distillation.model_on_cell import STATE_FORCE, ModelOnCell
from redoxmc.data.bond_bias import evaluate
from redoxmc.data.session_calculator import SessionCalculator
from redoxmc.data.variants import Variety, snapshots
from redoxmc.errors import EngineError
from redoxmc.structures.lattice import Floats, Occupancy

_STEPS = 60  # of FIRE, at each point of a path

Walk = Callable[[ModelOnCell, Occupancy, Floats, np.random.Generator], Iterator[Atoms]]


def descent(model: ModelOnCell, start: Atoms, keep: Sequence[int]) -> Iterator[Atoms]:
    """A relaxation with the model: the steps in keep, and the end of the session's minimizer."""
    atoms = start.copy()
    atoms.calc = SessionCalculator(model.session)
    for step, _ in enumerate(FIRE(atoms, logfile=None).irun(STATE_FORCE, max(keep))):
        if step in keep:
            yield _visited(atoms, step=step)
    yield _visited(model.minimized(start), step=-1)


def from_start(
    model: ModelOnCell, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Along a relaxation from the reference start."""
    yield from descent(model, model.start(order, box), (0, 4, 15))


def symmetric(
    model: ModelOnCell, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Along a relaxation from the undistorted host."""
    start = model.start(order, box)
    sites, _ = model.cell.lattice.atoms(order)
    distorter = model.distorter(int(order[model.cell.lattice.n_redox :].sum()), box)
    start.positions = distorter.positions[sites]
    yield from descent(model, start, (0, 4, 15))


def relabelled(
    model: ModelOnCell, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """The relaxed state of another order, one charge swap away, with the species of this one."""
    before = swapped(order, model.cell.lattice.n_redox, rng)
    if before is not None:
        states = charge_states(model.start(order, box))
        yield _visited(with_states(model.relaxed(before, box), states))


def swapped(order: Occupancy, n_redox: int, rng: np.random.Generator) -> Occupancy | None:
    """An order one random charge swap away; None where all redox ions are alike."""
    reduced, oxidised = np.flatnonzero(order[:n_redox] == 1), np.flatnonzero(order[:n_redox] == 0)
    if not len(reduced) or not len(oxidised):
        return None
    pair = [rng.choice(reduced), rng.choice(oxidised)]
    other = order.copy()
    other[pair] = other[pair[::-1]]
    return other


def after_swap(
    model: ModelOnCell, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Along the relaxation into this order from a state that one charge swap separates from it.

    The start carries the local distortions over, as `RelaxedEngine.relax_from` does.
    """
    n = model.cell.lattice.n_redox
    before = swapped(order, n, rng)
    if before is None:
        return
    distorter = model.distorter(int(order[n:].sum()), box)
    change = distorter.displacements(order) - distorter.displacements(before)
    sites, _ = model.cell.lattice.atoms(order)
    start = model.start(order, box)
    start.positions = model.relaxed(before, box).positions + change[sites]
    yield from descent(model, start, (0, 4, 15))


def equalised(
    model: ModelOnCell, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """From the state towards mean bond lengths anywhere between those of the charge states.

    The end point is drawn for each redox ion over the whole range. Labelling stops where the order
    is lost.
    """
    atoms = model.relaxed(order, box)
    begin = np.array([shell.target for shell in model.biased(atoms).shells])
    means = [bond.mean for bond in model.bias.bonds.values()]
    end = rng.uniform(min(means), max(means), len(begin))
    for part in (0.25, 0.5, 0.75, 1.0):
        atoms.calc = model.biased(atoms, list(begin + part * (end - begin)))
        FIRE(atoms, logfile=None).run(0.1, _STEPS)
        yield _visited(atoms, part=part)


def heated(
    model: ModelOnCell, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Snapshots of biased molecular dynamics at 300, 600 or 900 K."""
    state = model.relaxed(order, box)
    temperature = float(rng.choice([300.0, 600.0, 900.0]))
    variety = Variety(md_steps=150, snapshots=3, site_tolerance=1.5)
    for copy in snapshots(state, temperature, variety, model.biased(state), rng):
        yield _visited(copy, temperature_K=temperature)


def hopping(
    model: ModelOnCell, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """An ion on its way to the nearest ion site, with all other atoms relaxed around it.

    It goes up to half way where that site is vacant, else a third. At right angles to the path the
    ion is free to move.
    """
    lattice = model.cell.lattice
    occupied = np.flatnonzero(order[lattice.n_redox :] == 1).tolist()
    if not occupied:
        return
    paths = [
        path for ion in occupied for path in _paths(lattice.scaled[lattice.ion_sites], ion, box)
    ]
    vacant = [path for path in paths if order[lattice.n_redox + path[1]] == 0]
    ion, _, vector = (vacant or paths)[rng.integers(len(vacant or paths))]
    sites, _ = lattice.atoms(order)
    atom = int(np.flatnonzero(sites == lattice.ion_sites[ion])[0])
    atoms = model.relaxed(order, box)
    home = atoms.positions[atom].copy()
    for part in np.sort(rng.uniform(0.1, 0.5 if vacant else 0.33, 3)):
        atoms.set_constraint()
        atoms.positions[atom] += home + part * vector - atoms.positions[atom]
        atoms.set_constraint(FixedPlane(atom, vector / np.linalg.norm(vector)))
        atoms.calc = model.biased(atoms)
        FIRE(atoms, logfile=None).run(0.1, _STEPS)
        yield _visited(atoms, hop=float(part))


def _paths(scaled: Floats, ion: int, box: Floats) -> list[tuple[int, int, Floats]]:
    """(ion site, neighbouring ion site, vector Å) of the nearest neighbours, images included."""
    images = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    every = [
        (ion, other, (scaled[other] + image - scaled[ion]) @ box)
        for other in range(len(scaled))
        if other != ion
        for image in images
    ]
    shortest = min(float(np.linalg.norm(path[2])) for path in every) if every else 0.0
    return [path for path in every if np.linalg.norm(path[2]) < 1.05 * shortest]


WALKS: dict[str, Walk] = {
    "start": from_start,
    "equalised": equalised,
    "md": heated,
    "hop": hopping,
    "swap": after_swap,
    "symmetric": symmetric,
    "relabelled": relabelled,
}


def label_walk(
    frames: Iterator[Atoms], labeller: Labeller, until_lost: bool, **info: Any
) -> LabelledFrames:
    """Label what a walk visits.

    until_lost: whether to end where the moments lose the order. A walk also ends where the model
    fails, with the frames that it has by then.
    """
    labelled = LabelledFrames([])
    try:
        for atoms in frames:
            about = info | atoms.info
            label = evaluate(labeller.teacher, atoms)
            if not labelled.add(labeller.frame(atoms, label, **about)) and until_lost:
                break
    except EngineError:
        labelled.add(None)
    return labelled


def _visited(atoms: Atoms, **info: Any) -> Atoms:
    copy = atoms.copy()
    copy.calc = None
    copy.set_constraint()
    copy.info = dict(info)
    for name in ("momenta", "initial_magmoms"):
        copy.arrays.pop(name, None)
    return copy
