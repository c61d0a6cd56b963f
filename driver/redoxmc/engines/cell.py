"""Relaxation of ions and cell at zero pressure: quasi-Newton over strains, ions relaxed at each.

LAMMPS' own fix box/relax is not used: it keeps no crystal system but an orthorhombic one, and its
objective depends on the cell that it starts from, so that it has to be repeated.
"""

from collections.abc import Callable

import numpy as np

from redoxmc.engines.lammps import State
from redoxmc.engines.tensors import mandel, strain_of, tensor_of
from redoxmc.errors import EngineError
from redoxmc.structures.lattice import Floats

MAX_ROUNDS = 40
MAX_STRAIN = 0.03  # of one step
STIFFNESS = 0.6  # eV/Å^3 (100 GPa): the first guess of the elastic constants
LOOSE = 10.0  # while the cell still moves, the ions need not be finer than this times the tolerance

Minimize = Callable[
    [Floats, Floats, float], State
]  # cell, positions, factor of the force tolerance
Project = Callable[[Floats], Floats]  # of a (3, 3) symmetric strain or stress


def relax_cell(
    minimize: Minimize,
    cell: Floats,
    positions: Floats,
    stress_tolerance: float,
    project: Project = lambda tensor: tensor,
) -> State:
    """Relax ions and cell until the projected stress is below stress_tolerance (eV/Å^3).

    minimize: relaxes the ions in a fixed cell. cell: (3, 3) Å. positions: (n, 3) Å. project: keeps
    the strains that are allowed, for instance those of a crystal system. BFGS on the strain
    (Nocedal & Wright, ch. 6). Raises EngineError after 40 rounds.
    """
    inverse_hessian = np.eye(6) / (STIFFNESS * abs(np.linalg.det(cell)))
    step, gradient = np.zeros(6), np.zeros(6)
    evaluations, fine = 0, False
    for _ in range(MAX_ROUNDS):
        state = minimize(cell, positions, 1.0 if fine else LOOSE)
        evaluations += state.force_evaluations
        stress = project(tensor_of(state.stress))
        converged = np.abs(stress).max() <= stress_tolerance
        if converged and fine:
            return State(**{**state.__dict__, "force_evaluations": evaluations})
        fine = fine or bool(converged)
        new_gradient = mandel(stress) * abs(np.linalg.det(cell))
        if step.any():
            inverse_hessian = _update(inverse_hessian, step, new_gradient - gradient)
        gradient = new_gradient
        step = np.zeros(6) if converged else -inverse_hessian @ gradient
        step *= min(1.0, MAX_STRAIN / max(np.abs(step).max(), 1e-300))
        deformation = np.eye(3) + project(strain_of(step))
        cell, positions = state.cell @ deformation, state.positions @ deformation
    raise EngineError(
        f"the cell did not relax: stress {np.abs(stress).max():.1e} eV/Å^3 after {MAX_ROUNDS} "
        f"rounds, wanted {stress_tolerance:g}"
    )


def _update(inverse: Floats, step: Floats, change: Floats) -> Floats:
    """BFGS update of the inverse Hessian; none where the curvature is not positive."""
    curvature = float(step @ change)
    if curvature <= 1e-12:
        return inverse
    left = np.eye(6) - np.outer(step, change) / curvature
    updated: Floats = left @ inverse @ left.T + np.outer(step, step) / curvature
    return updated
