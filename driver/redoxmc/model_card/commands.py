"""The LAMMPS commands of a classical model: read, limited to what defines a potential.

A model folder may come from anywhere, and LAMMPS' language can run programs (`shell`, `python`,
`variable … getenv`, `print … file`). So `potential.lmp` is never given to LAMMPS as a file: it is
read here, only commands of a short list pass, and files are taken from the model's folder alone.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from redoxmc.errors import InputError

ALLOWED = (
    "pair_style", "pair_coeff", "pair_modify", "kspace_style", "kspace_modify",
    "special_bonds", "dielectric", "neighbor", "neigh_modify", "comm_modify", "include",
    "labelmap",
)  # fmt: skip
# Styles that run code which comes with the potential.
_FOREIGN_CODE = ("python", "mliap", "mliap/kk", "kim", "redoxmc", "plugin")
_DEPTH = 5  # of includes
_LARGEST = 10_000_000  # bytes of one file of commands
_PLAIN = re.compile(r"[A-Za-z0-9_.+-]+(/[A-Za-z0-9_.+-]+)*")


@dataclass(frozen=True)
class Commands:
    """What defines a classical potential."""

    lines: tuple[str, ...]  # commands in order, without comments
    files: tuple[str, ...]  # names, relative to the folder, of the data files that they read
    labels: tuple[tuple[int, str], ...] = ()  # of `labelmap atom`: LAMMPS type and its label

    def located(self, folder: Path) -> list[str]:
        """The commands with the path of each data file, which must be without blanks."""
        names = set(self.files)
        return [
            " ".join(str(folder / w) if w in names else w for w in line.split())
            for line in self.lines
        ]


def read_commands(path: Path) -> Commands:
    """Read `potential.lmp` with what it includes.

    Raises InputError for a file that cannot be read, a command that is not allowed, a file outside
    of the folder, and where no pair style is defined.
    """
    lines: list[str] = []
    _read(path, path.parent, lines, 0)
    if not any(line.split()[0] == "pair_style" for line in lines):
        raise InputError(f"{path} defines no pair style; it must hold pair_style and pair_coeff.")
    names = dict.fromkeys(w for line in lines for w in line.split()[1:])
    files = tuple(w for w in names if _is_file(path, w))
    labels = _labels(path, [line.split() for line in lines if line.split()[0] == "labelmap"])
    # which type is which is checked against the card; LAMMPS hears it from there
    lines = [line for line in lines if line.split()[0] != "labelmap"]
    return Commands(tuple(lines), files, labels)


def _labels(path: Path, maps: list[list[str]]) -> tuple[tuple[int, str], ...]:
    """Types and labels of all lines `labelmap atom 1 Na+ 2 Fe2+ …`."""
    labels = []
    for words in maps:
        pairs = words[2:]
        types = pairs[::2]
        if words[1:2] != ["atom"] or len(pairs) % 2 or not all(map(str.isdecimal, types)):
            raise InputError(
                f"{path}: {' '.join(words)!r} must give types and their species, as in 'labelmap "
                "atom 1 Na+ 2 Fe2+'."
            )
        labels += [(int(number), label) for number, label in zip(types, pairs[1::2], strict=True)]
    return tuple(labels)


def _read(path: Path, folder: Path, lines: list[str], depth: int) -> None:
    for line in _joined(path):
        words = line.split()
        if not words:
            continue
        if words[0] not in ALLOWED:
            raise InputError(
                f"{path}: the command {words[0]!r} is not allowed in a potential; allowed are "
                f"{', '.join(ALLOWED)}."
            )
        bad = next((c for c in line if c in "$\"'&;`\\" or not c.isprintable()), None)
        if bad is not None:
            raise InputError(f"{path}: {bad!r} in {line[:60]!r} is not allowed in a potential.")
        if words[0] == "pair_style":
            foreign = [word for word in words[1:] if word in _FOREIGN_CODE]
            if foreign:
                raise InputError(
                    f"{path}: pair_style {foreign[0]} is not allowed: it runs code of its own."
                )
        if words[0] != "include":
            lines.append(line)
            continue
        if len(words) != 2 or depth >= _DEPTH or not _is_file(path, words[1]):
            raise InputError(
                f"{path}: {line!r} must name one file of the folder {folder} (to a depth of "
                f"{_DEPTH})."
            )
        _read(folder / words[1], folder, lines, depth + 1)


def _joined(path: Path) -> list[str]:
    """The lines of a file as LAMMPS sees them: comments off, continued lines joined."""
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is larger than {_LARGEST} bytes.")
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except UnicodeDecodeError:
        # comments may be in any language
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
    joined, pending = [], ""
    for raw in text.splitlines():
        line = pending + raw.split("#", 1)[0].rstrip()
        pending = ""
        if line.endswith("&"):
            pending = line[:-1] + " "
        else:
            joined.append(" ".join(line.split()))
    return [*joined, pending.strip()]


def _is_file(path: Path, word: str) -> bool:
    """Whether a word names a file of the model's folder; InputError for a file of elsewhere."""
    folder = path.parent
    if _PLAIN.fullmatch(word) and ".." not in word.split("/"):
        candidate = folder / word
        if candidate.is_file():
            if not candidate.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"{path}: {word!r} is a link out of the folder {folder}.")
            return True
    places = os.environ.get("LAMMPS_POTENTIALS", "").split(os.pathsep)
    elsewhere = [Path(word), *(Path(place) / word for place in places if place)]
    if "/" in word and word.split("/")[0] in ("", ".", "..", "~"):
        raise InputError(f"{path}: {word!r} is outside of the folder {folder}; put the file there.")
    if "." in word and any(one.is_file() for one in elsewhere):
        raise InputError(
            f"{path}: {word!r} would be read from outside of the folder {folder}; put it there."
        )
    return False
