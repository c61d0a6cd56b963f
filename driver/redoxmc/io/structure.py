"""Reading one structure with charge states, completed where only one possibility is left."""

import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.errors import InputError
from redoxmc.io.cif import check_cif
from redoxmc.io.extxyz import COLUMN
from redoxmc.io.frames import FrameError, xyz_frames
from redoxmc.species import Species

if TYPE_CHECKING:
    from ase import Atoms


def read_structure(path: Path | str, known: Sequence[Species]) -> "Atoms":
    """Read the first structure of a file, with a charge state for every atom.

    path: extended XYZ with the string column `charge_state`, CIF with oxidation states, or
    anything that ASE reads (then without charge states). known: the species to choose from (a
    model's table).

    Atoms without a charge state are completed where the known species and neutrality leave one
    possibility. Returns Atoms with `arrays["charge_state"]`. Raises InputError where the file
    cannot be read, an atom or a species is not among the known ones, more than one assignment is
    possible, or the cell is not neutral.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist; a structure file was expected.")
    atoms = _read_cif(path) if path.suffix.lower() == ".cif" else _read_any(path)
    given = _given(path, atoms, known)
    states = complete(str(path), list(atoms.symbols), given, known)
    atoms.arrays[COLUMN] = np.array([str(state) for state in states])
    return atoms


def complete(
    name: str, symbols: Sequence[str], given: Sequence[Species | None], known: Sequence[Species]
) -> list[Species]:
    """Fill in the missing charge states of a neutral cell where one possibility is left.

    name: what to call the structure in errors. symbols, given: per atom; None where no charge state
    is given. Raises InputError where there is none or more than one.
    """
    options: list[tuple[Species, ...]] = []
    for index, (symbol, state) in enumerate(zip(symbols, given, strict=True)):
        fitting = {one for one in known if one.element == symbol} if state is None else {state}
        if not fitting:
            raise InputError(
                f"{name}: atom {index} is {symbol}, but the known species are {_list(known)}."
            )
        options.append(tuple(sorted(fitting)))
    total = sum(choice[0].charge for choice in options)
    groups = Counter(choice for choice in options if len(choice) > 1)
    if not groups and total:
        raise InputError(
            f"{name}: the charge states add up to {total:+d}, but a cell must be neutral."
        )
    ways = _ways(groups, -total)
    if ways == 0:
        raise InputError(f"{name}: no choice among {_list(known)} makes the cell neutral.")
    if ways > 1:
        index = next(i for i, choice in enumerate(options) if len(choice) > 1)
        raise InputError(
            f"{name}: atom {index} may be {' or '.join(map(str, options[index]))}; give its charge "
            f"state in the extxyz column {COLUMN!r} or as the oxidation state of a CIF."
        )
    decided = _decide(groups, -total)
    return [decided.get(choice, choice[0]) for choice in options]


def _ways(groups: dict[tuple[Species, ...], int], spare: int) -> int:
    """Count the neutral choices, as far as 2 ("more than one").

    groups: how many atoms have which choice. spare: the charge to add to the lowest choice of all.
    """
    counts = {0: 1}
    for choice, atoms in groups.items():
        steps = [one.charge - choice[0].charge for one in choice]
        if len(steps) == 2:  # k of the atoms take the higher charge: one way for none or for all
            group = {k * steps[1]: 1 if k in (0, atoms) else 2 for k in range(atoms + 1)}
        else:
            group = {0: 1}
            for _ in range(atoms):
                group = _combine(group, dict.fromkeys(steps, 1))
        counts = _combine(counts, group)
    return counts.get(spare, 0)


def _combine(first: dict[int, int], second: dict[int, int]) -> dict[int, int]:
    out: dict[int, int] = {}
    for one, ways in first.items():
        for two, more in second.items():
            out[one + two] = min(2, out.get(one + two, 0) + ways * more)
    return out


def _decide(
    groups: dict[tuple[Species, ...], int], spare: int
) -> dict[tuple[Species, ...], Species]:
    """Return the only neutral choice: atoms of one group are then all alike, or there were two."""
    for chosen in product(*groups):
        charge = sum(
            atoms * (one.charge - choice[0].charge)
            for one, (choice, atoms) in zip(chosen, groups.items(), strict=True)
        )
        if charge == spare:
            return dict(zip(groups, chosen, strict=True))
    raise AssertionError("a unique choice is uniform in each group")


def _given(path: Path, atoms: "Atoms", known: Sequence[Species]) -> list[Species | None]:
    if COLUMN not in atoms.arrays:
        return [None] * len(atoms)
    given: list[Species | None] = []
    for index, (name, symbol) in enumerate(zip(atoms.arrays[COLUMN], atoms.symbols, strict=True)):
        try:
            state = Species.parse(str(name))
        except InputError as error:
            raise InputError(f"{path}, atom {index}: {error}") from None
        if state.element != symbol:
            raise InputError(f"{path}: atom {index} is {symbol} but its {COLUMN} is {state}.")
        if state in known:
            given.append(state)
        elif state.charge == 0:  # an element symbol alone says nothing about the charge
            given.append(None)
        else:
            raise InputError(
                f"{path}: atom {index} is {state}, but the known species are {_list(known)}."
            )
    return given


def _read_any(path: Path) -> "Atoms":
    from ase.io import read

    if path.suffix.lower() in (".xyz", ".extxyz"):
        frame = next(xyz_frames(path), None)
        if frame is None or isinstance(frame, FrameError):
            raise InputError(f"{path}: {frame or 'it holds no frame'}.")
        return frame
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms = read(path, index=0)
    except Exception as error:  # ASE raises nearly anything on damaged or unknown files
        raise InputError(f"{path} is not a structure file that ASE reads ({error}).") from None
    if not len(atoms):
        raise InputError(f"{path} holds no atoms.")
    return atoms


def _read_cif(path: Path) -> "Atoms":
    from ase import Atoms
    from pymatgen.io.cif import CifParser

    check_cif(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = CifParser(path).parse_structures(primitive=False)[0]
    except Exception as error:  # pymatgen raises nearly anything on damaged files
        raise InputError(f"{path} is not a CIF that can be read ({error}).") from None
    if not structure.is_ordered:
        raise InputError(f"{path} has partially occupied sites; give a structure with full ones.")
    atoms = Atoms(
        [site.specie.symbol for site in structure],
        cell=structure.lattice.matrix,
        scaled_positions=structure.frac_coords,
        pbc=True,
    )
    names = []
    for site in structure:
        charge = getattr(site.specie, "oxi_state", None) or 0
        if charge != round(charge):
            raise InputError(f"{path} has the oxidation state {charge}, not a whole number.")
        names.append(str(Species(site.specie.symbol, round(charge))))
    atoms.arrays[COLUMN] = np.array(names)
    return atoms


def _list(species: Sequence[Species]) -> str:
    return ", ".join(str(one) for one in species)
