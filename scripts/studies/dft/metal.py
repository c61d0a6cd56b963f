"""Energy of the metal of the working ion by the DFT recipe or by a teacher: the zero of voltage.

python scripts/studies/dft/metal.py --settings potentials/data/dft/gpaw.toml \
    --out potentials/data/dft/metal.json
python scripts/studies/dft/metal.py --teacher --out potentials/data/distilled/metal.json

bcc, one atom; with GPAW k-points 12x12x12, no spin; energies at five lattice constants and the
minimum of an equation of state (Birch-Murnaghan).
"""

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.eos import EquationOfState
from ase.units import GPa

from redoxmc.data.runner import compute_batch, find_python
from redoxmc.data.settings import load_settings
from redoxmc.io.extxyz import COLUMN
from redoxmc.io.files import write_atomically

CHANGED = {
    "kpts": {"size": [12, 12, 12], "gamma": True},
    "occupations": {"name": "fermi-dirac", "width": 0.05},
    "mixer": {},  # the joint one is for two spins
    "symmetry": {},  # all of it: a charge order has none
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--element", default="Na")
    parser.add_argument("--lattice", type=float, default=4.20, help="guess (Å)")
    method = parser.add_mutually_exclusive_group(required=True)
    method.add_argument("--settings", type=Path, help="of the DFT recipe")
    method.add_argument("--teacher", action="store_true", help="pretrained CHGNet instead")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    energy_of = by_teacher() if options.teacher else by_recipe(options.settings)
    lattices = options.lattice * np.linspace(0.98, 1.02, 5)
    crystals = [bulk(options.element, "bcc", a=a, cubic=False) for a in lattices]
    volumes = [atoms.get_volume() for atoms in crystals]
    energies = [energy_of(atoms) for atoms in crystals]
    volume, energy, bulk_modulus = EquationOfState(volumes, energies, "birchmurnaghan").fit()
    result = {
        "species": options.element,
        "energy_eV_per_atom": round(float(energy), 5),
        "lattice_A": round(float((2 * volume) ** (1 / 3)), 4),
        "bulk_modulus_GPa": round(float(bulk_modulus / GPa), 2),
        "volumes_A3": [round(float(v), 4) for v in volumes],
        "energies_eV_per_atom": [round(float(e), 5) for e in energies],
    }
    write_atomically(options.out, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


def by_recipe(path: Path) -> Callable[[Atoms], float]:
    """Energies (eV) with the settings of the DFT frames."""
    recipe = load_settings("gpaw", path)
    settings = dataclasses.replace(recipe, parameters={**recipe.parameters, **CHANGED})
    python = find_python("gpaw")

    def energy(atoms: Atoms) -> float:
        atoms.arrays[COLUMN] = np.array(atoms.symbols, dtype=str)
        with tempfile.TemporaryDirectory() as folder:
            ((_, (frame,)),) = compute_batch([atoms], settings, python, Path(folder), ["metal"])
        return float(frame.get_potential_energy())

    return energy


def by_teacher() -> Callable[[Atoms], float]:
    """Energies (eV) with what labelled the distilled sets."""
    from chgnet.model.dynamics import CHGNetCalculator

    teacher = CHGNetCalculator(use_device="cpu")

    def energy(atoms: Atoms) -> float:
        atoms.calc = teacher
        return float(atoms.get_potential_energy())

    return energy


if __name__ == "__main__":
    main()
