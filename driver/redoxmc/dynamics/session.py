"""Molecular dynamics in a LAMMPS session: pieces of trajectories, and forces along a path."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from redoxmc.dynamics.phase import Phase
from redoxmc.engines.lammps import LammpsSession, State, T
from redoxmc.engines.model_files import private_copy
from redoxmc.errors import EngineError, InputError
from redoxmc.model_card import ModelCard
from redoxmc.plugin import per_atom
from redoxmc.plugin.local_region import LocalRegion
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats, Ints

# positions (m, 3) Å -> energies (2,) eV and forces (2, m, 3) eV/Å, before and after a change
Local = Callable[[Floats], tuple[Floats, Floats]]


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

    def local(
        self,
        cell: Floats,
        positions: Floats,
        before: Sequence[Species],
        after: Sequence[Species],
        mobile: Ints,
    ) -> Local | None:
        """Energies and forces of a few atoms (ascending indices) that alone move on a path.

        The zero of energy is that of the call. None where the model has no finite range.
        """

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

    def __init__(
        self, card: ModelCard, comm: Any = None, inputs: Path | None = None, device: str = "auto"
    ):
        super().__init__(card, comm, inputs, device)
        self._present: tuple[Species, ...] = ()
        self._twin: MdSession | None = None
        self._region: LocalRegion | None = None

    def trajectory(
        self, cell: Floats, start: Phase, species: Sequence[Species], steps: int, time_step: float
    ) -> tuple[Phase, float]:
        """Newton's equations at constant cell over `steps` of `time_step` (ps): velocity Verlet.

        Returns the end and its potential energy (eV). Raises EngineError on NaN or a lost atom.
        """
        return self._guarded(self._trajectory, cell, start, species, steps, time_step)

    def forces(self, positions: Floats, species: Sequence[Species]) -> tuple[float, Floats]:
        """Energy (eV) and forces (eV/Å) of the loaded atoms at positions (n, 3) Å, as species."""
        return self._guarded(self._forces, positions, species)

    def local(
        self,
        cell: Floats,
        positions: Floats,
        before: Sequence[Species],
        after: Sequence[Species],
        mobile: Ints,
    ) -> Local | None:
        """Energies and forces of a few atoms that alone move, as in Dynamics.

        The first rank computes; the others get what it finds, so that all decide alike.
        """
        if self.card.is_classical:
            return None

        def begin() -> None:
            if self._region is None:
                self._region = LocalRegion(private_copy(self.card) / "model.pt")
            names = [str(one) for one in before], [str(one) for one in after]
            self._region.begin(cell, positions, *names, mobile)

        def evaluate(x: Floats) -> tuple[Floats, Floats]:
            assert self._region is not None
            return self._region.evaluate(x)

        self._on_first(begin)
        return lambda x: self._on_first(lambda: evaluate(x))

    def dump(
        self, path: Path, step: int, cell: Floats, phase: Phase, species: Sequence[Species]
    ) -> dict[str, Floats]:
        """Append a frame to a LAMMPS dump: id, type (a species), element, positions, velocities.

        step: written as the frame's time step. Where the model gives moments (µB) and charges (e)
        of atoms, they are columns, too, and returned: (n,) each, by "moment" and "charge".
        """
        return self._guarded(self._dump, path, step, cell, phase, species)

    def close(self) -> None:
        """End LAMMPS; the next call starts a new instance."""
        super().close()
        self._present = ()
        if self._twin is not None:
            self._twin.close()
        if self._region is not None:
            self._region.close()
            self._region = None

    def _on_first(self, work: Callable[[], T]) -> T:
        """What the first rank makes of it, for all ranks; its failure is everyone's."""
        if self.comm is None or self.comm.Get_size() == 1:
            return work()
        result: tuple[T | None, EngineError | InputError | None] = (None, None)
        if self._rank == 0:
            try:
                result = work(), None
            except (EngineError, InputError) as error:
                result = None, error
        value, problem = self.comm.bcast(result)
        if problem is not None:
            raise problem
        return value  # type: ignore[no-any-return]

    def _load(self, cell: Floats, positions: Floats, species: Sequence[Species]) -> None:
        super()._load(cell, positions, species)
        self._present = tuple(species)
        if self._twin is not None:
            self._twin._present = ()  # what it holds belongs to another path

    def _trajectory(
        self, cell: Floats, start: Phase, species: Sequence[Species], steps: int, time_step: float
    ) -> tuple[Phase, float]:
        self._load(cell, start.positions, species)
        self._scatter("v", start.velocities)
        self._set("dt", time_step)
        self._set("steps", steps)
        self._lammps.file(str(self.inputs / "md.lmp"))
        energy = self._energy()
        positions, velocities = self._unwrapped(self._gather("x")), self._gather("v")
        if not (np.isfinite(energy) and np.isfinite(positions).all()):
            raise EngineError("the energy or a position is not a number")
        return Phase(positions, velocities), energy

    def _forces(self, positions: Floats, species: Sequence[Species]) -> tuple[float, Floats]:
        wanted = tuple(species)
        if wanted == self._present:
            return self._call(positions)
        if self._twin is None:
            self._twin = MdSession(self.card, self.comm, self.inputs, self.device)
        if self._twin._present != wanted:
            self._twin._load(self._cell, positions, wanted)
        return self._twin._call(positions)

    def _dump(
        self, path: Path, step: int, cell: Floats, phase: Phase, species: Sequence[Species]
    ) -> dict[str, Floats]:
        self._load(cell, phase.positions, species)
        self._scatter("v", phase.velocities)
        self._lammps.command(f"reset_timestep {step}")
        names = self._per_atom
        columns = [f"c_{per_atom.COMPUTE}[{n}]" for n in range(1, len(names) + 1)]
        columns = [f"c_{per_atom.COMPUTE}"] if len(names) == 1 else columns
        labels = " ".join(f"colname {c} {n}" for c, n in zip(columns, names, strict=True))
        if names:
            self._lammps.command("run 0 post no")
        elements = " ".join(one.element for one in self.card.species)
        self._lammps.command(
            f'write_dump all custom "{path}" id typelabel element x y z vx vy vz '
            f"{' '.join(columns)} "
            f"modify append yes sort id element {elements} format float %.10g {labels}"
        )
        return per_atom.read(self._lammps, names)
