"""Which structures become labelled frames: the teacher's moments must confirm the charge order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from redoxmc.data.bond_bias import Floats
from redoxmc.io.extxyz import COLUMN
from redoxmc.model_card import Bonds
from redoxmc.species import Species

if TYPE_CHECKING:  # it needs torch
    from distillation.moment_wall import MomentWall


@dataclass(frozen=True)
class BondBias:
    """The bias on bond lengths that holds a charge order.

    strength: eV/Å^2.
    bonds: target mean bond lengths by name of the redox species.
    """

    strength: float
    bonds: Mapping[str, Bonds]


@dataclass(frozen=True)
class Labeller:
    """The teacher, and the rules by which its labels are kept.

    teacher: an ASE calculator with moments.
    bias: holds the charge order while a structure relaxes; labels come without it.
    reduced, oxidised: the two charge states of the redox ion.
    threshold: µB, between the moments of reduced and oxidised; see `strayed`.
    largest_force: eV/Å; frames with a larger one are dropped, they say nothing of relaxed states.
    wall: of a teacher whose charge states are held by one. Its frames are kept in any order; those
        with an ion on the wrong side of the threshold come without moments.
    """

    teacher: Any
    bias: BondBias
    reduced: Species
    oxidised: Species
    threshold: float
    largest_force: float
    wall: "MomentWall | None" = None

    def frame(self, atoms: Atoms, label: dict[str, Any], **info: Any) -> Atoms | None:
        """Return the labelled frame, None where it is not kept."""
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
class LabelledFrames:
    """Frames that were kept.

    kept: the frames.
    dropped: how many were not kept because of their moments or forces.
    """

    kept: list[Atoms]
    dropped: int = 0

    def add(self, frame: Atoms | None) -> bool:
        """Keep a frame, or count it as dropped where it is None; return whether it was kept."""
        if frame is None:
            self.dropped += 1
            return False
        self.kept.append(frame)
        return True

    def extend(self, others: "LabelledFrames") -> None:
        """Add the frames and the count of others."""
        self.kept += others.kept
        self.dropped += others.dropped


# a name, and what makes frames from a random generator
Task = tuple[str, Callable[[np.random.Generator], LabelledFrames]]


def charge_states(atoms: Atoms) -> list[str]:
    """Return the species names of a structure, from its `charge_state` column."""
    return [str(name) for name in atoms.arrays[COLUMN]]


def with_states(atoms: Atoms, states: Sequence[str]) -> Atoms:
    """Return a copy of atoms with another `charge_state` column."""
    copy = atoms.copy()
    copy.set_array(COLUMN, np.array(states, dtype=object).astype(str))
    return copy


def strayed(
    states: Sequence[str], moments: Floats, reduced: Species, oxidised: Species, threshold: float
) -> npt.NDArray[np.bool_]:
    """Say of each atom whether its moment (µB) puts a redox ion on the wrong side of the threshold.

    The sign of a moment is left out. The reduced ion is the one with the smaller moment where
    threshold > 0 (high-spin Fe2+ 4 µB, Fe3+ 5 µB), with the larger one where threshold < 0 (Ti3+).
    """
    below, above = (reduced, oxidised) if threshold > 0 else (oxidised, reduced)
    sides = {str(below): False, str(above): True}
    return np.array(
        [
            state in sides and (abs(moment) > abs(threshold)) != sides[state]
            for state, moment in zip(states, moments, strict=True)
        ]
    )
