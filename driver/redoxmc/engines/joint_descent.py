"""Relaxation of ions and cell together: one quasi-Newton descent with one metric for both.

The ions move in a deformed cell: r = X (1 + ε), cell = cell_0 (1 + ε), with X and the symmetric
strain ε as the variables. Force constants alone say nothing of the strain; with the elastic
constants at fixed X and the coupling of both (engines/force_constants.py) a relaxation of ions and
cell costs little more than one of the ions, where a relaxation of the ions at every cell costs
several times as much.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from redoxmc.engines.quasi_newton import LONGEST, Solve, descend, largest_force
from redoxmc.engines.tensors import mandel, strain_of
from redoxmc.structures.lattice import Floats

MAX_STRAIN = 0.03  # of one step
# Å: a strain times this is a variable like a displacement; one limit of the step serves both
LENGTH = LONGEST / MAX_STRAIN

# cell (3, 3) Å, positions (n, 3) Å -> energy (eV), forces (n, 3) eV/Å, stress (3, 3) eV/Å^3
Evaluate = Callable[[Floats, Floats], tuple[float, Floats, Floats]]


@dataclass(frozen=True)
class Tolerances:
    """Where a relaxation ends.

    force: largest on an atom, eV/Å.
    stress: largest component, eV/Å^3.
    iterations: after so many steps it has failed.
    """

    force: float
    stress: float
    iterations: int


def descend_with_cell(
    evaluate: Evaluate, cell: Floats, positions: Floats, solve: Solve, tolerances: Tolerances
) -> int:
    """Minimize over positions and cell at zero pressure; returns the evaluations it took.

    cell: (3, 3) Å. positions: (n, 3) Å. solve: multiplies a gradient (3n + 6,) by a guess of the
    inverse Hessian, strains in Mandel's notation. The last call of `evaluate` is at the result.
    Raises EngineError where the energy does not fall along a step or does not converge.

    Source: Tadmor et al., Phys. Rev. B 59, 235 (1999), eq. 6, for the gradient by the deformation.
    """
    n = len(positions)

    def forces(point: Floats) -> tuple[float, Floats]:
        deformation = _deformation(point[n:])
        now = cell @ deformation
        energy, force, stress = evaluate(now, point[:n] @ deformation)
        gradient = abs(np.linalg.det(now)) * np.linalg.solve(deformation, stress)
        of_strain = -mandel((gradient + gradient.T) / 2) / LENGTH
        return energy, np.vstack([force @ deformation, of_strain.reshape(2, 3)])

    def scaled_solve(gradient: Floats) -> Floats:
        scaled = gradient.copy()
        scaled[3 * n :] *= LENGTH
        step = solve(scaled)
        step[3 * n :] *= LENGTH
        return step

    volume = abs(np.linalg.det(cell))

    def size(force: Floats) -> float:
        """The largest force, or the largest stress as the force that is as far from its end."""
        stress = np.abs(strain_of(force[n:].ravel() * LENGTH)).max() / volume
        return max(largest_force(force[:n]), float(stress) * tolerances.force / tolerances.stress)

    start = np.vstack([positions, np.zeros((2, 3))])
    limits = tolerances.force, tolerances.iterations
    return descend(forces, start, scaled_solve, *limits, size)[1]


def _deformation(rows: Floats) -> Floats:
    deformation: Floats = np.eye(3) + strain_of(rows.ravel() / LENGTH)
    return deformation
