"""Energy differences between charge orders at one geometry: what a model of positions cannot learn.

Such pairs are `exchanged` and `led_relabelled` frames of the set of DFT frames, with their twins.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from redoxmc.io.extxyz import COLUMN

if TYPE_CHECKING:
    from ase import Atoms

Pair = tuple[int, int]
Floats = npt.NDArray[np.float64]
_SAME = 1e-4  # Å: two frames whose atoms are nearer than this are one geometry


def one_geometry(frames: "Sequence[Atoms]") -> list[Pair]:
    """Return the pairs of frames with the same geometry and other charges."""
    return [
        (i, j)
        for (i, one), (j, two) in combinations(enumerate(frames), 2)
        if len(one) == len(two)
        and np.abs(one.cell.array - two.cell.array).max() < _SAME
        and np.abs(one.positions - two.positions).max() < _SAME
        and list(one.arrays[COLUMN]) != list(two.arrays[COLUMN])
    ]


def mean_difference(
    pairs: Sequence[Pair], expected: Floats, predicted: Floats, units: Sequence[int]
) -> float | None:
    """Return the mean absolute error of the differences, meV per unit; None without a pair.

    expected, predicted: energies of the frames, (n,) eV. units: redox sites of each frame.
    """
    errors = [
        abs((predicted[i] - predicted[j]) - (expected[i] - expected[j])) / units[i]
        for i, j in pairs
    ]
    return 1000 * float(np.mean(errors)) if errors else None
