"""One structure, one model: energy, forces and stress, or the relaxed structure."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.engines.cell import relax_cell
from redoxmc.engines.lammps import LammpsSession, State
from redoxmc.errors import EngineError, InputError
from redoxmc.io.extxyz import make_atoms, species_of, write_labelled
from redoxmc.io.geometry import check_geometry
from redoxmc.io.structure import read_structure
from redoxmc.model_card import load_card
from redoxmc.plugin.per_atom import QUANTITIES
from redoxmc.structures.lattice import Floats

if TYPE_CHECKING:
    from ase import Atoms


def energy(structure: Path, model: Path) -> dict[str, Any]:
    """Energy (eV), forces (eV/Å) and stress (eV/Å^3) of a structure file, as plain data.

    Raises InputError for a structure or a model that does not fit.
    """
    atoms, session = _open(structure, model)
    try:
        cell, species = np.array(atoms.cell), species_of(atoms)
        state = session.evaluate(cell, atoms.get_positions(), species)
    except EngineError as error:
        raise InputError(f"{structure}: LAMMPS cannot evaluate it ({error}).") from None
    finally:
        session.close()
    return _record(atoms, state, None)


def relax(
    structure: Path,
    model: Path,
    *,
    cell: bool = False,
    out: Path | None = None,
    force_tolerance: float = 1e-3,
    stress_tolerance: float = 1e-4,
) -> dict[str, Any]:
    """Relax the ions, and the cell where asked; returns plain data.

    out: file of the relaxed structure (extxyz), beside the input with `_relaxed` by default.
    force_tolerance: eV/Å. stress_tolerance: eV/Å^3.
    """
    target = out or structure.with_name(structure.stem + "_relaxed.extxyz")
    atoms, session = _open(structure, model)
    species = species_of(atoms)

    def minimize(box: Floats, positions: Floats, factor: float) -> State:
        tolerance = factor * force_tolerance
        return session.minimize(box, positions, species, force_tolerance=tolerance)

    start = np.array(atoms.cell)
    try:
        if cell:
            state = relax_cell(minimize, start, atoms.get_positions(), stress_tolerance)
        else:
            state = minimize(start, atoms.get_positions(), 1.0)
    except EngineError as error:
        raise InputError(f"{structure}: it does not relax ({error}).") from None
    finally:
        session.close()
    write_labelled(target, [_labelled(atoms, state)])
    return _record(atoms, state, str(target))


def _open(structure: Path, model: Path) -> tuple["Atoms", LammpsSession]:
    card = load_card(model)
    atoms = read_structure(structure, card.species)
    check_geometry(structure, atoms)
    return atoms, LammpsSession(card)


def _labelled(atoms: "Atoms", state: State) -> "Atoms":
    results = {"energy": state.energy, "forces": state.forces, "stress": state.stress}
    results |= {QUANTITIES[name]: values for name, values in state.per_atom.items()}
    return make_atoms(species_of(atoms), state.cell, state.positions, **results)


def _record(atoms: "Atoms", state: State, relaxed: str | None) -> dict[str, Any]:
    return {
        "energy_eV": state.energy,
        "forces_eV_per_A": state.forces.tolist(),
        "stress_eV_per_A3": state.stress.tolist(),
        "charge_states": [str(s) for s in species_of(atoms)],
        "relaxed": relaxed,
    }
