"""Grids of GPAW have an even number of points in each direction."""

import numpy as np
import pytest

from redoxmc.data.gpaw.grid import even_grid


@pytest.mark.parametrize(
    ("cell", "points"),
    [
        (np.diag([9.94, 5.84, 4.842]), [70, 40, 36]),  # 33 would do, which GPAW makes 35
        (np.diag([9.84, 5.78, 4.794]), [70, 40, 32]),
        (np.diag([10.5, 6.3, 10.0]), [70, 42, 70]),
        ([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [3.0, 0.0, 4.0]], [20, 20, 36]),  # 34 is slow
    ],
)
def test_even(cell: object, points: list[int]) -> None:
    assert even_grid(cell, 0.15) == points
    lengths = np.linalg.norm(np.asarray(cell), axis=1)
    assert (lengths / np.array(points) <= 0.15 + 1e-12).all()
