"""Moments of atoms from a LAMMPS session, at the end of a relaxation or along it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from redoxmc.engines.lammps import LammpsSession, State
from redoxmc.errors import EngineError
from redoxmc.plugin.per_atom import COMPUTE
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats


def minimize_and_record(
    session: LammpsSession,
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
    session.close()  # a session starts a new LAMMPS now and then, which would lack the dump
    names = list(session.evaluate(cell, positions, species).per_atom)
    if "moment" not in names:
        raise EngineError(f"the model {session.card.name} has no moments")
    column = f"[{names.index('moment') + 1}]" if len(names) > 1 else ""
    with tempfile.TemporaryDirectory(prefix="redoxmc-") as folder:
        dump = Path(folder) / "moments.dump"
        session.command(f'dump moments all custom 1 "{dump}" id c_{COMPUTE}{column}')
        session.command("dump_modify moments sort id format float %.8g")
        state = session.minimize(
            cell,
            positions,
            species,
            force_tolerance=force_tolerance,
            max_iterations=max_iterations,
        )
        session.command("undump moments")  # a session that has failed has none any more
        return state, _read_dump(dump, len(species))


def _read_dump(path: Path, n_atoms: int) -> Floats:
    """The last column of each step of a dump that is sorted by ID, (steps, n_atoms)."""
    steps = path.read_text(encoding="utf-8").split("ITEM: ATOMS")[1:]
    return np.array(
        [[float(r.split()[-1]) for r in s.splitlines()[1 : n_atoms + 1]] for s in steps]
    )
