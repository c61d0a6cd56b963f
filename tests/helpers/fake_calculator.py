"""An ASE calculator for tests: springs, and moments that keep the charge order wanted, or not."""

import os
import time
import uuid
from pathlib import Path

import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Fake(Calculator):
    """Site moments are 0.93 times the initial ones. Each call leaves a file in `calls`.

    seconds: how long a call takes. swap: exchange the moments of the first 3+ and the first 2+ ion.
    fail: raise. kill: die by a signal.
    """

    implemented_properties = ("energy", "forces", "stress", "magmoms")

    def __init__(self, calls, seconds=0.0, swap=False, fail=False, kill=False) -> None:
        super().__init__()
        self.options = (Path(calls), seconds, swap, fail, kill)

    def calculate(self, atoms=None, properties=(), system_changes=tuple(all_changes)) -> None:
        super().calculate(atoms, properties, system_changes)
        calls, seconds, swap, fail, kill = self.options
        (calls / uuid.uuid4().hex).write_text(repr(self.atoms.positions.tolist()))
        time.sleep(seconds)
        if fail:
            raise RuntimeError("the density wandered\nby several eV")
        if kill:
            os.kill(os.getpid(), 11)
        moments = 0.93 * self.atoms.get_initial_magnetic_moments()
        if swap:
            high, low = int(np.argmax(moments)), int(np.argmin(np.where(moments > 1, moments, 9)))
            moments[[high, low]] = moments[[low, high]]
        away = self.atoms.positions - self.atoms.positions.mean(0)
        self.results = {
            "energy": float((away**2).sum()) * 1e-3,
            "forces": -2e-3 * away,
            "stress": np.arange(6) * 1e-3,
            "magmoms": moments,
        }
