"""Which LAMMPS type is which species in a classical potential: said by its commands, not guessed.

Type i is the i-th species of the card. A potential that names its types by number says with
`labelmap atom 1 Na+ 2 Fe2+ …` which species it means by them; one that names species
(`pair_coeff Na+ O2- …`) needs no more.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from redoxmc.errors import InputError, cut
from redoxmc.model_card.commands import Commands
from redoxmc.species import Species

_NUMBERS = re.compile(r"[0-9]+\*?[0-9]*|\*[0-9]+")  # `1`, `2*`, `*3`, `2*4`


def check_types(path: Path, commands: Commands, species: Sequence[Species]) -> None:
    """Raise InputError where commands do not say which type is which species of the card.

    path: of the commands. species: of the card, in the order of LAMMPS' types.
    """
    names = [str(one) for one in species]
    expected = " ".join(f"{number} {name}" for number, name in enumerate(names, start=1))
    if commands.labels:
        said = dict(commands.labels)
        if len(said) < len(commands.labels) or said != dict(enumerate(names, start=1)):
            given = " ".join(f"{number} {cut(label)}" for number, label in commands.labels)
            raise InputError(
                f"{path}: labelmap says that LAMMPS' types are {given}, but the species of "
                f"card.toml say {expected}; list species in the order of the types."
            )
    for line in commands.lines:
        for word in _types_in(line, commands.files):
            if not commands.labels and _NUMBERS.fullmatch(word):
                raise InputError(
                    f"{path}: nothing says which species is meant by type {word} in {cut(line)!r}; "
                    f"name species instead, or write 'labelmap atom {expected}' if that is right."
                )
            if word not in (*names, "*") and not _NUMBERS.fullmatch(word):
                raise InputError(
                    f"{path}: {cut(word)!r} in {cut(line)!r} is no species of card.toml, which "
                    f"has {', '.join(names)}."
                )


def needs_charges(commands: Commands) -> bool:
    """Whether a potential has Coulomb forces, which are none without charges."""
    words = [line.split() for line in commands.lines]
    return any(
        (line[0] == "pair_style" and any("coul" in style for style in line[1:]))
        or (line[0] == "kspace_style" and line[1:2] != ["none"])
        for line in words
    )


def _types_in(line: str, files: tuple[str, ...]) -> Iterator[str]:
    """The words of a command that stand for types; a file of parameters is one for all of them."""
    words = line.split()
    if words[0] == "pair_coeff":
        yield from words[1:3]
        if any(word in files for word in words[3:]):  # elements follow in the order of the types
            yield "1*"
    elif words[0] == "neigh_modify":
        for place, word in enumerate(words[:-1]):
            if word == "exclude" and words[place + 1] == "type":
                yield from words[place + 2 : place + 4]
    elif words[0] == "comm_modify" and "cutoff/multi" in words:
        yield from words[words.index("cutoff/multi") + 1 :][:1]
