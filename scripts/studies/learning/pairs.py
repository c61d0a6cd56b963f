"""Energy differences between charge orders: what a model of positions alone cannot learn.

Two kinds of pairs of frames: relaxed states of two charge orders at one ion order, and one geometry
in two charge orders (`exchanged`, `led_relabelled` in the set of DFT frames).
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dft.describe import order_of
from redoxmc.io.extxyz import COLUMN

if TYPE_CHECKING:
    from ase import Atoms

Pair = tuple[int, int]
Floats = npt.NDArray[np.float64]
_SAME = 1e-4  # Å: two frames whose atoms are nearer than this are one geometry


def states_at_one_ion_order(frames: "Sequence[Atoms]") -> list[Pair]:
    """Return the pairs of relaxed states (`made_by = state`) that differ in their charges alone."""
    chosen = [(n, order_of(f)) for n, f in enumerate(frames) if f.info.get("made_by") == "state"]
    return [
        (i, j)
        for (i, one), (j, two) in combinations(chosen, 2)
        if one is not None
        and two is not None
        and (one.cell, one.ion_order, one.x) == (two.cell, two.ion_order, two.x)
    ]


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


def held_out(pairs: Iterable[Pair], frames: "Sequence[Atoms]") -> tuple[list[Pair], list[Pair]]:
    """Part pairs into those of training frames alone, and those with a frame that is held out."""
    own: list[Pair] = []
    others: list[Pair] = []
    for pair in pairs:
        tests = [frames[n].info.get("part") == "test" for n in pair]
        (others if any(tests) else own).append(pair)
    return own, others


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
