"""A LAMMPS session that also gives moments of atoms, at the end of a relaxation or along it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from redoxmc.engines.lammps import LammpsSession, State
from redoxmc.errors import EngineError
from redoxmc.plugin.per_atom import COMPUTE, read
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats


class MomentSession(LammpsSession):
    """A session whose model may have moments."""

    def moments(self) -> Floats | None:
        """Moments (n_atoms,) in µB as of the last evaluation; None where the model has none."""
        if self._lammps is None:
            raise EngineError("no structure is loaded")
        return read(self._lammps, self._per_atom).get("moment")

    def minimize_and_record(
        self,
        cell: Floats,
        positions: Floats,
        species: Sequence[Species],
        *,
        force_tolerance: float,
        max_iterations: int,
    ) -> tuple[State, Floats]:
        """Relax by LAMMPS' own minimizers with a dump of the moments; (steps, n_atoms) in µB.

        Raises EngineError where the model has no moments or the minimization fails.
        """
        self.close()  # a session starts a new LAMMPS now and then, which would lack the dump
        self.evaluate(cell, positions, species)
        names = self._per_atom
        if "moment" not in names:
            raise EngineError(f"the model {self.card.name} has no moments")
        column = f"[{names.index('moment') + 1}]" if len(names) > 1 else ""
        with tempfile.TemporaryDirectory(prefix="redoxmc-") as folder:
            dump = Path(folder) / "moments.dump"
            self._lammps.command(f'dump moments all custom 1 "{dump}" id c_{COMPUTE}{column}')
            self._lammps.command("dump_modify moments sort id format float %.8g")
            try:
                state = self.minimize(
                    cell,
                    positions,
                    species,
                    force_tolerance=force_tolerance,
                    max_iterations=max_iterations,
                )
            finally:
                if self._lammps is not None:
                    self._lammps.command("undump moments")
            return state, _read_dump(dump, len(species))


def _read_dump(path: Path, n_atoms: int) -> Floats:
    """The last column of each step of a dump that is sorted by ID, (steps, n_atoms)."""
    steps = path.read_text(encoding="utf-8").split("ITEM: ATOMS")[1:]
    return np.array(
        [[float(r.split()[-1]) for r in s.splitlines()[1 : n_atoms + 1]] for s in steps]
    )
