"""Relaxed geometries of states: in files of a folder, one for each group of ranks, or in memory.

Energies are known to every rank, geometries only where somebody asks for one: so the memory of a
rank does not grow with them. A file is a row of records, each written in one piece when a state has
relaxed: head (_HEAD), key, cell (9 doubles, Å), positions (3 doubles an atom, Å), CRC-32 of these.
What a killed run left of a record ends a file, and is cut off before it is written to again.
"""

import os
import shutil
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from redoxmc.errors import InputError
from redoxmc.structures.lattice import Floats

Geometry = tuple[Floats, Floats]  # cell (3, 3) Å and positions (n_atoms, 3) Å
_HEAD = struct.Struct("<4sIId")  # _MAGIC, bytes of the key, number of atoms, energy in eV
_MAGIC, _CRC = b"rxg1", struct.Struct("<I")


@dataclass
class Geometries:
    """Geometries by key and energy: with relax.start = "previous" a key has one for each path.

    kept: those in memory, by key alone.
    folders: where files are read.
    """

    kept: dict[str, Geometry] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    _own: Path | None = None  # where this process appends
    _nowhere: bool = False  # another rank of the group writes
    _places: dict[tuple[str, float], tuple[Path, int]] = field(default_factory=dict)
    _read: dict[Path, int] = field(default_factory=dict)  # how far each file is in _places

    def write_to(self, folder: Path, group: int, leader: bool) -> None:
        """Keep what comes in the folder instead of in memory; InputError where the disk refuses.

        group: of this rank. leader: whether this rank is the one of its group that writes.
        """
        self.folders, self._nowhere = [folder], not leader
        if not leader:
            return
        self._own = folder / f"{group:05d}.bin"
        try:
            self._look(self._own)
            if self._own.exists():
                os.truncate(self._own, self._read[self._own])
        except OSError as error:
            raise InputError(f"{self._own} cannot be written: {error.strerror}.") from None

    @property
    def bytes_in_files(self) -> int:
        """Size of all files."""
        return sum(path.stat().st_size for path in self._files())

    def remove_files(self) -> None:
        """Remove the folders, when all that they hold is somewhere else; to memory from now on."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.folders, self._own = [], None
        self._places.clear()
        self._read.clear()

    def add(self, key: str, energy: float, geometry: Geometry) -> None:
        """Write it down; InputError where the disk refuses."""
        if self._own is None:
            if not self._nowhere:
                self.kept[key] = geometry
            return
        name, (cell, positions) = key.encode(), geometry
        record = _HEAD.pack(_MAGIC, len(name), len(positions), energy) + name
        record += np.ascontiguousarray(cell, dtype="<f8").tobytes()
        record += np.ascontiguousarray(positions, dtype="<f8").tobytes()
        try:
            self._own.parent.mkdir(parents=True, exist_ok=True)
            with self._own.open("ab") as file:
                file.write(record + _CRC.pack(zlib.crc32(record)))
        except OSError as error:
            raise InputError(f"{self._own} cannot be written: {error.strerror}.") from None

    def get(self, key: str, energy: float) -> Geometry | None:
        """The geometry of a state of this energy (eV); None where none is kept."""
        if key in self.kept:
            return self.kept[key]
        place = self._place(key, energy)
        if place is None:
            return None
        path, offset = place
        try:
            with path.open("rb") as file:
                file.seek(offset)
                head = file.read(_HEAD.size)
                _, length, n_atoms, _ = _HEAD.unpack(head)
                body = file.read(length + 8 * (9 + 3 * n_atoms))
                sound = file.read(_CRC.size) == _CRC.pack(zlib.crc32(head + body))
        except OSError:
            return None
        if not sound:
            return None
        numbers = np.frombuffer(body, dtype="<f8", offset=length).astype(np.float64)
        return numbers[:9].reshape(3, 3), numbers[9:].reshape(-1, 3)

    def _place(self, key: str, energy: float) -> tuple[Path, int] | None:
        if (key, energy) not in self._places:
            for path in self._files():
                self._look(path)
        return self._places.get((key, energy))

    def _files(self) -> list[Path]:
        return [path for folder in self.folders for path in sorted(folder.glob("*.bin"))]

    def _look(self, path: Path) -> None:
        """Find the records of a file that are new since the last look."""
        offset = self._read.get(path, 0)
        size = path.stat().st_size if path.exists() else 0
        if size > offset:
            with path.open("rb") as file:
                while offset + _HEAD.size <= size:
                    file.seek(offset)
                    magic, length, n_atoms, energy = _HEAD.unpack(file.read(_HEAD.size))
                    end = offset + _HEAD.size + length + 8 * (9 + 3 * n_atoms) + _CRC.size
                    if magic != _MAGIC or end > size:
                        break
                    self._places[file.read(length).decode(), energy] = path, offset
                    offset = end
        self._read[path] = offset
