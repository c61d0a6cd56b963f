"""Large systems are solved by another way than small ones: both give the same step."""

import numpy as np
import pytest
from scipy.sparse import block_diag, csr_matrix, random
from scipy.sparse.linalg import splu

from redoxmc.structures import constrained_step as module
from redoxmc.structures.constrained_step import constrained_step


@pytest.fixture
def problem():
    """A metric of small blocks, and constraints that overlap."""
    rng = np.random.default_rng(4)
    blocks = [np.eye(6) + 25.0 * (r := rng.standard_normal((3, 6))).T @ r for _ in range(40)]
    constraint = csr_matrix(random(50, 240, 0.08, random_state=5))
    return block_diag(blocks, format="csc"), constraint, rng.standard_normal(240), rng.random(50)


def test_both_ways_give_the_smallest_displacement_that_keeps_the_constraints(problem, monkeypatch):
    metric, constraint, moved, residual = problem
    solve = splu(metric).solve
    direct = constrained_step(solve, constraint, moved, residual)
    monkeypatch.setattr(module, "LARGE", 10)
    iterated = constrained_step(solve, constraint, moved, residual)
    assert np.abs(direct - iterated).max() < 1e-8
    for step in (direct, iterated):
        assert np.abs(constraint @ step - residual).max() < 1e-8
        # what is left of the gradient lies in the span of the constraints
        gradient = metric @ (moved + step)
        left, *_ = np.linalg.lstsq(constraint.T.toarray(), gradient, rcond=None)
        assert np.abs(constraint.T @ left - gradient).max() < 1e-7 * np.abs(gradient).max()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_constraints_that_contradict_each_other_are_an_error(problem, monkeypatch):
    metric, _, moved, _ = problem
    twice = csr_matrix(np.vstack([np.ones(240), np.ones(240)]))
    monkeypatch.setattr(module, "LARGE", 1)
    with pytest.raises(RuntimeError, match="did not converge"):
        constrained_step(splu(metric).solve, twice, moved, np.array([0.0, 1.0]))


def test_a_constraint_given_twice_counts_once(problem):
    metric, constraint, moved, residual = problem
    solve = splu(metric).solve
    once = constrained_step(solve, constraint[:1], moved, residual[:1])
    both = csr_matrix(np.vstack([constraint[:1].toarray()] * 2))
    twice = constrained_step(solve, both, moved, np.repeat(residual[:1], 2))
    assert np.abs(once - twice).max() < 1e-9
