"""The twelve materials: host crystals in P1, tables of the campaign, bond lengths of the potential.

Cells and sites are those of the structure types, rounded; nothing depends on their third digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from twelve.toy import Bond

Site = tuple[str, str, Sequence[float]]  # label, type symbol, fractional position


@dataclass(frozen=True)
class Material:
    """A host and what a campaign says of it."""

    name: str
    kind: str  # what is special about it
    cell: np.ndarray  # (3, 3) Å
    sites: list[Site]
    bonds: dict[str, Bond]
    redox: Any  # as in a campaign
    ligand: str = "O2-"
    ions: dict[str, Any] | None = None
    supercell: Any = field(default_factory=lambda: [1, 1, 1])
    moves: dict[str, float] | None = None
    temperature: float = 2000.0  # K: of an order of magnitude with the differences of its orders


def orbit(group: int, label: str, symbol: str, *positions: Sequence[float], setting: int = 1):
    """The sites of one or more positions under a space group."""
    from ase.spacegroup import Spacegroup

    sites = []
    for position in positions:
        found, _ = Spacegroup(group, setting=setting).equivalent_sites([position])
        sites += [(label, symbol, tuple(one % 1.0)) for one in found]
    return sites


def primitive(cell: np.ndarray, small: np.ndarray, sites: list[Site]) -> list[Site]:
    """Sites of a centred cell in its primitive cell, each once."""
    kept: list[Site] = []
    for label, symbol, position in sites:
        inside = np.round(np.array(position) @ cell @ np.linalg.inv(small), 6) % 1.0
        same = (
            np.abs(inside - np.array(one) - np.round(inside - np.array(one))).max() < 1e-4
            for _, _, one in kept
        )
        if not any(same):
            kept.append((label, symbol, tuple(inside)))
    return kept


def element(symbol: str) -> str:
    """The element of a type symbol, such as Fe3+."""
    return symbol.rstrip("0123456789+-")


def hexagonal(a: float, c: float) -> np.ndarray:
    """A hexagonal cell, (3, 3) Å."""
    return np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]])


def fcc(a: float) -> np.ndarray:
    """The primitive cell of a face-centred cubic one, (3, 3) Å."""
    return a / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])


def rhombohedral(a: float, c: float) -> np.ndarray:
    """The primitive cell of a rhombohedral crystal in the hexagonal setting, (3, 3) Å."""
    turn = np.array([[2, 1, 1], [-1, 1, 1], [-1, -2, 1]]) / 3
    return turn @ hexagonal(a, c)


def spinel(a: float, u: float, tetrahedral: str, octahedral: str) -> tuple[np.ndarray, list[Site]]:
    """The primitive cell of a spinel; symbols are those of a CIF."""
    cubic, small = a * np.eye(3), fcc(a)
    labels = [
        f"{symbol.rstrip('0123456789+')}{n}" for n, symbol in ((1, tetrahedral), (2, octahedral))
    ]
    sites = orbit(227, labels[0], tetrahedral, (1 / 8,) * 3, setting=2)
    sites += orbit(227, labels[1], octahedral, (1 / 2,) * 3, setting=2)
    sites += orbit(227, "O1", "O2-", (u,) * 3, setting=2)
    return small, primitive(cubic, small, sites)


def couple(reduced: str, oxidised: str, **more: Any) -> dict[str, Any]:
    """A [redox] table of two charge states."""
    return {"reduced": reduced, "oxidised": oxidised, **more}


def ions(species: str, x: list[float], **more: Any) -> dict[str, Any]:
    """An [ions] table."""
    return {"species": species, "concentrations": x, **more}


BOTH = {"charge_swap": 1.0, "ion_swap": 1.0}  # moves where ions are sampled, too


def materials(olivine: Path) -> list[Material]:
    """All twelve. olivine: a CIF of NaFePO4, whose sites LiMn0.5Fe0.5PO4 has, too."""
    return [
        nickelate(), magnetite(), cobaltate(), manganate(), nasicon(), two_couples(olivine),
        magnesium_spinel(), sulfide(), manganite(), fluoride(), bismuthate(), high_voltage_spinel(),
    ]  # fmt: skip


def nickelate() -> Material:
    sites = orbit(166, "Li1", "Li+", (0, 0, 0.5)) + orbit(166, "Ni1", "Ni", (0, 0, 0))
    sites += orbit(166, "O1", "O2-", (0, 0, 0.2585))
    bonds = {"Li+": Bond(2.10, 6), "Ni2+": Bond(2.07, 6), "Ni3+": Bond(1.97, 6)}
    return Material(
        "LixNiO2", "three charge states, which disproportionate; hexagonal cell",
        hexagonal(2.88, 14.2), sites, bonds | {"Ni4+": Bond(1.90, 6)},
        {"states": ["Ni2+", "Ni3+", "Ni4+"]}, ions=ions("Li+", [0.0, 0.5, 1.0]),
        supercell=[2, 1, 1], temperature=8000.0,
    )  # fmt: skip


def magnetite() -> Material:
    cell, sites = spinel(8.39, 0.2547, "Fe3+", "Fe")
    bonds = {"Fe2+": Bond(2.15, 6), "Fe3+": Bond(2.03, 6)}
    return Material(
        "Fe3O4", "no mobile ion; Fe in two roles, told apart by CIF labels",
        cell, sites, bonds, couple("Fe2+", "Fe3+", sites=["Fe2"]), supercell=[2, 1, 1],
    )  # fmt: skip


def cobaltate() -> Material:
    sites = orbit(194, "Co1", "Co", (0, 0, 0)) + orbit(194, "O1", "O2-", (1 / 3, 2 / 3, 0.0913))
    sites += orbit(194, "Na1", "Na+", (0, 0, 0.25)) + orbit(194, "Na2", "Na+", (2 / 3, 1 / 3, 0.25))
    bonds = {"Na+": Bond(2.42, 6), "Co3+": Bond(1.95, 6), "Co4+": Bond(1.88, 6)}
    table = ions("Na+", [0.25, 0.5, 0.75], ordering="sampled", minimum_distance=2.0)
    return Material(
        "P2-NaxCoO2", "ion sites that exclude each other, ion order sampled; hexagonal cell",
        hexagonal(2.84, 10.8), sites, bonds, couple("Co3+", "Co4+"), ions=table,
        supercell=[2, 1, 1], moves=BOTH,
    )  # fmt: skip


def manganate() -> Material:
    cell, sites = spinel(8.24, 0.2632, "Li+", "Mn")
    bonds = {"Li+": Bond(1.97, 4), "Mn3+": Bond(2.02, 6), "Mn4+": Bond(1.90, 6)}
    return Material(
        "LixMn2O4", "spinel, x to 1/2 per redox site, ion order sampled", cell, sites, bonds,
        couple("Mn3+", "Mn4+"), ions=ions("Li+", [0.0, 0.25, 0.5], ordering="sampled"),
        supercell=[2, 1, 1], moves=BOTH,
    )  # fmt: skip


def nasicon() -> Material:
    a, c = 8.73, 21.80
    sites = orbit(167, "Na1", "Na+", (0, 0, 0)) + orbit(167, "Na2", "Na+", (0.6337, 0, 0.25))
    sites += orbit(167, "V1", "V", (0, 0, 0.1469)) + orbit(167, "P1", "P5+", (0.2909, 0, 0.25))
    sites += orbit(167, "O1", "O2-", (0.1752, -0.0258, 0.1944), (0.1922, 0.1654, 0.0893))
    bonds = {"Na+": Bond(2.45, 6), "V3+": Bond(2.01, 6), "V4+": Bond(1.93, 6), "P5+": Bond(1.53, 4)}
    return Material(
        "NaxV2(PO4)3", "NASICON, x from 1/2 to 3/2 per redox site; rhombohedral cell",
        rhombohedral(a, c), primitive(hexagonal(a, c), rhombohedral(a, c), sites), bonds,
        couple("V3+", "V4+"), ions=ions("Na+", [0.5, 1.0, 1.25, 1.5]),
    )  # fmt: skip


def two_couples(olivine: Path) -> Material:
    from ase.io import read

    atoms = read(olivine)
    iron = [n for n, symbol in enumerate(atoms.symbols) if symbol == "Fe"]
    atoms.symbols[iron[:2]] = "Mn"
    symbols = {"Na": "Li+", "P": "P5+", "O": "O2-"}
    sites: list[Site] = []
    for name, position in zip(atoms.symbols, atoms.get_scaled_positions(), strict=True):
        symbol = symbols.get(name, name)
        sites.append((f"{element(symbol)}1", symbol, tuple(position)))
    bonds = {"Li+": Bond(2.15, 6), "Mn2+": Bond(2.20, 6), "Mn3+": Bond(2.09, 6)}
    bonds |= {"Fe2+": Bond(2.18, 6), "Fe3+": Bond(2.07, 6), "P5+": Bond(1.53, 4)}
    return Material(
        "LixMn0.5Fe0.5PO4", "two couples", np.array(atoms.cell), sites, bonds,
        [couple("Fe2+", "Fe3+"), couple("Mn2+", "Mn3+")],
        ions=ions("Li+", [0.0, 0.25, 0.5, 0.75, 1.0]),
    )  # fmt: skip


def magnesium_spinel() -> Material:
    cell, sites = spinel(8.40, 0.2620, "Mg2+", "Mn")
    bonds = {"Mg2+": Bond(1.97, 4), "Mn3+": Bond(2.02, 6), "Mn4+": Bond(1.90, 6)}
    return Material(
        "MgxMn2O4", "divalent ion: two electrons with each", cell, sites, bonds,
        couple("Mn3+", "Mn4+"), ions=ions("Mg2+", [0.0, 0.125, 0.25, 0.375, 0.5]),
        supercell=[2, 1, 1],
    )  # fmt: skip


def sulfide() -> Material:
    sites: list[Site] = [("Ti1", "Ti", (0, 0, 0)), ("Li1", "Li+", (0, 0, 0.5))]
    sites += [("S1", "S2-", (1 / 3, 2 / 3, 0.25)), ("S1", "S2-", (2 / 3, 1 / 3, 0.75))]
    bonds = {"Li+": Bond(2.50, 6), "Ti3+": Bond(2.48, 6), "Ti4+": Bond(2.42, 6)}
    return Material(
        "LixTiS2", "sulfide, trigonal; supercell by a 3x3 matrix", hexagonal(3.41, 5.70), sites,
        bonds, couple("Ti3+", "Ti4+"), "S2-", ions("Li+", [0.0, 1 / 3, 2 / 3, 1.0]),
        supercell=[[2, 1, 0], [-1, 1, 0], [0, 0, 2]],
    )  # fmt: skip


def perovskite(a: float, b: Site, other: str, filler: Sequence[str]) -> list[Site]:
    """A cubic perovskite doubled along each axis. filler: symbols of its eight A sites."""
    corners = np.array(np.meshgrid(*[[0, 1]] * 3, indexing="ij")).reshape(3, -1).T
    sites: list[Site] = []
    for corner, symbol in zip(corners, filler, strict=True):
        sites.append((f"{element(symbol)}1", symbol, (corner + 0.5) / 2))
        sites.append((b[0], b[1], corner / 2))
        sites += [("X1", other, (corner + half) / 2) for half in 0.5 * np.eye(3)]
    return sites


def manganite() -> Material:
    a = 3.85
    layers = ["La3+" if n % 2 else "Ca2+" for n in range(8)]  # along the third axis
    bonds = {"La3+": Bond(2.65, 12), "Ca2+": Bond(2.60, 12), "Mn3+": Bond(1.99, 6)}
    return Material(
        "La0.5Ca0.5MnO3", "perovskite, charge order of a substituted oxide", 2 * a * np.eye(3),
        perovskite(a, ("Mn1", "Mn", ()), "O2-", layers), bonds | {"Mn4+": Bond(1.90, 6)},
        couple("Mn3+", "Mn4+"),
    )  # fmt: skip


def fluoride() -> Material:
    a = 3.95
    bonds = {"Na+": Bond(2.70, 12), "Fe2+": Bond(2.06, 6), "Fe3+": Bond(1.93, 6)}
    return Material(
        "NaxFeF3", "fluoride perovskite", 2 * a * np.eye(3),
        perovskite(a, ("Fe1", "Fe", ()), "F-", ["Na+"] * 8), bonds, couple("Fe2+", "Fe3+"), "F-",
        ions("Na+", [0.0, 0.25, 0.5, 0.75, 1.0]),
    )  # fmt: skip


def bismuthate() -> Material:
    a = 4.35
    bonds = {"Ba2+": Bond(2.95, 12), "Bi3+": Bond(2.28, 6), "Bi5+": Bond(2.12, 6)}
    return Material(
        "BaBiO3", "two electrons at once, no mobile ion", 2 * a * np.eye(3),
        perovskite(a, ("Bi1", "Bi", ()), "O2-", ["Ba2+"] * 8), bonds, couple("Bi3+", "Bi5+"),
        temperature=4000.0,
    )  # fmt: skip


def high_voltage_spinel() -> Material:
    """One Mn of four is Ni, in the primitive cell: an ordered one."""
    cell, sites = spinel(8.17, 0.2632, "Li+", "Mn4+")
    first = next(n for n, site in enumerate(sites) if site[1] == "Mn4+")
    sites[first] = ("Ni1", "Ni", sites[first][2])
    bonds = {"Li+": Bond(1.97, 4), "Ni2+": Bond(2.05, 6), "Ni3+": Bond(1.97, 6)}
    return Material(
        "LixNi0.5Mn1.5O4", "three charge states beside a fixed Mn4+, x to 2 per redox site",
        cell, sites, bonds | {"Ni4+": Bond(1.90, 6), "Mn4+": Bond(1.90, 6)},
        {"states": ["Ni2+", "Ni3+", "Ni4+"]}, ions=ions("Li+", [0.0, 0.5, 1.0, 1.5, 2.0]),
        supercell=[2, 2, 1], temperature=6000.0,
    )  # fmt: skip
