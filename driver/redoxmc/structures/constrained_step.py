"""One Newton step of a minimum under linear constraints, for systems of any size."""

from typing import Any

import numpy as np

from redoxmc.structures.lattice import Floats

LARGE = 20_000  # unknowns: above, the constraints are solved by iterations
PRECISION = 1e-10


def constrained_step(metric: Any, constraint: Any, moved: Floats, residual: Floats) -> Floats:
    """Solve metric (u + du) + C^T m = 0 and C du = residual for du, (n,).

    metric: sparse (n, n), positive definite. constraint: sparse C, (n_constraints, n). moved: u,
    (n,). A direct solution of the whole system up to 20,000 unknowns. Above, fill-in makes that
    slow, so that the multipliers come from C metric^-1 C^T m = -(residual + C u) by conjugate
    gradients, to a relative 1e-10. Raises RuntimeError where these do not converge.

    Source: Nocedal & Wright, Numerical Optimization, 2nd ed., sections 16.1 and 16.2.
    """
    from scipy.sparse import bmat
    from scipy.sparse.linalg import LinearOperator, cg, splu, spsolve

    n = len(moved)
    if n <= LARGE:
        system = bmat([[metric, constraint.T], [constraint, None]], format="csc")
        right = np.concatenate([-metric @ moved, residual])
        step: Floats = spsolve(system, right)[:n]
        return step
    inverse = splu(metric.tocsc())  # stiff groups share no site: blocks, hence no fill-in
    transposed = constraint.T.tocsr()
    schur = LinearOperator(
        (len(residual),) * 2, lambda m: constraint @ inverse.solve(transposed @ m), dtype=float
    )
    multipliers, failed = cg(schur, -(residual + constraint @ moved), rtol=PRECISION, maxiter=2000)
    if failed:
        raise RuntimeError("the constraints of the reference start did not converge")
    back: Floats = inverse.solve(transposed @ multipliers)
    return -moved - back
