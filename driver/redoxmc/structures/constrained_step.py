"""One Newton step of a minimum under linear constraints, for systems of any size."""

from collections.abc import Callable
from typing import Any

import numpy as np

from redoxmc.structures.lattice import Floats

LARGE = 2_000  # constraints: above, they are solved by iterations
PRECISION = 1e-10

Solve = Callable[[Any], Floats]  # multiplies by the inverse of the metric


def constrained_step(solve: Solve, constraint: Any, moved: Floats, residual: Floats) -> Floats:
    """Solve metric (u + du) + C^T m = 0 and C du = residual for du, (n,).

    solve: metric^-1 times (n,) or (n, k), positive definite. constraint: sparse C,
    (n_constraints, n). moved: u, (n,). The multipliers come from
    C metric^-1 C^T m = -(residual + C u): directly up to 2,000 of them, above by conjugate
    gradients to a relative 1e-10. Raises RuntimeError where these do not converge.

    Source: Nocedal & Wright, Numerical Optimization, 2nd ed., sections 16.1 and 16.2.
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.sparse.linalg import LinearOperator, cg

    right = -(residual + constraint @ moved)
    transposed = constraint.T.tocsr()
    if len(residual) <= LARGE:
        carried = solve(transposed.toarray())
        try:
            multipliers = cho_solve(cho_factor(constraint @ carried), right)
        except np.linalg.LinAlgError:  # they depend on each other: met as well as they can be
            multipliers = np.linalg.lstsq(constraint @ carried, right, rcond=1e-10)[0]
        step: Floats = -moved - carried @ multipliers
        return step
    schur = LinearOperator(
        (len(residual),) * 2, lambda m: constraint @ solve(transposed @ m), dtype=float
    )
    multipliers, failed = cg(schur, right, rtol=PRECISION, maxiter=2000)
    if failed:
        raise RuntimeError("the constraints of the reference start did not converge")
    return -moved - solve(transposed @ multipliers)
