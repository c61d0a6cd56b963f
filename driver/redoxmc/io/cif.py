"""What must hold of a CIF before its structure is believed: one structure, whole sites, charges."""

import re
import warnings
from dataclasses import dataclass
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.errors import InputError, cut
from redoxmc.io.cif_order import SITES, check_occupancies, check_symbols, column
from redoxmc.io.frames import read_text, short
from redoxmc.io.geometry import CLOSEST
from redoxmc.species import Species

_CHARGE = re.compile(r"([A-Z][a-z]?)(?:([+-])([0-9])|([0-9]?)([+-]))?.*")
_ANGLES = ("alpha", "beta", "gamma")
FARTHEST = 1e6  # of a coordinate, fractional or in Å


@dataclass(frozen=True)
class CifSite:
    """A row of the list of sites. species: None where the CIF gives it no charge."""

    label: str
    species: Species | None


def check_cif(path: Path) -> list[CifSite]:
    """Read the sites of a CIF as listed, before symmetry; InputError with the place of a fault.

    Refused are several structures in one file, sites that are not occupied by exactly one ion
    (partial or mixed occupancies, disorder groups), and a charge that is written in two ways.
    """
    block = _only_block(path)
    labels = [cut(label) for label in column(block, "_atom_site_label")]
    symbols = [cut(symbol) for symbol in column(block, "_atom_site_type_symbol")]
    labels, symbols = labels or symbols, symbols or labels
    if len(labels) != len(symbols):
        raise InputError(f"{path}: _atom_site_label and _atom_site_type_symbol differ in length.")
    check_symbols(path, labels, symbols)
    check_occupancies(path, block, labels)
    _check_places(path, block, labels)
    numbers = _oxidation_numbers(block)
    sites = []
    for label, symbol in zip(labels, symbols, strict=True):
        written, listed = _species(symbol), numbers.get(symbol)
        if written and listed is not None and written.charge != listed:
            raise InputError(
                f"{path}: site {label} is {written}, but _atom_type_oxidation_number of it is "
                f"{listed:g}; correct one of the two."
            )
        if listed is not None and not written:
            written = _with_charge(path, label, symbol, listed)
        sites.append(CifSite(label, written))
    return sites


def _only_block(path: Path) -> Any:
    """The data block that holds the structure, where there is exactly one."""
    from ase.io.cif import parse_cif

    text = read_text(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            blocks = list(parse_cif(StringIO(text)))
    except Exception as error:  # ase raises whatever its parser met
        raise InputError(f"{path} is not a CIF that can be read ({short(error)}).") from None
    blocks = [block for block in blocks if any(column(block, name) for name in SITES)]
    if not blocks:
        raise InputError(f"{path} has no list of atom sites (_atom_site_fract_x and so on).")
    if len(blocks) > 1:
        names = ", ".join(str(block.name) for block in blocks)
        raise InputError(
            f"{path} holds {len(blocks)} structures (data blocks {names}); leave one in the file."
        )
    _check_cell(path, blocks[0])
    return blocks[0]


def _check_cell(path: Path, block: Any) -> None:
    for what, names, largest in (("a length", "abc", np.inf), ("an angle", _ANGLES, 180.0)):
        for name in names:
            kind = "length" if what == "a length" else "angle"
            value = block.get(f"_cell_{kind}_{name}")
            if not isinstance(value, int | float) or not 0 < value < largest:
                raise InputError(
                    f"{path}: {what} of the cell, _cell_{kind}_{name}, is {cut(value)}; it must be "
                    f"a positive {'number of Å' if kind == 'length' else 'number below 180'}."
                )


def _check_places(path: Path, block: Any, labels: list[str]) -> None:
    """Coordinates are numbers, and no two sites of the list have an atom on one place.

    ase drops one of such two without a word.
    """
    kind = "fract" if column(block, SITES[0]) else "cartn"
    columns = [column(block, f"_atom_site_{kind}_{axis}") for axis in "xyz"]
    for values in columns:
        for label, value in zip_longest(labels, values):
            if not isinstance(value, int | float) or not abs(value) < FARTHEST:
                raise InputError(
                    f"{path}: site {label} has the coordinate {cut(value)}, a number is needed."
                )
    if kind == "cartn":
        return  # read as listed, so that the atoms themselves can be compared
    cell = np.array(block.get_cell())
    scaled = np.array(columns, dtype=float).T
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            operations = block.get_spacegroup(True).get_op()
    except Exception as error:  # ase raises whatever its tables met
        raise InputError(f"{path}: its symmetry cannot be read ({short(error)}).") from None
    for rotation, translation in zip(*operations, strict=True):
        images = scaled @ rotation.T + translation
        for k in range(1, len(scaled)):
            shift = images[:k] - scaled[k]
            distance = np.linalg.norm((shift - np.round(shift)) @ cell, axis=1)
            if distance.min() < CLOSEST:
                raise InputError(
                    f"{path}: sites {labels[int(distance.argmin())]} and {labels[k]} are "
                    f"{distance.min():.2g} Å apart, as if one place were filled twice; remove one."
                )


def _oxidation_numbers(block: Any) -> dict[str, float]:
    symbols = column(block, "_atom_type_symbol")
    numbers = column(block, "_atom_type_oxidation_number")
    pairs = zip(symbols, numbers, strict=False)
    return {str(symbol): number for symbol, number in pairs if isinstance(number, int | float)}


def _species(symbol: str) -> Species | None:
    """The species of `Fe2+` or `Fe+2`; None where the symbol says no charge."""
    match = _CHARGE.fullmatch(symbol)
    if match is None or not (match[2] or match[5]):
        return None
    sign, digit = (match[2], match[3]) if match[2] else (match[5], match[4])
    return Species.parse(f"{match[1]}{digit}{sign}")


def _with_charge(path: Path, label: str, symbol: str, charge: float) -> Species:
    match = _CHARGE.fullmatch(symbol)
    if match is None or not np.isfinite(charge) or charge != round(charge):
        raise InputError(
            f"{path}: site {label} has the oxidation number {charge}, and a whole number is needed."
        )
    return Species(Species.parse(match[1]).element, round(charge))
