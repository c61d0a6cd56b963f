"""Relaxations of a teacher that is held in a charge order, and the frames along them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import FIRE

from distillation.labelling import BondBias, LabelledFrames, Labeller, charge_states
from redoxmc.data.bond_bias import BiasedCalculator, Floats, Shell, evaluate, find_shells
from redoxmc.data.variants import shaken

_LARGEST_GAP = 1e-6  # Å, between an imposed mean bond length and its target
_NEWTON_STEPS = 10


def in_cell(atoms: Atoms, cell: Floats) -> Atoms:
    """Return a copy with its fractional coordinates in another cell (3, 3) Å."""
    copy = atoms.copy()
    copy.set_cell(cell, scale_atoms=True)
    return copy


def impose_bonds(atoms: Atoms, shells: Sequence[Shell]) -> None:
    """Displace ligands, by as little as possible, until every mean bond length is its target.

    Newton steps of minimal norm on the constraints; the redox ions stay where they are. Raises
    ValueError where ten steps do not reach 1e-6 Å.
    """
    fixed = {shell.centre for shell in shells}
    for _ in range(_NEWTON_STEPS):
        positions = atoms.positions
        gap = np.empty(len(shells))
        gradient = np.zeros((len(shells), len(atoms), 3))
        for row, shell in enumerate(shells):
            vectors = shell.vectors(positions)
            lengths = np.linalg.norm(vectors, axis=1)
            gap[row] = shell.target - lengths.mean()
            np.add.at(gradient[row], shell.ligands, vectors / lengths[:, None] / len(lengths))
        if not len(shells) or np.abs(gap).max() < _LARGEST_GAP:
            return
        gradient[:, list(fixed)] = 0.0
        step = np.linalg.pinv(gradient.reshape(len(shells), -1)) @ gap
        atoms.positions += step.reshape(-1, 3)
    raise ValueError(
        f"the bond lengths asked for cannot be imposed; {np.abs(gap).max():.3f} Å left"
    )


def reference_start(atoms: Atoms, bias: BondBias) -> Atoms:
    """Return a copy with every redox ion's mean bond length at its charge state's value."""
    copy = atoms.copy()
    impose_bonds(copy, find_shells(copy, charge_states(copy), bias.bonds))
    return copy


def relaxation(
    start: Atoms, labeller: Labeller, biased_steps: int, free_steps: int, force_tolerance: float
) -> Iterator[tuple[int, Atoms, dict[str, Any]]]:
    """Relax the ions with the bias, then without it.

    Yields the step, the structure and the teacher's label without the bias. force_tolerance: eV/Å.
    """
    atoms = start.copy()
    shells = find_shells(atoms, charge_states(atoms), labeller.bias.bonds)
    first = 0
    for strength, steps in ((labeller.bias.strength, biased_steps), (0.0, free_steps)):
        calculator = BiasedCalculator(labeller.teacher, shells, strength)
        atoms.calc = calculator
        step = first
        for number, _ in enumerate(FIRE(atoms, logfile=None).irun(force_tolerance, steps)):
            step = first + number
            yield step, atoms.copy(), calculator.unbiased
        first = step + 1


def along_relaxation(
    start: Atoms,
    labeller: Labeller,
    keep: Sequence[int],
    *,
    biased_steps: int = 40,
    free_steps: int = 25,
    force_tolerance: float = 0.1,
    **info: Any,
) -> LabelledFrames:
    """Return the frames at the steps listed in keep, and the last one, of a relaxation.

    It ends where the free teacher leaves the charge order: what follows belongs to another one.
    info: goes into each frame.
    """
    frames = LabelledFrames([])
    last: tuple[int, Atoms, dict[str, Any]] | None = None
    for step, atoms, label in relaxation(
        start, labeller, biased_steps, free_steps, force_tolerance
    ):
        if step > biased_steps and labeller.frame(atoms, label) is None:
            frames.add(None)
            break
        last = (step, atoms, label)
        if step in keep:
            frames.add(labeller.frame(atoms, label, step=step, **info))
            last = None
    if last is not None:
        frames.add(labeller.frame(last[1], last[2], step=last[0], **info))
    return frames


def around(
    atoms: Atoms,
    labeller: Labeller,
    rng: np.random.Generator,
    widths: Sequence[float],
    strain: float,
    **info: Any,
) -> LabelledFrames:
    """Label a structure rattled by each of the widths (Å), and strained where the width is > 0."""
    frames = LabelledFrames([])
    for width in widths:
        copy = shaken(atoms, rng, width, strain if width > 0 else 0.0)
        frames.add(labeller.frame(copy, evaluate(labeller.teacher, copy), step=0, **info))
    return frames
