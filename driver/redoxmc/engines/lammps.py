"""A LAMMPS session on a communicator: structures in, energies, forces, stresses and minima out.

The only module that knows LAMMPS. A session holds one model; every call loads its structure anew
(atoms created in the same order in the same box), so that a result depends on nothing but the call:
that makes relaxed energies bit-reproducible whatever was computed before.
"""

import ctypes
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from redoxmc.engines.box import lammps_axes, prism
from redoxmc.engines.load_model import lammps_reason, load_model
from redoxmc.engines.model_files import scratch_folder
from redoxmc.engines.quasi_newton import Solve, descend
from redoxmc.engines.tensors import VOIGT, tensor_of
from redoxmc.errors import NO_MPI, EngineError, InputError
from redoxmc.model_card import ModelCard
from redoxmc.plugin import per_atom
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats
from redoxmc.units import BAR_TO_EV_PER_A3

T = TypeVar("T")
CHARGE_TOLERANCE = 1e-6  # e per atom that a cell may have in all
LOADS = 2000  # after so many a new LAMMPS: kspace_style ewald/disp slows down with every set-up
_STATISTICS = re.compile(r"Iterations, force evaluations = (\d+) (\d+)")


@dataclass(frozen=True)
class State:
    """What LAMMPS says of a structure.

    energy: eV. cell: (3, 3) Å. positions: (n, 3) Å, not wrapped. forces: (n, 3) eV/Å.
    stress: (6,) eV/Å^3, xx yy zz yz xz xy, positive in tension. force_evaluations: that it took.
    per_atom: "moment" (µB) and "charge" (e), each (n,), of a model that gives them.
    """

    energy: float
    cell: Floats
    positions: Floats
    forces: Floats
    stress: Floats
    force_evaluations: int
    per_atom: dict[str, Floats] = field(default_factory=dict)

    @property
    def largest_force(self) -> float:
        """Largest force on an atom, eV/Å."""
        return float(np.linalg.norm(self.forces, axis=1).max()) if len(self.forces) else 0.0


class LammpsError(EngineError):
    """LAMMPS itself ended a call, for a reason that lies in its input."""


