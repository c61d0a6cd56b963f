"""Errors on labelled frames whose energies are on another scale."""

import numpy as np
import pytest
from ase import Atoms

from model_comparison.errors import left_after_fit


def frame(*states: str) -> Atoms:
    symbols = [state.rstrip("0123456789+-") for state in states]
    atoms = Atoms(symbols, np.arange(3 * len(states)).reshape(-1, 3))
    atoms.set_array("charge_state", np.array(states))
    return atoms


def test_reference_energies_explain_another_scale_and_nothing_else() -> None:
    frames = [
        frame("Fe2+", "O2-"),
        frame("Fe3+", "O2-", "Fe3+", "O2-", "O2-"),
        frame("Fe2+", "O2-", "Fe3+", "O2-", "O2-", "Fe3+"),
        frame("Fe2+", "O2-", "Fe2+", "O2-"),
    ]
    own = {"Fe2+": -3.0, "Fe3+": 1.5, "O2-": 0.25}
    scale = np.array([sum(own[s] for s in f.arrays["charge_state"]) for f in frames])
    left, fitted = left_after_fit(frames, scale)
    assert fitted == 3
    assert left == pytest.approx(0, abs=1e-10)
    wrong = scale + np.array([0.1, 0.0, 0.0, 0.0])
    left, _ = left_after_fit(frames, wrong)
    assert np.abs(left).max() > 0.01


def test_frames_of_one_composition_have_one_constant() -> None:
    frames = [frame("Fe2+", "Fe3+", "O2-")] * 3
    left, fitted = left_after_fit(frames, np.array([5.0, 5.3, 5.6]))
    assert fitted == 1
    assert left == pytest.approx([-0.3, 0.0, 0.3])
