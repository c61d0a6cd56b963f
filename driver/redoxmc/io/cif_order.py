"""Whether a CIF is of an ordered crystal: whole sites, each of one element."""

import re
from pathlib import Path
from typing import Any

from redoxmc.errors import InputError, cut

SITES = ("_atom_site_fract_x", "_atom_site_cartn_x")
_WHOLE = 1e-3  # how far from 1 the occupancy of a full site may be written
# A type symbol of several elements or a broken charge (`Co0.5Mn0.5`, `CoMn`, `Co3.5+`); a label may
# have capitals of its own behind the element (`O1W`), but not the symbol of another one at once.
_MIXED = re.compile(r"[A-Z][a-z]?.*[A-Z.,/:]")
_MIXED_LABEL = re.compile(r"[A-Z][a-z]?(.*[.,/:]|[A-Z][a-z])")
_ORDERED = (
    "write an ordered cell, in which each site holds one ion (a supercell where elements share a "
    "site; sites of the working ion all filled: ions.concentrations says how many are)"
)


def check_occupancies(path: Path, block: Any, labels: list[str]) -> None:
    """Refuse sites that are filled in part, shared, or one of several alternatives.

    block: of ase's parser. labels: of the sites as listed.
    """
    occupancies = column(block, "_atom_site_occupancy")
    partial = {
        number: value
        for number, value in enumerate(occupancies[: len(labels)])
        if value not in (".", "?")  # CIF's default is 1
        and (not isinstance(value, int | float) or not abs(value - 1) <= _WHOLE)
    }
    if partial:
        number, value = next(iter(partial.items()))
        sharing = [labels[other] for other in _same_place(block, number) if other in partial]
        shared = f", and shares its place with {', '.join(sharing)}" if sharing else ""
        raise InputError(
            f"{path}: site {labels[number]} has the occupancy {cut(value)}{shared}, but every site "
            f"must be filled by one ion (occupancy 1); {_ORDERED}."
        )
    groups = column(block, "_atom_site_disorder_group")
    for label, group in zip(labels, groups, strict=False):
        if group not in (".", "?", 0):
            raise InputError(
                f"{path}: site {label} is in the disorder group {cut(group)}, one of several "
                f"alternatives; {_ORDERED}, and leave _atom_site_disorder_group out."
            )


def _same_place(block: Any, number: int) -> list[int]:
    """Other sites of the list with the same coordinates as one of it."""
    kind = "fract" if column(block, SITES[0]) else "cartn"
    columns = [column(block, f"_atom_site_{kind}_{axis}") for axis in "xyz"]
    places = list(zip(*columns, strict=False))
    return [
        other
        for other, place in enumerate(places)
        if number < len(places) and other != number and place == places[number]
    ]


def check_symbols(path: Path, labels: list[str], symbols: list[str]) -> None:
    """Refuse the symbol of a mixture, of which readers take the first element alone."""
    mixture = _MIXED if symbols is not labels else _MIXED_LABEL
    for label, symbol in zip(labels, symbols, strict=True):
        if mixture.match(symbol):
            raise InputError(
                f"{path}: site {label} has the symbol {symbol!r}, and one element with a whole "
                f"charge is needed, such as Fe or Fe3+; {_ORDERED}."
            )


def column(block: Any, name: str) -> list[Any]:
    """The values of a column of the file, none where it has none."""
    value = block.get(name)
    return [] if value is None else list(value) if isinstance(value, list) else [value]
