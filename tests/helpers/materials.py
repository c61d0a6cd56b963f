"""Small materials of several kinds, each a CIF, a classical model and a campaign file.

Rigid ions with formal charges scaled by 0.6 and the short-range term of Pedone et al., J. Phys.
Chem. B 110, 11780 (2006); what that paper has no ion for has numbers that hold it on its site.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from study_tools.cif import write_cif

# D (eV), a (1/Å), r0 (Å), C (eV Å^12) with O2-; mean bond length (Å), coordination
IONS = {
    "Li+": (0.001114, 3.429506, 2.681360, 1.0),
    "Na+": (0.023363, 1.763867, 3.006315, 5.0),
    "P5+": (0.831326, 2.585833, 1.800790, 1.0),
    "O2-": (0.042395, 1.379316, 3.618701, 22.0),
    "Fe2+": (0.078171, 1.822638, 2.658163, 2.0, 2.18),
    "Fe3+": (0.418981, 1.620376, 2.382183, 2.0, 2.07),
    "Mn2+": (0.029658, 1.997543, 2.852075, 3.0, 2.20),
    "Mn3+": (0.418981, 1.620376, 2.402183, 2.0, 2.09),
    "Ni2+": (0.029356, 2.679137, 2.500754, 3.0, 2.07),
    "Ni3+": (0.399561, 1.785079, 2.340810, 1.0, 1.97),
    "Ni4+": (0.340554, 2.006700, 2.150000, 1.0, 1.90),
    "Co3+": (0.399561, 1.785079, 2.300810, 1.0, 1.95),
    "Co4+": (0.340554, 2.006700, 2.150000, 1.0, 1.90),
}


@dataclass(frozen=True)
class Material:
    """A host in P1 and the tables of its campaign.

    cell: (3, 3) Å. sites: (label, type symbol, fractional position). redox, ions: TOML.
    """

    cell: np.ndarray
    sites: list[tuple[str, str, tuple[float, float, float]]]
    species: tuple[str, ...]
    redox: str
    ions: str = ""
    supercell: tuple[int, int, int] = (1, 1, 1)


def hexagonal(a, c):
    return np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]])


def nickelate():
    """LixNiO2, R-3m: three charge states of one ion, which may disproportionate."""
    shifts = [(0, 0, 0), (2 / 3, 1 / 3, 1 / 3), (1 / 3, 2 / 3, 2 / 3)]
    basis = [("Li1", "Li", 0.5), ("Ni1", "Ni", 0.0), ("O1", "O", 0.2585), ("O1", "O", -0.2585)]
    sites = [
        (label, symbol, (x, y, (z + own) % 1.0))
        for label, symbol, own in basis
        for x, y, z in shifts
    ]
    return Material(
        hexagonal(2.88, 14.2),
        sites,
        ("Li+", "Ni2+", "Ni3+", "Ni4+", "O2-"),
        '[redox]\nstates = ["Ni2+", "Ni3+", "Ni4+"]',
        '[ions]\nspecies = "Li+"\nconcentrations = [1.0]',
        (2, 1, 1),
    )


def magnetite():
    """Fe3O4: no mobile ion, and Fe in two roles: only octahedral sites change their charge."""
    cell = 8.39 / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    u = 0.2547  # of O on 32e, origin at the inversion centre
    tetrahedral = [(1 / 8,) * 3, (7 / 8,) * 3]
    octahedral = [(0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    v = 0.5 - 3 * u
    oxygen = [(u, u, u), (u, u, v), (u, v, u), (v, u, u)]
    oxygen += [tuple(-x for x in site) for site in oxygen]
    sites = [("Fe1", "Fe3+", site) for site in tetrahedral]
    sites += [("Fe2", "Fe", site) for site in octahedral]
    sites += [("O1", "O2-", tuple(x % 1.0 for x in site)) for site in oxygen]
    return Material(
        cell,
        sites,
        ("Fe2+", "Fe3+", "O2-"),
        '[[redox]]\nreduced = "Fe2+"\noxidised = "Fe3+"\nsites = [6]',
        supercell=(2, 1, 1),
    )


def cobaltate(minimum_distance=2.0):
    """P2-NaxCoO2: two kinds of Na sites, 1.64 Å apart."""
    sites = [("Co1", "Co", (0, 0, 0)), ("Co1", "Co", (0, 0, 0.5))]
    z = 0.0913
    sites += [("O1", "O", (1 / 3, 2 / 3, z)), ("O1", "O", (2 / 3, 1 / 3, -z % 1.0))]
    sites += [("O1", "O", (2 / 3, 1 / 3, z + 0.5)), ("O1", "O", (1 / 3, 2 / 3, 0.5 - z))]
    sites += [("Na1", "Na", (0, 0, 0.25)), ("Na1", "Na", (0, 0, 0.75))]
    sites += [("Na2", "Na", (2 / 3, 1 / 3, 0.25)), ("Na2", "Na", (1 / 3, 2 / 3, 0.75))]
    return Material(
        hexagonal(2.84, 10.8),
        sites,
        ("Na+", "Co3+", "Co4+", "O2-"),
        '[redox]\nreduced = "Co3+"\noxidised = "Co4+"',
        '[ions]\nspecies = "Na+"\nconcentrations = [0.5]\nordering = "sampled"\n'
        f"minimum_distance = {minimum_distance}",
        (2, 2, 1),
    )


def two_couples(host):
    """NaMn0.5Fe0.5PO4 from the olivine's CIF: electrons go from one couple to the other."""
    from ase.io import read

    atoms = read(host)
    iron = [n for n, symbol in enumerate(atoms.symbols) if symbol == "Fe"]
    atoms.symbols[iron[:2]] = "Mn"
    sites = [
        (f"{symbol}1", symbol, tuple(position))
        for symbol, position in zip(atoms.symbols, atoms.get_scaled_positions(), strict=True)
    ]
    return Material(
        np.array(atoms.cell),
        sites,
        ("Na+", "Fe2+", "Fe3+", "Mn2+", "Mn3+", "P5+", "O2-"),
        '[[redox]]\nreduced = "Fe2+"\noxidised = "Fe3+"\n'
        '[[redox]]\nreduced = "Mn2+"\noxidised = "Mn3+"',
        '[ions]\nspecies = "Na+"\nconcentrations = [0.5]',
    )


