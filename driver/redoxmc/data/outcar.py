"""VASP OUTCAR: every complete ionic step, with the redundancy of the file used to detect damage."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from redoxmc.io.frames import FrameError

if TYPE_CHECKING:
    from ase import Atoms

Floats = npt.NDArray[np.float64]
_ITERATION = re.compile(r"-+ Iteration\s+(\d+)\(\s*(\d+)\)")
_ENERGY = re.compile(r"free\s+energy\s+TOTEN\s*=\s*(\S+) eV")
_ENERGY_0 = re.compile(r"energy\s+without entropy\s*=\s*(\S+)\s+energy\(sigma->0\)\s*=\s*(\S+)")


@dataclass
class _Header:
    elements: list[str] = field(default_factory=list)
    valences: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    max_electronic: int = 0

    @property
    def symbols(self) -> list[str]:
        if not self.counts or len(self.elements) != len(self.counts):
            raise FrameError(
                f"its head has {len(self.elements)} potentials for {len(self.counts)} kinds of ions"
            )
        return [e for e, n in zip(self.elements, self.counts, strict=True) for _ in range(n)]


def outcar_frames(lines: Iterable[str]) -> "Iterator[Atoms | FrameError]":
    """Yield every ionic step of an OUTCAR, or the reason why it cannot be used.

    Energy: E(sigma->0); free energy: TOTEN, which belongs to the forces; both in eV. Stress in
    eV/Å^3, positive under tension (ASE's sign). A step is refused that is cut off, that did not
    reach self-consistency, or whose numbers contradict each other.
    """
    header, step = _Header(), list[str]()
    number, cell = 0, None
    for line in lines:
        match = _ITERATION.search(line)
        if match and int(match[1]) != number:
            if number:
                frame, cell = _step(header, step, cell)
                yield frame
            number, step = int(match[1]), []
        if number:
            step.append(line)
            continue
        try:
            _read_header(header, line)
        except (ValueError, IndexError):
            yield FrameError(f"the head of the file is damaged at {line.strip()[:60]!r}")
            return
    if not number:
        yield FrameError("the file ends before the first ionic step")
    else:
        yield _step(header, step, cell)[0]


def _read_header(header: _Header, line: str) -> None:
    if "TITEL" in line:
        words = line.split("=", 1)[1].split()
        header.elements.append(_symbol(words[1] if len(words) > 1 else words[0]))
    elif "VRHFIN" in line and "=" in line:
        # printed before TITEL for the same potential; checked against it by _elements
        header.elements.append("?" + _symbol(line.split("=", 1)[1].split(":")[0].strip()))
    elif "ions per type" in line:
        header.counts = [int(word) for word in re.findall(r"\d+", line.split("=", 1)[-1])]
    elif line.lstrip().startswith("NELM "):
        match = re.search(r"NELM\s*=\s*(\d+)", line)
        header.max_electronic = int(match[1]) if match else 0
    elif line.lstrip().startswith("POMASS") and "ZVAL" in line:
        match = re.search(r"ZVAL\s*=\s*([\d.]+)", line)
        if match:
            header.valences.append(float(match[1]))


def _symbol(name: str) -> str:
    """Return the element of a potential's name: `Fe_pv`, `H1.25`."""
    return re.split(r"[_.\d]", name)[0]


def _elements(raw: list[str]) -> list[str]:
    """Merge the two lines (VRHFIN, TITEL) that name each potential's element."""
    if not any(name.startswith("?") for name in raw):
        return raw
    pairs = list(zip(raw[::2], raw[1::2], strict=False))
    if len(raw) % 2 or any(first != "?" + second for first, second in pairs):
        raise FrameError("the lines VRHFIN and TITEL of its head contradict each other")
    return [second for _, second in pairs]


def _step(
    header: _Header, lines: list[str], cell: np.ndarray | None
) -> "tuple[Atoms | FrameError, np.ndarray | None]":
    try:
        frame = _parse(header, lines)
    except FrameError as error:
        return error, cell
    except (ValueError, IndexError) as error:
        return FrameError(f"it is damaged ({error})"), cell
    return frame, frame.cell.array


def _parse(header: _Header, lines: list[str]) -> "Atoms":
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    plain = _Header(_elements(header.elements), header.valences, header.counts)
    symbols = plain.symbols
    n = len(symbols)
    at: dict[str, list[int]] = {}
    keys = ("direct lattice vectors", "TOTAL-FORCE", "FREE ENERGIE OF THE ION", "magnetization (x)")
    marks = (*keys, "in kB", "EDIFF was not reached", "hard stop was set", "EDIFF is reached")
    for index, line in enumerate(lines):
        for key in marks:
            if key in line:
                at.setdefault(key, []).append(index)
    for key in keys[:3]:
        if key not in at:
            raise FrameError("it is cut off, or is no complete ionic step")
    _check_converged(header, lines, at)
    table = at["TOTAL-FORCE"][0]
    rows = _rows(lines, table + 2, n, 6, "positions and forces")
    where = [i for i in at["direct lattice vectors"] if i < table]
    cell = _rows(lines, where[-1] + 1 if where else len(lines), 3, 6, "lattice vectors")[:, :3]
    energy, free_energy = _energies(lines, at["FREE ENERGIE OF THE ION"][0])
    atoms = Atoms(symbols, positions=rows[:, :3], cell=cell, pbc=True)
    results = {"energy": energy, "free_energy": free_energy, "forces": rows[:, 3:]}
    if at.get("in kB"):
        results["stress"] = _stress(lines[at["in kB"][0]])
    tables = [_moments(lines, i, n) for i in at.get("magnetization (x)", [])]
    if tables:
        if any(np.abs(other - tables[0]).max() > 0.05 for other in tables):
            raise FrameError("its tables of site moments contradict each other")
        results["magmoms"] = tables[-1]
    atoms.calc = SinglePointCalculator(atoms, **results)
    if len(plain.valences) == len(plain.counts):
        atoms.info["valence_electrons"] = np.repeat(plain.valences, plain.counts)
    return atoms


def _check_converged(header: _Header, lines: list[str], at: dict[str, list[int]]) -> None:
    numbers = [int(m[2]) for line in lines if (m := _ITERATION.search(line))]
    ran_out = header.max_electronic and max(numbers, default=0) >= header.max_electronic
    stopped = "EDIFF was not reached" in at or "hard stop was set" in at
    if stopped or (ran_out and "EDIFF is reached" not in at):
        raise FrameError("self-consistency was not reached")


def _rows(lines: list[str], first: int, count: int, columns: int, what: str) -> Floats:
    if first + count > len(lines):
        raise FrameError(f"it is cut off in its {what}")
    rows = [[float(word) for word in line.split()] for line in lines[first : first + count]]
    if any(len(row) != columns for row in rows):
        raise FrameError(f"a line of its {what} does not have {columns} numbers")
    return np.array(rows)


def _energies(lines: list[str], start: int) -> tuple[float, float]:
    """Return E(sigma->0) and TOTEN (eV) of the block that closes the step."""
    text = "".join(lines[start : start + 12])
    total, rest = _ENERGY.search(text), _ENERGY_0.search(text)
    if total is None or rest is None:
        raise FrameError("it is cut off in its energies")
    free, internal, extrapolated = float(total[1]), float(rest[1]), float(rest[2])
    if not min(free, internal) - 1e-6 <= extrapolated <= max(free, internal) + 1e-6:
        raise FrameError(
            "its energies contradict each other: E(sigma->0) is not between E and TOTEN"
        )
    return extrapolated, free


def _stress(line: str) -> np.ndarray:
    from ase.units import GPa

    values = [float(word) for word in line.split()[2:]]
    if len(values) != 6:
        raise FrameError("its stress does not have six numbers")
    xx, yy, zz, xy, yz, zx = values
    return np.array([xx, yy, zz, yz, zx, xy]) * float(-0.1 * GPa)


def _moments(lines: list[str], start: int, n: int) -> Floats:
    """Read a table of site moments (µB); its sums over orbitals and over atoms must agree."""
    first = start + 4
    columns = len(lines[start + 2].replace("# of ion", "ion").split()) if first < len(lines) else 0
    rows = _rows(lines, first, n, columns, "site moments")
    if (rows[:, 0] != np.arange(1, n + 1)).any():
        raise FrameError("the atoms in its table of site moments are not numbered 1, 2, 3 ...")
    total: Floats = rows[:, -1]
    if np.abs(rows[:, 1:-1].sum(1) - total).max() > 0.0006 * columns:
        raise FrameError("a sum in its table of site moments is wrong")
    sums = lines[first + n + 1].split() if first + n + 1 < len(lines) else []
    if not sums or sums[0] != "tot":
        raise FrameError("it is cut off in its site moments")
    if abs(float(sums[-1]) - total.sum()) > 0.0006 * n + 0.001:
        raise FrameError("the total of its table of site moments is wrong")
    return total