class LammpsSession:
    """One model in one LAMMPS instance.

    card: the model. comm: an mpi4py communicator, None for this process alone. inputs: the folder
    of system.lmp and minimize.lmp (the shipped ones by default). device: of a learned model, as in
    `pair_style redoxmc device`.
    """

    def __init__(
        self, card: ModelCard, comm: Any = None, inputs: Path | None = None, device: str = "auto"
    ):
        self.card = card
        self.comm = comm
        self.inputs = inputs or common_inputs()
        self.device = device
        self._types = {species: i for i, species in enumerate(card.species, start=1)}
        self._lammps: Any = None
        self._log = ""
        self._loads = 0
        self._set_up = False
        self._per_atom: tuple[str, ...] = ()
        self._rotation: Floats = np.eye(3)
        self._cell: Floats = np.eye(3)
        self._inverse: Floats = np.eye(3)
        self._start_positions: Floats = np.zeros((0, 3))
        self._reference = 0.0  # eV, of the species that are loaded

    def close(self) -> None:
        """End LAMMPS; the next call starts a new instance."""
        if self._lammps is not None:
            self._lammps.close()
            self._lammps = None
        self._loads = 0

    def evaluate(self, cell: Floats, positions: Floats, species: Sequence[Species]) -> State:
        """Energy, forces and stress of a structure; EngineError where LAMMPS fails or gives NaN."""
        return self._guarded(self._evaluate, cell, positions, species)

    def minimize(
        self,
        cell: Floats,
        positions: Floats,
        species: Sequence[Species],
        *,
        force_tolerance: float,
        max_iterations: int = 2000,
        solve: Solve | None = None,
    ) -> State:
        """Relax the ions in a fixed cell until no force exceeds force_tolerance (eV/Å).

        solve: multiplies by a guess of the inverse Hessian. With one, the relaxation is a
        quasi-Newton descent; where that fails, and without one, it is that of minimize.lmp.
        Raises EngineError where it does not converge, gives NaN or loses an atom.
        """
        start = (cell, positions, species, force_tolerance, max_iterations)
        spent = 0
        if solve is not None:
            try:
                return self._guarded(self._descend, *start, solve)
            except EngineError as error:
                spent = error.force_evaluations
        try:
            state = self._guarded(self._minimize, *start)
        except EngineError as error:
            error.force_evaluations += spent
            raise
        return replace(state, force_evaluations=state.force_evaluations + spent)

    def begin(self, cell: Floats, positions: Floats, species: Sequence[Species]) -> None:
        """Load a structure whose forces are wanted at many positions."""
        self._guarded(self._load, cell, positions, species)

    def forces_at(self, positions: Floats) -> tuple[float, Floats]:
        """Energy (eV) and forces (n, 3) eV/Å of the loaded atoms at positions (n, 3) Å."""
        return self._guarded(self._call, positions)

    def strained_at(self, cell: Floats, positions: Floats) -> tuple[float, Floats, Floats]:
        """Energy (eV), forces (n, 3) eV/Å and stress (3, 3) eV/Å^3 of the loaded atoms in a cell.

        cell: (3, 3) Å, a strained form of the one that was loaded. positions: (n, 3) Å, which
        follow the cell.
        """
        return self._guarded(self._call_strained, cell, positions)

    def result(self, force_evaluations: int) -> State:
        """What LAMMPS says of the loaded atoms as they were evaluated last.

        force_evaluations: that it took to get there.
        """
        return self._guarded(self._read, force_evaluations)

    def per_atom(self) -> dict[str, Floats]:
        """Moments and charges as of the last evaluation, as in State; EngineError before any."""
        return self._guarded(self._read_per_atom)

    def command(self, text: str) -> None:
        """Give LAMMPS a command, such as a dump, for the structures to come.

        It is lost when the session starts a new LAMMPS: after close, after an error, and after
        2,000 structures. EngineError before the first structure, and where LAMMPS fails.
        """
        self._guarded(self._command, text)

    def _read_per_atom(self) -> dict[str, Floats]:
        if self._lammps is None:
            raise EngineError("no structure is loaded")
        return per_atom.read(self._lammps, self._per_atom)

    def _command(self, text: str) -> None:
        if self._lammps is None:
            raise EngineError("no structure is loaded")
        self._lammps.command(text)

    def _guarded(self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return work(*arguments)
        except (EngineError, InputError):
            self.close()
            raise
        except Exception as error:  # what LAMMPS throws comes as plain exceptions
            if isinstance(error, OSError) and "libmpi" in str(error):  # of the dynamic linker
                raise InputError(NO_MPI) from None
            alone = self.comm is None or self.comm.Get_size() == 1
            if type(error).__name__ == "MPIAbortException" and not alone:
                raise  # one rank's error: the others of the group cannot be told any more
            self.close()  # its state is undefined after an error
            raise LammpsError(lammps_reason(error)) from None

    def _evaluate(self, cell: Floats, positions: Floats, species: Sequence[Species]) -> State:
        self._load(cell, positions, species)
        self._lammps.command("run 0 post no")
        return self._read(1)

    def _minimize(
        self,
        cell: Floats,
        positions: Floats,
        species: Sequence[Species],
        force_tolerance: float,
        max_iterations: int,
    ) -> State:
        self._load(cell, positions, species)
        self._set("ftol", force_tolerance)
        self._set("maxiter", max_iterations)
        evaluations = self._run("minimize.lmp")
        state = self._read(evaluations)
        if state.largest_force > force_tolerance:
            raise EngineError(
                f"the minimization ended at a force of {state.largest_force:.1e} eV/Å, "
                f"wanted {force_tolerance:g}",
                evaluations,
            )
        return state

    def _descend(
        self,
        cell: Floats,
        positions: Floats,
        species: Sequence[Species],
        force_tolerance: float,
        max_iterations: int,
        solve: Solve,
    ) -> State:
        self._load(cell, positions, species)
        _, evaluations = descend(self._call, positions, solve, force_tolerance, max_iterations)
        return self._read(evaluations)

    def _call(self, positions: Floats) -> tuple[float, Floats]:
        # wrapped before it is written: an atom must not jump over a subdomain to its owner
        scaled = positions @ self._inverse
        self._scatter("x", (scaled - np.floor(scaled)) @ self._cell)
        # One step without an integrator moves nothing. Setting up each call anew would cost more
        # than a small system's forces, and with some styles more from call to call.
        self._lammps.command("run 1 pre no post no" if self._set_up else "run 0 post no")
        self._set_up = True
        energy, forces = self._energy(), self._gather("f")
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise EngineError("the energy or a force is not a number")
        return energy, forces

    def _call_strained(self, cell: Floats, positions: Floats) -> tuple[float, Floats, Floats]:
        self._change_box(cell)
        # positions follow the cell: what an atom is unwrapped to must follow it, too
        self._start_positions = positions
        self._set_up = False  # kspace and neighbour bins depend on the box
        self._loads += 1
        energy, forces = self._call(positions)
        return energy, forces, tensor_of(self._stress())

    def _run(self, name: str) -> int:
        """Run an input file of ours; returns the force evaluations its minimizations took."""
        self._lammps.command(f'log "{self._log}"')  # starts it anew
        self._lammps.file(str(self.inputs / name))
        self._lammps.command("log none")
        count = 0
        if self._rank == 0:
            log = Path(self._log).read_text(encoding="utf-8", errors="replace")
            count = sum(int(found[2]) for found in _STATISTICS.finditer(log))
        return int(self.comm.bcast(count)) if self.comm is not None else count

    @property
    def _rank(self) -> int:
        return int(self.comm.Get_rank()) if self.comm is not None else 0

    def _start(self, box: Floats) -> None:
        from redoxmc.plugin.load import import_lammps

        lammps = import_lammps().lammps
        from mpi4py import MPI

        arguments = ["-log", "none", "-screen", "none", "-nocite"]
        comm = self.comm if self.comm is not None else MPI.COMM_SELF
        lmp = self._lammps = lammps(cmdargs=arguments, comm=comm)
        if self._rank == 0 and not self._log:
            # removed with the session, at the latest when the process ends
            self._scratch = scratch_folder()
            self._log = str(Path(self._scratch.name) / "minimize.log")
        self._log = comm.bcast(self._log)
        self._set("ntypes", len(self.card.species))
        for name, value in prism(box).items():
            self._set(name, value)
        lmp.file(str(self.inputs / "system.lmp"))
        for species, kind in self._types.items():
            lmp.command(f"mass {kind} {species.mass!r}")
        load_model(lmp, self.card, self.comm, f"redoxmc device {self.device}")
        self._per_atom = per_atom.follow(lmp)

    def _set(self, name: str, value: float) -> None:
        self._lammps.command(f"variable {name} delete")
        self._lammps.command(f"variable {name} string {value!r}")

    def _load(self, cell: Floats, positions: Floats, species: Sequence[Species]) -> None:
        """Replace what is in the box by this structure."""
        unknown = sorted({str(s) for s in species if s not in self._types})
        if unknown:
            names = ", ".join(map(str, self.card.species))
            raise InputError(
                f"model {self.card.folder} has no species '{unknown[0]}'; it has {names}."
            )
        if self._loads >= LOADS:
            self.close()
        if self._lammps is None:
            self._start(lammps_axes(cell)[0])
        self._loads += 1
        lmp = self._lammps
        lmp.command("delete_atoms group all compress no")
        rotation = self._change_box(cell)
        n = len(species)
        types = [self._types[s] for s in species]
        self._check_charges(species)
        x = np.ascontiguousarray(positions @ rotation.T)
        created = lmp.create_atoms(
            n, list(range(1, n + 1)), types, x.ravel().tolist(), shrinkexceed=False
        )
        if created != n:
            raise EngineError(f"LAMMPS created {created} of {n} atoms")
        for name, charge in self.card.lammps_charges.items():
            lmp.command(f"set type {self._types[Species.parse(name)]} charge {charge!r}")
        lmp.command("reset_timestep 0")
        self._start_positions, self._set_up = positions, False
        self._reference = self.card.reference_energy(species)

    def _energy(self) -> float:
        """Potential energy (eV) of what is loaded, as of the last call of forces."""
        return float(self._lammps.get_thermo("pe")) + self._reference

    def _change_box(self, cell: Floats) -> Floats:
        """Give LAMMPS the box of a cell; returns the rotation between the two."""
        box, rotation = lammps_axes(cell)
        p = prism(box)
        self._lammps.command(
            "change_box all "
            + " ".join(f"{axis} final 0 {p['l' + axis]!r}" for axis in "xyz")
            + " "
            + " ".join(f"{tilt} final {p[tilt]!r}" for tilt in ("xy", "xz", "yz"))
            + " units box"
        )
        self._rotation, self._cell, self._inverse = rotation, cell, np.asarray(np.linalg.inv(cell))
        return rotation

    def _check_charges(self, species: Sequence[Species]) -> None:
        """A periodic cell with a net charge has an energy that means nothing."""
        charges = self.card.lammps_charges
        total = sum(charges.get(str(one), 0.0) * n for one, n in Counter(species).items())
        if abs(total) > CHARGE_TOLERANCE * len(species):
            raise InputError(
                f"{self.card.folder / 'card.toml'}: [lammps_charges] add up to {total:+.4g} e in a "
                "cell whose formal charges are neutral; correct them."
            )

    def _scatter(self, name: str, values: Floats) -> None:
        flat = np.ascontiguousarray(values @ self._rotation.T).ravel()
        self._lammps.scatter_atoms(name, 1, 3, flat.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))

    def _gather(self, name: str) -> Floats:
        raw: Any = self._lammps.gather_atoms(name, 1, 3)
        return np.array(np.ctypeslib.as_array(raw)).reshape(-1, 3) @ self._rotation

    def _unwrapped(self, positions: Floats) -> Floats:
        """Whole cell vectors are taken off, so that atoms stay where they were loaded."""
        now = positions @ self._inverse
        now -= np.round(now - self._start_positions @ self._inverse)
        result: Floats = now @ self._cell
        return result

    def _stress(self) -> Floats:
        # pressure is minus the stress; LAMMPS' thermo keyword order is ours
        pressure = [self._lammps.get_thermo(f"p{k}") for k in ("xx", "yy", "zz", "yz", "xz", "xy")]
        tensor = tensor_of(-BAR_TO_EV_PER_A3 * np.array(pressure))
        tensor = self._rotation.T @ tensor @ self._rotation
        return np.array([tensor[a, b] for a, b in VOIGT])

    def _read(self, evaluations: int) -> State:
        energy = self._energy()
        x, forces = self._gather("x"), self._gather("f")
        if not (np.isfinite(energy) and np.isfinite(x).all() and np.isfinite(forces).all()):
            raise EngineError("the energy, a position or a force is not a number")
        unwrapped, quantities = self._unwrapped(x), per_atom.read(self._lammps, self._per_atom)
        return State(energy, self._cell, unwrapped, forces, self._stress(), evaluations, quantities)


def common_inputs() -> Path:
    """The folder of the LAMMPS inputs that come with the package (`lammps_inputs/common`)."""
    return Path(__file__).resolve().parent / "inputs"
