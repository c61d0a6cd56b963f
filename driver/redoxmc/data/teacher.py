"""A teacher held in a chosen charge order by a bias on bond lengths, and the check that it obeyed.

A pretrained model without charge states (CHGNet) has one energy surface: where electrons sit
follows from the geometry. A term k (mean bond length - D)^2 for every redox ion, over its nearest
ligands, keeps the geometry in the basin of the charge order wanted; labels are the teacher's own,
without the bias, and only where its moments confirm the order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from redoxmc.model_card import Bonds
from redoxmc.species import Species

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CHARGE_STATE = "charge_state"  # the per-atom string column of our structure files


@dataclass(frozen=True)
class BondBias:
    """strength: k in eV/Å^2. bonds: target mean bond lengths by name of the redox species."""

    strength: float
    bonds: Mapping[str, Bonds]


@dataclass(frozen=True)
class Shell:
    """The ligands of one redox ion: its index, theirs, the periodic shift of each and the target.

    Shifts and the target mean bond length in Å.
    """

    centre: int
    ligands: Ints
    shifts: Floats
    target: float

    def vectors(self, positions: Floats) -> Floats:
        """Vectors from the ion to its ligands, (n, 3) in Å."""
        result: Floats = positions[self.ligands] + self.shifts - positions[self.centre]
        return result


def find_shells(atoms: Atoms, states: Sequence[str], bonds: Mapping[str, Bonds]) -> list[Shell]:
    """Find the nearest ligands of every ion that `bonds` has a target for."""
    shells = []
    elements = np.array(atoms.get_chemical_symbols())
    for i, state in enumerate(states):
        if state not in bonds:
            continue
        bond = bonds[state]
        candidates = np.flatnonzero(elements == bond.ligand.element)
        vectors = atoms.get_distances(i, candidates, mic=True, vector=True)
        order = np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")[: bond.coordination]
        ligands = candidates[order]
        shifts = vectors[order] - (atoms.positions[ligands] - atoms.positions[i])
        shells.append(Shell(i, ligands, shifts, bond.mean))
    return shells


def impose_bonds(atoms: Atoms, shells: Sequence[Shell]) -> None:
    """Displace ligands, by as little as possible, until every mean bond length is its target.

    Newton steps of minimal norm on the constraints; the redox ions stay where they are. Raises
    ValueError where ten steps do not reach 1e-6 Å.
    """
    fixed = {shell.centre for shell in shells}
    for _ in range(10):
        positions = atoms.positions
        gap = np.empty(len(shells))
        gradient = np.zeros((len(shells), len(atoms), 3))
        for row, shell in enumerate(shells):
            vectors = shell.vectors(positions)
            lengths = np.linalg.norm(vectors, axis=1)
            gap[row] = shell.target - lengths.mean()
            np.add.at(gradient[row], shell.ligands, vectors / lengths[:, None] / len(lengths))
        if not len(shells) or np.abs(gap).max() < 1e-6:
            return
        gradient[:, list(fixed)] = 0.0
        step = np.linalg.pinv(gradient.reshape(len(shells), -1)) @ gap
        atoms.positions += step.reshape(-1, 3)
    raise ValueError(
        f"the bond lengths asked for cannot be imposed; {np.abs(gap).max():.3f} Å left"
    )


class BiasedTeacher(Calculator):  # type: ignore[misc]
    """ASE calculator: a teacher plus the bias; the teacher's own results stay in `unbiased`."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress", "magmoms"]

    def __init__(self, teacher: Any, shells: Sequence[Shell], strength: float) -> None:
        super().__init__()
        self.teacher, self.shells, self.strength = teacher, list(shells), strength
        self.unbiased: dict[str, Any] = {}

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt) and moments (µB)."""
        super().calculate(atoms, properties, system_changes)
        self.unbiased = evaluate(self.teacher, self.atoms)
        energy, forces = self.unbiased["energy"], self.unbiased["forces"].copy()
        virial = np.zeros((3, 3))
        for shell in self.shells:
            vectors = shell.vectors(self.atoms.positions)
            lengths = np.linalg.norm(vectors, axis=1)
            gap = lengths.mean() - shell.target
            energy += self.strength * gap**2
            pull = 2 * self.strength * gap / len(lengths) * vectors / lengths[:, None]
            np.add.at(forces, shell.ligands, -pull)
            forces[shell.centre] += pull.sum(0)
            virial += pull.T @ vectors
        stress = self.unbiased["stress"] + full_3x3_to_voigt_6_stress(
            virial / self.atoms.get_volume()
        )
        moments = self.unbiased["magmoms"]
        self.results = {"energy": energy, "forces": forces, "stress": stress, "magmoms": moments}


def evaluate(teacher: Any, atoms: Atoms) -> dict[str, Any]:
    """Label a structure: energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt), magmoms (µB)."""
    names = ["energy", "forces", "stress", "magmoms"]
    teacher.calculate(atoms, names, all_changes)
    results = teacher.results
    label: dict[str, Any] = {n: np.array(results[n], dtype=np.float64) for n in names[1:]}
    if label["stress"].shape == (3, 3):  # CHGNet's calculator
        label["stress"] = full_3x3_to_voigt_6_stress(label["stress"])
    return {"energy": float(results["energy"]), **label}


def strayed(
    states: Sequence[str], moments: Floats, reduced: Species, oxidised: Species, threshold: float
) -> npt.NDArray[np.bool_]:
    """Say of each atom whether its moment (µB) puts a redox ion on the wrong side of the threshold.

    The sign of a moment is left out; the reduced ion is the one with the smaller moment where
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
