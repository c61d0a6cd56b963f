"""Trajectories of a biased teacher along the paths that relaxations of the driver take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.optimize import FIRE

from redoxmc.data.teacher import (
    CHARGE_STATE,
    BiasedTeacher,
    BondBias,
    Floats,
    evaluate,
    find_shells,
    impose_bonds,
    strayed,
)
from redoxmc.species import Species

if TYPE_CHECKING:  # it needs torch
    from redoxmc.data.walls import MomentWall


@dataclass(frozen=True)
class Teaching:
    """What stays the same for all frames.

    teacher: an ASE calculator with moments. threshold: µB between reduced and oxidised.
    largest_force: eV/Å; frames beyond are not kept, they say nothing about relaxed states.
    wall: of a teacher that knows charge states by one; its frames are kept in any order, those
    with an ion on the wrong side of the threshold without moments.
    """

    teacher: Any
    bias: BondBias
    reduced: Species
    oxidised: Species
    threshold: float
    largest_force: float
    wall: "MomentWall | None" = None

    def frame(self, atoms: Atoms, label: dict[str, Any], **info: Any) -> Atoms | None:
        """The labelled frame, or None where the moments do not confirm the charge order."""
        sides = (self.reduced, self.oxidised, self.threshold)
        wrong = strayed(charge_states(atoms), label["magmoms"], *sides)
        if wrong.any() and self.wall is None:
            return None
        if np.abs(label["forces"]).max() > self.largest_force:
            return None
        if wrong.any():
            label = {name: value for name, value in label.items() if name != "magmoms"}
        frame = atoms.copy()
        frame.calc = SinglePointCalculator(frame, **label)
        frame.info = info
        return frame


@dataclass
class Tally:
    """Frames kept, and how many were not because of the moments or the forces."""

    kept: list[Atoms]
    dropped: int = 0

    def add(self, frame: Atoms | None) -> bool:
        """Keep or count a frame; says whether it was kept."""
        if frame is None:
            self.dropped += 1
            return False
        self.kept.append(frame)
        return True


def charge_states(atoms: Atoms) -> list[str]:
    """The species names of a structure, from its `charge_state` column."""
    return [str(name) for name in atoms.arrays[CHARGE_STATE]]


def with_states(atoms: Atoms, states: Sequence[str]) -> Atoms:
    """A copy of atoms with another `charge_state` column."""
    copy = atoms.copy()
    copy.set_array(CHARGE_STATE, np.array(states, dtype=object).astype(str))
    return copy


def shaken(atoms: Atoms, rng: np.random.Generator, rattle: float, strain: float) -> Atoms:
    """A copy, strained by normal deviates of width strain and rattled by width rattle (Å)."""
    copy = atoms.copy()
    tensor = rng.normal(0.0, 1.0, (3, 3)) * strain * np.where(np.eye(3) > 0, 1.0, 0.3)
    copy.set_cell(copy.cell @ (np.eye(3) + (tensor + tensor.T) / 2), scale_atoms=True)
    copy.positions += rng.normal(0.0, rattle, copy.positions.shape)
    return copy


def in_cell(atoms: Atoms, cell: Floats) -> Atoms:
    """A copy with its fractional coordinates in another cell."""
    copy = atoms.copy()
    copy.set_cell(cell, scale_atoms=True)
    return copy


def reference_start(atoms: Atoms, bias: BondBias) -> Atoms:
    """A copy with every redox ion's mean bond length at its charge state's value."""
    copy = atoms.copy()
    impose_bonds(copy, find_shells(copy, charge_states(copy), bias.bonds))
    return copy


def relaxation(
    start: Atoms, teaching: Teaching, biased_steps: int, free_steps: int, force_tolerance: float
) -> Iterator[tuple[int, Atoms, dict[str, Any]]]:
    """Relax the ions with the bias, then without; give step, structure and unbiased label."""
    atoms = start.copy()
    shells = find_shells(atoms, charge_states(atoms), teaching.bias.bonds)
    first = 0
    for strength, steps in ((teaching.bias.strength, biased_steps), (0.0, free_steps)):
        calculator = BiasedTeacher(teaching.teacher, shells, strength)
        atoms.calc = calculator
        step = first
        for number, _ in enumerate(FIRE(atoms, logfile=None).irun(force_tolerance, steps)):
            step = first + number
            yield step, atoms.copy(), calculator.unbiased
        first = step + 1


def along_relaxation(
    start: Atoms,
    teaching: Teaching,
    keep: Sequence[int],
    *,
    biased_steps: int = 40,
    free_steps: int = 25,
    force_tolerance: float = 0.1,
    **info: Any,
) -> Tally:
    """Frames at the steps listed in keep (and the last) of a relaxation.

    It ends where the free teacher leaves the charge order: what follows belongs to another one.
    """
    tally = Tally([])
    last: tuple[int, Atoms, dict[str, Any]] | None = None
    for step, atoms, label in relaxation(
        start, teaching, biased_steps, free_steps, force_tolerance
    ):
        if step > biased_steps and teaching.frame(atoms, label) is None:
            tally.dropped += 1
            break
        last = (step, atoms, label)
        if step in keep:
            tally.add(teaching.frame(atoms, label, step=step, **info))
            last = None
    if last is not None:
        tally.add(teaching.frame(last[1], last[2], step=last[0], **info))
    return tally


def around(
    atoms: Atoms,
    teaching: Teaching,
    rng: np.random.Generator,
    widths: Sequence[float],
    strain: float,
    **info: Any,
) -> Tally:
    """Single points of a structure rattled by each of the widths (Å), strained where width > 0."""
    tally = Tally([])
    for width in widths:
        copy = shaken(atoms, rng, width, strain if width > 0 else 0.0)
        tally.add(teaching.frame(copy, evaluate(teaching.teacher, copy), step=0, **info))
    return tally
