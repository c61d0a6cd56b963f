"""Energies and forces of a few atoms that move in a large crystal, by the pair style's own library.

What `fix redoxmc/swap` evaluates at each step of a path (region.h says what, and why it is exact),
for paths that are taken in Python.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from redoxmc.errors import EngineError, InputError
from redoxmc.plugin.build import ensure_plugin
from redoxmc.plugin.load import import_lammps

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DOUBLES = ctypes.POINTER(ctypes.c_double)
_INTEGERS = ctypes.POINTER(ctypes.c_int)


class LocalRegion:
    """A model that is asked about some atoms of a crystal, by two sets of species at once.

    model: its `model.pt`. whole: evaluate all atoms at every step instead, to test against.
    Raises InputError where the model cannot be loaded.
    """

    def __init__(self, model: Path, whole: bool = False) -> None:
        # whose symbols the library needs; a LAMMPS instance loads it the same way
        lammps = Path(import_lammps().__file__).parent
        ctypes.CDLL(str(lammps / "liblammps.so"), ctypes.RTLD_GLOBAL)
        self._library: Any = ctypes.CDLL(str(ensure_plugin()))
        for name in ("open", "problem"):
            getattr(self._library, f"redoxmc_local_{name}").restype = ctypes.c_void_p
        self._library.redoxmc_local_problem.restype = ctypes.c_char_p
        handle = self._library.redoxmc_local_open(str(model).encode(), int(whole))
        if not handle:
            raise InputError(f"{model} is not a usable model: {self._problem()}.")
        self._handle = ctypes.c_void_p(handle)
        self._n_mobile = 0

    def close(self) -> None:
        """Give its memory back."""
        if self._handle:
            self._library.redoxmc_local_close(self._handle)
            self._handle = ctypes.c_void_p(None)

    def begin(
        self,
        cell: Floats,
        positions: Floats,
        before: Sequence[str],
        after: Sequence[str],
        mobile: Ints,
    ) -> None:
        """Choose the crystal and the atoms that may move.

        cell: (3, 3) Å. positions: (n, 3) Å. before, after: (n,) names of species; they may differ
        for atoms that move. mobile: (m,) ascending indices.
        """
        rows = {name: self._row(name) for name in {*before, *after}}
        x = np.ascontiguousarray(positions, dtype=np.float64)
        box = np.ascontiguousarray(cell, dtype=np.float64)
        kinds = [np.array([rows[one] for one in names], dtype=np.intc) for names in (before, after)]
        chosen = np.ascontiguousarray(mobile, dtype=np.intc)
        self._n_mobile = len(chosen)
        self._check(
            self._library.redoxmc_local_begin(
                self._handle,
                len(x),
                box.ctypes.data_as(_DOUBLES),
                x.ctypes.data_as(_DOUBLES),
                kinds[0].ctypes.data_as(_INTEGERS),
                kinds[1].ctypes.data_as(_INTEGERS),
                len(chosen),
                chosen.ctypes.data_as(_INTEGERS),
            )
        )

    def evaluate(self, positions: Floats) -> tuple[Floats, Floats]:
        """Energies (2,) in eV and forces (2, m, 3) in eV/Å, by the species before and after.

        positions: (m, 3) Å of the atoms that may move. The zero of energy is the same for all calls
        since `begin`. Raises EngineError where the model gives no finite number.
        """
        x = np.ascontiguousarray(positions, dtype=np.float64)
        if x.shape != (self._n_mobile, 3):
            raise ValueError(f"positions of {self._n_mobile} atoms wanted, not {x.shape}")
        energies, forces = np.empty(2), np.empty((2, self._n_mobile, 3))
        self._check(
            self._library.redoxmc_local_evaluate(
                self._handle,
                x.ctypes.data_as(_DOUBLES),
                energies.ctypes.data_as(_DOUBLES),
                forces.ctypes.data_as(_DOUBLES),
            )
        )
        return energies, forces

    def path(
        self, velocities: Floats, masses: Floats, steps: int, time_step: float, mvv2e: float
    ) -> tuple[Floats, float]:
        """The path of `fix redoxmc/swap` from the positions of `begin`: its end (m, 3) Å, work eV.

        velocities: (m, 3) Å/ps. masses: (m,) g/mol. time_step: ps. mvv2e: eV per g/mol Å^2/ps^2.
        """
        v = np.ascontiguousarray(velocities, dtype=np.float64)
        m = np.ascontiguousarray(masses, dtype=np.float64)
        if v.shape != (self._n_mobile, 3) or m.shape != (self._n_mobile,):
            raise ValueError(f"velocities and masses of {self._n_mobile} atoms wanted")
        end, work = np.empty_like(v), ctypes.c_double()
        self._check(
            self._library.redoxmc_local_path(
                self._handle,
                v.ctypes.data_as(_DOUBLES),
                m.ctypes.data_as(_DOUBLES),
                steps,
                ctypes.c_double(time_step),
                ctypes.c_double(mvv2e),
                end.ctypes.data_as(_DOUBLES),
                ctypes.byref(work),
            )
        )
        return end, work.value

    @property
    def evaluated(self) -> int:
        """How many atoms a step evaluates."""
        return int(self._library.redoxmc_local_evaluated(self._handle))

    def _row(self, species: str) -> int:
        row = int(self._library.redoxmc_local_row(self._handle, species.encode()))
        if row < 0:
            raise InputError(f"the model has no species '{species}'.")
        return row

    def _check(self, failed: int) -> None:
        if failed:
            raise EngineError(self._problem())

    def _problem(self) -> str:
        return str(self._library.redoxmc_local_problem().decode())
