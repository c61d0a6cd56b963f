"""Molecular dynamics in a LAMMPS session: pieces of trajectories, and forces along a path."""

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from redoxmc.engines.lammps import LammpsSession, State
from redoxmc.engines.md_phase import Phase
from redoxmc.errors import EngineError, InputError
from redoxmc.models.card import ModelCard
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats

T = TypeVar("T")
LOADS = 2000  # after so many a new LAMMPS: kspace_style ewald/disp slows down with every set-up


class Dynamics(Protocol):
    """What a replica asks of its dynamics; EngineError where something fails."""

    def trajectory(
        self, cell: Floats, start: Phase, species: Sequence[Species], steps: int, time_step: float
    ) -> tuple[Phase, float]:
        """Newton's equations over steps of `time_step` ps: the end, and its potential energy."""

    def begin(self, cell: Floats, positions: Floats, species: Sequence[Species]) -> None:
        """Load a structure whose forces are wanted along a path."""

    def forces(self, positions: Floats, species: Sequence[Species]) -> tuple[float, Floats]:
        """Energy (eV) and forces (n, 3) eV/Å at positions (n, 3) Å, as species."""

    def minimize(
        self,
        cell: Floats,
        positions: Floats,
        species: Sequence[Species],
        *,
        force_tolerance: float,
        max_iterations: int,
    ) -> State:
        """Relax the ions in a fixed cell."""


class MdSession(LammpsSession):
    """A LAMMPS session that integrates. As in its parent, a result depends on the call alone.

    `trajectory` and `begin` load their structure anew, so that a run that is stopped and resumed
    goes on bit for bit. `forces` is a call on what `begin` has loaded; the second set of species
    that it is asked for gets a LAMMPS of its own, as types cannot change without a new set-up.
    """

    def __init__(self, card: ModelCard, comm: Any = None, inputs: Path | None = None):
        super().__init__(card, comm, inputs)
        self._rotation: Floats = np.eye(3)
        self._cell: Floats = np.eye(3)
        self._inverse: Floats = np.eye(3)
        self._start_positions: Floats = np.zeros((0, 3))
        self._present: tuple[Species, ...] = ()
        self._twin: MdSession | None = None
        self._labelled = self._set_up = False
        self._loads = 0

    def trajectory(
        self, cell: Floats, start: Phase, species: Sequence[Species], steps: int, time_step: float
    ) -> tuple[Phase, float]:
        """Newton's equations at constant cell over `steps` of `time_step` (ps): velocity Verlet.

        Returns the end and its potential energy (eV). Raises EngineError on NaN or a lost atom.
        """
        return self._caught(lambda: self._trajectory(cell, start, species, steps, time_step))

    def begin(self, cell: Floats, positions: Floats, species: Sequence[Species]) -> None:
        """Load a structure whose forces are wanted along a path."""
        self._caught(lambda: self._begin(cell, positions, species))

    def forces(self, positions: Floats, species: Sequence[Species]) -> tuple[float, Floats]:
        """Energy (eV) and forces (eV/Å) of the loaded atoms at positions (n, 3) Å, as species."""
        return self._caught(lambda: self._forces(positions, species))

    def dump(
        self, path: Path, step: int, cell: Floats, phase: Phase, species: Sequence[Species]
    ) -> None:
        """Append a frame to a LAMMPS dump: id, type (a species), element, positions, velocities.

        step: written as the frame's time step.
        """
        self._caught(lambda: self._dump(path, step, cell, phase, species))

    def close(self) -> None:
        """End LAMMPS; the next call starts a new instance."""
        super().close()
        self._labelled, self._present, self._loads = False, (), 0
        if self._twin is not None:
            self._twin.close()

    def _caught(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (EngineError, InputError):
            self.close()
            raise
        except Exception as error:  # what LAMMPS throws comes as plain exceptions
            self.close()
            raise EngineError(str(error).strip()) from None

    def _begin(self, cell: Floats, positions: Floats, species: Sequence[Species]) -> None:
        if self._loads >= LOADS:
            self.close()
        self._loads += 1
        self._rotation = self._load(cell, positions, species)
        self._cell, self._start_positions = cell, positions
        self._inverse = np.asarray(np.linalg.inv(cell))
        self._present, self._set_up = tuple(species), False
        if self._twin is not None:
            self._twin._present = ()  # what it holds belongs to another path

    def _trajectory(
        self, cell: Floats, start: Phase, species: Sequence[Species], steps: int, time_step: float
    ) -> tuple[Phase, float]:
        self._begin(cell, start.positions, species)
        self._scatter("v", start.velocities)
        self._set("dt", time_step)
        self._set("steps", steps)
        self._lammps.file(str(self.inputs / "md.lmp"))
        energy = float(self._lammps.get_thermo("pe"))
        positions, velocities = self._unwrapped(self._gather("x")), self._gather("v")
        if not (np.isfinite(energy) and np.isfinite(positions).all()):
            raise EngineError("the energy or a position is not a number")
        return Phase(positions, velocities), energy

    def _forces(self, positions: Floats, species: Sequence[Species]) -> tuple[float, Floats]:
        wanted = tuple(species)
        if wanted == self._present:
            return self._call(positions)
        if self._twin is None:
            self._twin = MdSession(self.card, self.comm, self.inputs)
        if self._twin._present != wanted:
            self._twin._begin(self._cell, positions, wanted)
        return self._twin._call(positions)

    def _call(self, positions: Floats) -> tuple[float, Floats]:
        # wrapped before it is written: an atom must not jump over a subdomain to its owner
        scaled = positions @ self._inverse
        self._scatter("x", (scaled - np.floor(scaled)) @ self._cell)
        # One step without an integrator moves nothing. Setting up each call anew would cost more
        # than a small system's forces, and with some styles more from call to call.
        self._lammps.command("run 1 pre no post no" if self._set_up else "run 0 post no")
        self._set_up = True
        energy = float(self._lammps.get_thermo("pe"))
        forces = self._gather("f")
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise EngineError("the energy or a force is not a number")
        return energy, forces

    def _dump(
        self, path: Path, step: int, cell: Floats, phase: Phase, species: Sequence[Species]
    ) -> None:
        self._begin(cell, phase.positions, species)
        self._scatter("v", phase.velocities)
        self._lammps.command(f"reset_timestep {step}")
        if not self._labelled:  # a label map can be given once
            labels = " ".join(f"{kind} {one}" for one, kind in self._types.items())
            self._lammps.command(f"labelmap atom {labels}")
            self._labelled = True
        elements = " ".join(one.element for one in self.card.species)
        self._lammps.command(
            f'write_dump all custom "{path}" id typelabel element x y z vx vy vz '
            f"modify append yes sort id element {elements} format float %.10g"
        )

    def _scatter(self, name: str, values: Floats) -> None:
        flat = np.ascontiguousarray(values @ self._rotation.T).ravel()
        self._lammps.scatter_atoms(name, 1, 3, flat.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))

    def _gather(self, name: str) -> Floats:
        raw: Any = self._lammps.gather_atoms(name, 1, 3)
        return np.array(np.ctypeslib.as_array(raw)).reshape(-1, 3) @ self._rotation

    def _unwrapped(self, positions: Floats) -> Floats:
        now = positions @ self._inverse
        now -= np.round(now - self._start_positions @ self._inverse)
        result: Floats = now @ self._cell
        return result
