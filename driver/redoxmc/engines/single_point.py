"""Energy, forces and stress of one structure with LAMMPS, for checks: no session is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.engines.load_model import load_model
from redoxmc.errors import EngineError, InputError
from redoxmc.model_card import load_card
from redoxmc.plugin.per_atom import Floats, follow, read
from redoxmc.species import Species
from redoxmc.units import BAR_TO_EV_PER_A3


@dataclass(frozen=True)
class Structure:
    """A periodic structure in charge states."""

    cell: Floats  # (3, 3) Å, rows are vectors, right-handed
    positions: Floats  # (N, 3) Å
    species: tuple[str, ...]  # N names (`Fe2+`)

    @classmethod
    def from_atoms(cls, atoms: Any) -> "Structure":
        """Take an ASE structure with the column `charge_state`; InputError where not periodic."""
        if not all(atoms.pbc):
            raise InputError("the structure is not periodic in all three directions.")
        return cls(
            np.array(atoms.cell),
            np.array(atoms.positions),
            tuple(str(name) for name in atoms.arrays["charge_state"]),
        )


@dataclass(frozen=True)
class Job:
    """What to evaluate: a structure with a model folder."""

    model: Path
    structure: Structure
    # LAMMPS commands before the box is made (`newton off`, `processors 2 1 1`)
    commands: tuple[str, ...] = ()
    # replaces the pair style line, such as `redoxmc backend torchscript`
    pair_style: str = "redoxmc"
    # commands after a first evaluation (`set atom 3 type 2`); what counts is a second one
    then: tuple[str, ...] = ()


@dataclass(frozen=True)
class SinglePoint:
    """What a model gives for a structure; moments and charges are empty where it gives none."""

    energy: float  # eV
    forces: Floats  # (N, 3) eV/Å
    stress: Floats  # (xx, yy, zz, yz, xz, xy) eV/Å^3, positive in tension
    atom_energies: Floats  # (N,) eV
    atom_virials: Floats  # (N, 6) bar Å^3: xx, yy, zz, xy, xz, yz in LAMMPS' own frame
    moments: Floats = field(default_factory=lambda: np.empty(0))  # (N,) µB
    charges: Floats = field(default_factory=lambda: np.empty(0))  # (N,) e


def evaluate(job: Job, comm: Any = None) -> SinglePoint:
    """Evaluate on the ranks of an mpi4py communicator (all of them call), or on this process alone.

    Raises InputError for a species that the model lacks, EngineError where LAMMPS fails.
    """
    card = load_card(job.model)
    missing = sorted(set(job.structure.species) - {str(s) for s in card.species})
    if missing:
        raise InputError(f"{job.model} has no species {missing}; it has {_names(card.species)}.")

    from redoxmc.plugin.load import import_lammps

    lammps = import_lammps()
    if comm is None:
        from mpi4py import MPI

        comm = MPI.COMM_SELF
    lower, rotation = _lower_triangular(job.structure.cell)
    code = {str(s): k for k, s in enumerate(card.species, start=1)}
    types = [code[name] for name in job.structure.species]
    with lammps.lammps(cmdargs=["-screen", "none", "-log", "none"], comm=comm) as lmp:
        try:
            lmp.commands_list(["units metal", "atom_style charge", "box tilt large"])
            lmp.commands_list(list(job.commands))
            _make_atoms(lmp, lower, job.structure.positions @ rotation, types, len(code))
            for number, species in enumerate(card.species, start=1):
                lmp.command(f"mass {number} {species.mass}")
                if str(species) in card.lammps_charges:
                    lmp.command(f"set type {number} charge {card.lammps_charges[str(species)]}")
            load_model(lmp, card, comm, job.pair_style, refused=EngineError)
            if job.then:
                lmp.commands_list(["run 0", *job.then])
            result = _run(lmp, rotation)
            own = card.reference_energy([Species.parse(name) for name in job.structure.species])
            return replace(result, energy=result.energy + own)
        except (EngineError, InputError):
            raise
        except Exception as error:  # the lammps module raises bare Exception
            raise EngineError(f"LAMMPS: {error}".split("\nLast")[0]) from None


def _names(species: Sequence[Species]) -> str:
    return " ".join(map(str, species))


def _lower_triangular(cell: Floats) -> tuple[Floats, Floats]:
    """LAMMPS' form of a cell: lower = cell @ rotation, with a positive diagonal."""
    if np.linalg.det(cell) <= 0:
        raise InputError("the cell is not right-handed, or has no volume.")
    q, r = np.linalg.qr(cell.T)
    signs = np.sign(np.diag(r))
    return np.tril((r.T) * signs), q * signs


def _make_atoms(lmp: Any, lower: Floats, positions: Floats, types: list[int], n_types: int) -> None:
    lengths, tilts = np.diag(lower), (lower[1, 0], lower[2, 0], lower[2, 1])
    numbers = " ".join(f"0 {length:.17g}" for length in lengths)
    if any(abs(t) > 1e-12 * lengths[0] for t in tilts):
        tilt = " ".join(f"{t:.17g}" for t in tilts)
        lmp.command(f"region box prism {numbers} {tilt} units box")
    else:
        lmp.command(f"region box block {numbers} units box")
    lmp.command(f"create_box {n_types} box")
    wrapped = (np.linalg.solve(lower.T, positions.T).T % 1.0) @ lower
    count = lmp.create_atoms(len(types), list(range(1, len(types) + 1)), types, wrapped.ravel())
    if lmp.get_natoms() != len(types):
        raise EngineError(f"LAMMPS made {count} atoms of {len(types)}")


def _run(lmp: Any, rotation: Floats) -> SinglePoint:
    followed = follow(lmp)
    lmp.commands_list(
        [
            "compute virial all pressure NULL virial",
            "compute atom_energy all pe/atom",
            "compute atom_virial all stress/atom NULL virial",
            "compute sum all reduce sum c_atom_energy c_atom_virial[1]",
            "thermo_style custom step pe c_virial[1] c_sum[1] c_sum[2]",
            "run 0",
        ]
    )
    n = lmp.get_natoms()
    per_atom = read(lmp, followed)
    pressure = np.array([lmp.extract_compute("virial", 0, 1)[k] for k in range(6)])
    xx, yy, zz, xy, xz, yz = -pressure * BAR_TO_EV_PER_A3
    tensor = rotation @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ rotation.T
    return SinglePoint(
        energy=float(lmp.get_thermo("pe")),
        forces=np.array(lmp.gather_atoms("f", 1, 3)).reshape(n, 3) @ rotation.T,
        stress=tensor[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        atom_energies=np.array(lmp.gather("c_atom_energy", 1, 1)),
        atom_virials=np.array(lmp.gather("c_atom_virial", 1, 6)).reshape(n, 6),
        moments=per_atom.get("moment", np.empty(0)),
        charges=per_atom.get("charge", np.empty(0)),
    )
