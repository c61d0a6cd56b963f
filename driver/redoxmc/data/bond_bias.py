"""A bias on bond lengths that holds a structure near a chosen charge order while it relaxes.

Where a model alone would leave a charge order, a term k (mean bond length - target)^2 for every
redox ion, over its nearest ligands, keeps the geometry near that order. Energies and forces of the
model itself, without the bias, are kept beside the biased ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.calculators.calculator import all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from redoxmc.data.ase_calculator import WholeCalculator
from redoxmc.model_card import Bonds
from redoxmc.structures.neighbours import neighbours

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
REACH = 3.0  # times the target bond length: how far ligands are looked for


@dataclass(frozen=True)
class Shell:
    """The nearest ligands of one redox ion."""

    centre: int  # index of the ion
    ligands: Ints  # (n,) indices of its ligands
    # (n, 3) Å, from each ligand's position to the periodic image that is nearest to the ion
    shifts: Floats
    target: float  # the mean bond length (Å) that the bias pulls towards

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
        near = neighbours(atoms.cell, atoms.positions, REACH * bond.mean, [i], atoms.pbc)
        near = near[elements[near.point] == bond.ligand.element].once().nearest(bond.coordination)
        shells.append(Shell(i, near.point, near.offset, bond.mean))
    return shells


class BiasedCalculator(WholeCalculator):
    """ASE calculator: another calculator plus the bias.

    model: the other calculator; it gives energy, forces, stress and magmoms.
    strength: of the bias, eV/Å^2.
    unbiased: what the model alone gave for the last structure, as `evaluate` returns it.
    """

    def __init__(self, model: Any, shells: Sequence[Shell], strength: float) -> None:
        super().__init__()
        self.model, self.shells, self.strength = model, list(shells), strength
        self.unbiased: dict[str, Any] = {}

    def compute(self, atoms: Atoms) -> dict[str, Any]:
        """Return the biased results; the moments are those of the model."""
        self.unbiased = evaluate(self.model, atoms)
        energy, forces = self.unbiased["energy"], self.unbiased["forces"].copy()
        virial = np.zeros((3, 3))
        for shell in self.shells:
            vectors = shell.vectors(atoms.positions)
            lengths = np.linalg.norm(vectors, axis=1)
            gap = lengths.mean() - shell.target
            energy += self.strength * gap**2
            pull = 2 * self.strength * gap / len(lengths) * vectors / lengths[:, None]
            np.add.at(forces, shell.ligands, -pull)
            forces[shell.centre] += pull.sum(0)
            virial += pull.T @ vectors
        stress = self.unbiased["stress"] + full_3x3_to_voigt_6_stress(virial / atoms.get_volume())
        moments = self.unbiased["magmoms"]
        return {"energy": energy, "forces": forces, "stress": stress, "magmoms": moments}


def evaluate(calculator: Any, atoms: Atoms) -> dict[str, Any]:
    """Return energy (eV), forces (eV/Å), stress (eV/Å^3, Voigt), magmoms (µB)."""
    names = ["energy", "forces", "stress", "magmoms"]
    calculator.calculate(atoms, names, all_changes)
    results = calculator.results
    label: dict[str, Any] = {n: np.array(results[n], dtype=np.float64) for n in names[1:]}
    if label["stress"].shape == (3, 3):  # CHGNet's calculator
        label["stress"] = full_3x3_to_voigt_6_stress(label["stress"])
    return {"energy": float(results["energy"]), **label}
