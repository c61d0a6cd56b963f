"""Minimization with a guess of the Hessian: L-BFGS whose first metric is the guess.

With force constants of the host (engines/force_constants.py) a relaxation takes a dozen force
evaluations where conjugate gradients take a hundred and fifty.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from redoxmc.errors import EngineError
from redoxmc.structures.lattice import Floats

HISTORY = 20  # pairs of steps and changes of gradient that are kept
LONGEST = 0.1  # Å: no atom moves farther in one step
SUFFICIENT = 1e-4  # of the slope: Armijo's condition
NOISE = 1e-12  # relative: differences of the energy below this say nothing
HALVINGS = 12
# The energy still to be gained, as the metric sees it, at the end: this times tolerance^2. With the
# tolerance of 1e-3 eV/Å it is 1e-7 eV; a small largest force alone leaves 1e-5 in soft directions.
REMAINING = 0.1  # eV / (eV/Å)^2

Forces = Callable[[Floats], tuple[float, Floats]]  # (n, 3) Å -> eV, (n, 3) eV/Å
Solve = Callable[[Floats], Floats]  # (3n,) gradient, eV/Å -> (3n,) inverse Hessian times it, Å


def largest_force(force: Floats) -> float:
    """The largest force (eV/Å) of (n, 3); 0 for no atoms."""
    return float(np.linalg.norm(force, axis=1).max(initial=0.0))


def descend(
    forces: Forces,
    start: Floats,
    solve: Solve,
    tolerance: float,
    max_iterations: int,
    size: Callable[[Floats], float] = largest_force,
) -> tuple[Floats, int]:
    """Minimize from start; returns the positions (n, 3) Å and the force evaluations it took.

    solve: multiplies by a symmetric positive definite guess of the inverse Hessian. tolerance:
    largest force on an atom, eV/Å, or of what `size` takes for it. The last call of `forces` is at
    the result. Raises EngineError where the energy does not fall along a step or after
    max_iterations.

    Source: Nocedal & Wright, Numerical Optimization, algorithms 7.4 and 3.1.
    """
    x, pairs = start, deque[tuple[Floats, Floats, float]](maxlen=HISTORY)
    energy, force = forces(x)
    evaluations = 1
    for _ in range(max_iterations):
        gradient = -force.ravel()
        direction = -_two_loops(gradient, pairs, solve)
        slope = float(gradient @ direction)
        if size(force) <= tolerance and -slope / 2 <= REMAINING * tolerance**2:
            return x, evaluations
        move = direction.reshape(-1, 3)
        length = float(np.linalg.norm(move, axis=1).max())
        step = min(1.0, LONGEST / length) if length > 0 else 1.0
        for _ in range(HALVINGS):
            trial, trial_force = forces(x + step * move)
            evaluations += 1
            if trial <= energy + SUFFICIENT * step * slope + NOISE * abs(energy):
                break
            step /= 2
        else:
            raise EngineError("the energy does not fall along a step", evaluations)
        taken, change = step * direction, -trial_force.ravel() - gradient
        curvature = float(taken @ change)
        if curvature > 1e-12 * float(change @ change):
            pairs.append((taken, change, 1.0 / curvature))
        x, energy, force = x + step * move, trial, trial_force
    raise EngineError(f"no minimum after {max_iterations} steps", evaluations)


def _two_loops(
    gradient: Floats, pairs: "deque[tuple[Floats, Floats, float]]", solve: Solve
) -> Floats:
    """The inverse Hessian times the gradient, from the guess and the history."""
    q, weights = gradient.copy(), []
    for taken, change, inverse in reversed(pairs):
        weights.append(inverse * float(taken @ q))
        q -= weights[-1] * change
    z = solve(q)
    for (taken, change, inverse), weight in zip(pairs, reversed(weights), strict=True):
        z = z + taken * (weight - inverse * float(change @ z))
    return z
