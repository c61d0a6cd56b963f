"""Projectors kept between iterations, on a stand-in for GPAW's class."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from redoxmc.data.gpaw.projectors import keep_projectors


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Functions:
        def __init__(self, dtype: type) -> None:
            self.pd = SimpleNamespace(dtype=dtype, myQ_qG=[None, None])
            self.positions, self.made = 0.0, 0

        def set_positions(self, positions: float, atom_partition: Any = None) -> None:
            self.positions = positions

        def expand(self, q: int = -1, G1: int = 0, G2: Any = None, cc: bool = False) -> Any:
            self.made += 1
            return np.array([q, G1, -1 if G2 is None else G2, cc, self.positions])

    monkeypatch.setitem(sys.modules, "gpaw.pw.lfc", SimpleNamespace(PWLFC=Functions))
    keep_projectors()
    return Functions


def test_each_block_is_made_once_until_atoms_move(functions: Any) -> None:
    one, other = functions(complex), functions(complex)
    asked = [(0, 0, 5, False), (0, 5, 9, False), (1, 0, 5, False), (0, 0, 5, True)]
    for positions in (0.25, 0.5):
        one.set_positions(positions)
        for _ in range(3):
            for block in asked:
                np.testing.assert_array_equal(one.expand(*block), [*block, positions])
    assert one.made == 2 * len(asked)
    other.set_positions(0.75, atom_partition=None)
    assert other.expand(*asked[0])[-1] == 0.75


def test_functions_over_real_waves_are_made_anew(functions: Any) -> None:
    real = functions(float)
    assert real.expand(0) is not real.expand(0)
    assert real.made == 2
