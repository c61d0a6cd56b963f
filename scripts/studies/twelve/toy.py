"""One classical potential for any ionic crystal: charges and Born repulsion, from bond lengths.

It knows nothing of chemistry: formal charges times 0.3, and for every cation a repulsion by its
ligands, A exp(-r/0.15 Å), that balances the attraction at the bond length that is asked for (as in
rock salt, whose Madelung constant stands for all). Good for tests of sampling, for nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from redoxmc.species import Species

SHARE = 0.3  # of the formal charges
RHO = 0.15  # Å, of cations and ligands
MADELUNG = 1.7476  # of rock salt
COULOMB = 14.3996  # eV Å / e^2
APART = {"O": 2.80, "F": 2.66, "S": 3.68}  # Å, of two ligands (Shannon 1976)


@dataclass(frozen=True)
class Bond:
    """What a cation has around it."""

    length: float  # Å
    coordination: int


def write_model(folder: Path, bonds: Mapping[str, Bond], ligand: str) -> None:
    """Write a model folder. bonds: by the names of the cations. ligand: name of the anion."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*bonds, ligand]
    charges = {name: SHARE * Species.parse(name).charge for name in names}
    apart = APART[Species.parse(ligand).element]
    lines = ["pair_style buck/coul/long 7.0", "pair_modify shift yes table 0"]
    lines.append("pair_coeff * * 0.0 1.0 0.0")
    for name, bond in bonds.items():
        pull = MADELUNG * COULOMB * abs(charges[name] * charges[ligand]) / bond.length**2
        strength = pull * RHO * np.exp(bond.length / RHO) / bond.coordination
        lines.append(f"pair_coeff {name} {ligand} {strength:.6f} {RHO} 0.0")
    lines.append(f"pair_coeff {ligand} {ligand} {0.05 * np.exp(apart / 0.25):.6f} 0.25 0.0")
    lines.append("kspace_style ewald/disp 1.0e-6")
    (folder / "potential.lmp").write_text("\n".join(lines) + "\n", encoding="utf-8")
    listed = ", ".join(f'"{name}"' for name in names)
    card = (
        'format = 1\narchitecture = "classical"\ncharge_aware = true\n'
        f'species = [{listed}]\nsource = "made from bond lengths"\n[lammps_charges]\n'
    )
    card += "".join(f'"{name}" = {charge:.6f}\n' for name, charge in charges.items())
    for name, bond in bonds.items():
        card += (
            f'[bonds."{name}"]\nmean_A = {bond.length}\n'
            f'coordination = {bond.coordination}\nligand = "{ligand}"\n'
        )
    (folder / "card.toml").write_text(card, encoding="utf-8")
