"""Splitting an extended XYZ file into frames: one damaged frame does not cost the others."""

import gzip
import re
import warnings
import zlib
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

_FARTHEST = 1e6  # Å
_COUNT = re.compile(r"\s*\d{1,8}\s*")
_PROPERTIES = re.compile(r'Properties="?([^\s"]+)')


class FrameError(ValueError):
    """A frame that cannot be used; the message says why, without file, number or full stop."""


def read_text(path: Path) -> str:
    """Read a text file, also a gzipped one; bytes that are no UTF-8 become replacement characters.

    Raises InputError where it cannot be read.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}).") from None
    return data.decode("utf-8", errors="replace")


def xyz_frames(path: Path) -> "Iterator[Atoms | FrameError]":
    """Yield every frame of an extended XYZ file, or the reason why one cannot be used.

    After a damaged frame, reading goes on at the next line that can begin one. Raises InputError
    where the file cannot be read at all.
    """
    lines = read_text(path).split("\n")
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        end = _frame_end(lines, at)
        yield parse_xyz_frame(lines[at:end])
        at = end


def _frame_end(lines: list[str], at: int) -> int:
    """Return where the frame at `at` ends: after the rows it announces, or at the next beginning.

    Rows beyond the announced ones stay with it (its count is then damaged and it is refused); a
    line of another shape does not (that is a damaged beginning of the next frame).
    """
    following = _next_frame(lines, at + 1)
    if not _COUNT.fullmatch(lines[at]):
        return following
    announced = at + 2 + int(lines[at])
    if announced >= following:
        return following
    surplus = lines[announced].split()
    if not surplus or len(surplus) != len(lines[announced - 1].split()):
        return announced
    return following


def _next_frame(lines: list[str], at: int) -> int:
    """Return where the next frame begins: a lone number followed by a comment line."""
    while at < len(lines):
        if _COUNT.fullmatch(lines[at]) and at + 1 < len(lines) and _comment(lines, at + 1):
            return at
        at += 1
    return at


def _comment(lines: list[str], at: int) -> bool:
    return "=" in lines[at] or not _COUNT.fullmatch(lines[at])


def parse_xyz_frame(lines: list[str]) -> "Atoms | FrameError":
    """Parse one frame strictly: the rows and columns that it announces, finite numbers."""
    from ase.io.extxyz import read_xyz

    while lines and not lines[-1].strip():
        lines = lines[:-1]
    if not _COUNT.fullmatch(lines[0]) or len(lines) < 2:
        return FrameError(f"it does not begin with a number of atoms but with {lines[0][:40]!r}")
    count, rows = int(lines[0]), lines[2:]
    if count == 0 or len(rows) != count:
        return FrameError(f"it announces {count} atoms and has {len(rows)} lines of atoms")
    match = _PROPERTIES.search(lines[1])
    fields = (match[1] if match else "species:S:1:pos:R:3").split(":")
    try:
        columns = sum(int(n) for n in fields[2::3])
        for row in rows:
            if len(row.split()) != columns:
                raise FrameError(f"the line {row[:60]!r} does not have {columns} columns")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms: Atoms = next(read_xyz(StringIO("\n".join(lines) + "\n"), slice(0, 1)))
    except FrameError as error:
        return error
    except Exception as error:  # ASE raises nearly anything on damaged text
        return FrameError(f"it cannot be parsed ({short(error)})")
    results = atoms.calc.results if atoms.calc is not None else {}
    if "magmoms" not in results and np.shape(results.get("magmom", 0.0)) == (len(atoms),):
        results["magmoms"] = results.pop("magmom")  # a column by the name of the total
    problem = unsound(atoms)
    return FrameError(problem) if problem else atoms


def unsound(atoms: "Atoms") -> str | None:
    """Say what is wrong with the geometry or the results of a frame, or None.

    Checked: known elements, finite and sensible positions, a cell with a volume, and results that
    are finite numbers of the right shape.
    """
    if (atoms.numbers < 1).any() or (atoms.numbers > 118).any():
        return "it has an atom of no known element"
    if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
        return "its positions or its cell are not finite numbers"
    if max(np.abs(atoms.positions).max(), np.abs(atoms.cell.array).max()) > _FARTHEST:
        return f"its positions or its cell reach beyond {_FARTHEST:g} Å"
    if atoms.pbc.any() and abs(atoms.cell.volume) < 1e-3:
        return "its cell has no volume"
    shapes = {
        "energy": (),
        "free_energy": (),
        "magmom": (),
        "forces": (len(atoms), 3),
        "stress": (6,),
        "magmoms": (len(atoms),),
    }
    results = atoms.calc.results if atoms.calc is not None else {}
    for name, shape in shapes.items():
        if name not in results:
            continue
        value = np.asarray(results[name])
        if value.dtype.kind not in "fi" or value.shape != shape:
            return f"its {name} is not {_words(shape)}"
        if not np.isfinite(value).all():
            return f"its {name} holds NaN or infinity"
    return None


def _words(shape: tuple[int, ...]) -> str:
    return "an array of " + " x ".join(map(str, shape)) + " numbers" if shape else "a number"


def short(error: BaseException) -> str:
    """Return the message of an exception on one line of at most 120 characters.

    Where a parser stumbled over what it did not expect, its own words help nobody.
    """
    if isinstance(error, AttributeError | TypeError | IndexError | AssertionError):
        return "its text is damaged"
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