def write_campaign(folder: Path, material: Material, sampling: str, relax: str = "") -> Path:
    """Write host.cif, model/ and campaign.toml into a folder; returns the campaign."""
    folder.mkdir(parents=True, exist_ok=True)
    write_cif(folder / "host.cif", material.cell, material.sites)
    _write_model(folder / "model", material)
    path = folder / "campaign.toml"
    path.write_text(
        f'[host]\nstructure = "host.cif"\nsupercell = {list(material.supercell)}\n'
        f'{material.redox}\n{material.ions}\n[model]\npath = "model"\n'
        f'[relax]\ncell = "fixed"\n{relax}\n{sampling}\n',
        encoding="utf-8",
    )
    return path


def _write_model(folder: Path, material: Material) -> None:
    folder.mkdir(exist_ok=True)
    names = ", ".join(f'"{name}"' for name in material.species)
    card = (
        'format = 1\narchitecture = "classical"\ncharge_aware = true\n'
        f'species = [{names}]\nsource = "made up for tests"\nlicence = "as the package"\n'
        "[lammps_charges]\n"
    )
    lines = [
        "pair_style hybrid/overlay coul/long 6.0 pedone 6.0",
        "pair_modify shift yes table 0",
        "pair_coeff * * coul/long",
    ]
    bonds = ""
    for name in material.species:
        digits = name[-2] if name[-2].isdigit() else "1"
        charge = (-1 if name[-1] == "-" else 1) * int(digits)
        card += f'"{name}" = {0.6 * charge:.3f}\n'
        d, a, r0, c, *bond = IONS[name]
        lines.append(f"pair_coeff {name} O2- pedone {d} {a} {r0} {c}")
        for mean in bond:
            bonds += f'[bonds."{name}"]\nmean_A = {mean}\ncoordination = 6\nligand = "O2-"\n'
    # pairs without a short-range term of their own: none
    lines.append("kspace_style ewald/disp 1.0e-6")
    (folder / "card.toml").write_text(card + bonds, encoding="utf-8")
    (folder / "potential.lmp").write_text("\n".join(lines) + "\n", encoding="utf-8")
