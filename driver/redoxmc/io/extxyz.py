"""Labelled extended XYZ: the one place where frames with charge states are read and written.

A labelled frame is an `ase.Atoms` with `arrays["charge_state"]` (strings such as `Fe2+`) and, in
its `SinglePointCalculator`, energy (eV), forces (eV/Å), stress (eV/Å^3: xx yy zz yz xz xy) and
magmoms (µB), as far as they are known. Numbers are written with all their digits, so that reading
gives back what was written, bit for bit; ASE's own writer keeps eight decimals.
"""

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.errors import InputError
from redoxmc.io.files import replace_atomically, write_atomically
from redoxmc.io.frames import FrameError, xyz_frames
from redoxmc.species import Species

if TYPE_CHECKING:
    from ase import Atoms

COLUMN = "charge_state"
_PER_ATOM = ("forces", "magmoms", "charges")
_PER_FRAME = ("energy", "free_energy", "magmom")
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_+./:-]*")  # strings that need no quotes and stay strings
_NOT_BARE = {"t", "f", "true", "false", "nan", "inf", "infinity"}


def make_atoms(species: Sequence[Species], cell: Any, positions: Any, **results: Any) -> "Atoms":
    """A periodic structure with the column `charge_state`.

    cell: (3, 3) Å. positions: (n, 3) Å. results: what a calculation gave, by ASE's names.
    """
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = Atoms([one.element for one in species], positions, cell=cell, pbc=True)
    atoms.arrays[COLUMN] = np.array([str(one) for one in species])
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def species_of(atoms: "Atoms") -> list[Species]:
    """Return the species of every atom of a labelled frame.

    Raises InputError where a name is malformed or belongs to another element than its atom.
    """
    species = [Species.parse(str(name)) for name in atoms.arrays[COLUMN]]
    for index, (one, symbol) in enumerate(zip(species, atoms.symbols, strict=True)):
        if one.element != symbol:
            raise InputError(f"atom {index} is {symbol} but its {COLUMN} is {one}.")
    return species


def energy_of(atoms: "Atoms") -> float:
    """Return the energy in eV that the forces of a frame are the gradient of.

    That is `free_energy` where the frame has it (the electronic free energy of a smeared DFT
    calculation, VASP's TOTEN), else `energy`. Train on this one.
    """
    results = atoms.calc.results
    return float(results.get("free_energy", results["energy"]))


def read_labelled(path: Path | str) -> "list[Atoms]":
    """Read every frame of a labelled extended XYZ file.

    Raises InputError, naming the file and the frame, where the file is missing or empty, a frame is
    damaged, lacks the column `charge_state`, has a malformed species, or is not neutral.
    """
    path = Path(path)
    frames = []
    for number, frame in enumerate(xyz_frames(path)):
        try:
            if isinstance(frame, FrameError):
                raise InputError(f"{frame}.")
            if COLUMN not in frame.arrays:
                raise InputError(f"it has no column {COLUMN!r}; label it with 'redoxmc label'.")
            frame.arrays[COLUMN] = frame.arrays[COLUMN].astype(str)
            total = sum(one.charge for one in species_of(frame))
            if total:
                raise InputError(f"its charge states add up to {total:+d}, a cell must be neutral.")
        except InputError as error:
            raise InputError(f"{path}, frame {number}: {error}") from None
        frames.append(frame)
    if not frames:
        raise InputError(f"{path} holds no frame.")
    return frames


def write_labelled(path: Path | str, frames: "Sequence[Atoms]") -> None:
    """Write frames as extended XYZ, atomically and without loss; compressed where path ends in .gz.

    Per-atom arrays, the results of the calculator and `info` are all kept. Raises InputError where
    the file cannot be written or a string cannot stand in a column.
    """
    path, text = Path(path), "".join(format_frame(frame) for frame in frames)
    if path.suffix == ".gz":  # without a date: the same frames give the same file
        packed = gzip.compress(text.encode(), mtime=0)

        def write(temporary: Path) -> None:
            temporary.write_bytes(packed)

        replace_atomically(path, write)
    else:
        write_atomically(path, text)


def format_frame(atoms: "Atoms") -> str:
    """Return one frame as extended XYZ text, every number with all its digits."""
    results = dict(atoms.calc.results) if atoms.calc is not None else {}
    columns: dict[str, np.ndarray] = {"species": np.array(atoms.symbols), "pos": atoms.positions}
    columns |= {k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions")}
    columns |= {k: np.asarray(results[k]) for k in _PER_ATOM if k in results}
    kinds, width = {"f": "R", "i": "I", "b": "L", "U": "S"}, []
    texts: list[list[str]] = []
    for name, column in columns.items():
        if column.dtype.kind == "O":
            column = column.astype(str)
        flat = column.reshape(len(atoms), -1)
        width.append(f"{name}:{kinds[column.dtype.kind]}:{flat.shape[1]}")
        texts.append([" ".join(_cell(value, name) for value in row) for row in flat.tolist()])
    comment = [f'Lattice="{_numbers(atoms.cell.array)}"', "Properties=" + ":".join(width)]
    comment += [f"{key}={float(results[key])!r}" for key in _PER_FRAME if key in results]
    if "stress" in results:
        xx, yy, zz, yz, xz, xy = results["stress"]
        comment.append(f'stress="{_numbers(np.array([xx, xy, xz, xy, yy, yz, xz, yz, zz]))}"')
    comment += [f"{key}={_value(value)}" for key, value in atoms.info.items()]
    comment.append('pbc="{}"'.format(" ".join("FT"[int(p)] for p in atoms.pbc)))
    lines = [" ".join(cells) for cells in zip(*texts, strict=True)]
    return "\n".join([str(len(atoms)), " ".join(comment), *lines]) + "\n"


def _cell(value: Any, column: str) -> str:
    if isinstance(value, bool):
        return "FT"[value]
    if isinstance(value, str):
        if not value or value.split() != [value]:
            raise InputError(f"column {column!r} holds {value!r}: a word without spaces is needed.")
        return value
    return repr(value)


def _numbers(values: np.ndarray) -> str:
    return " ".join(repr(float(v)) for v in values.flat)


def _value(value: Any) -> str:
    """Format one `info` value so that it is read back as the same value."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, bool):
        return "FT"[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _NOT_BARE:
        return value
    text = "_JSON " + json.dumps(value, default=str)
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))
