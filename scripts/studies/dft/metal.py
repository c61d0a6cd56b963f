"""Energy of the metal of the working ion by the DFT recipe: the zero of voltage.

python scripts/studies/dft/metal.py --settings potentials/data/dft/gpaw.toml \
    --out potentials/data/dft/metal.json

bcc, one atom, k-points 12x12x12, no spin; energies at five lattice constants and the minimum of an
equation of state (Birch-Murnaghan).
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
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
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    recipe = load_settings("gpaw", options.settings)
    settings = dataclasses.replace(recipe, parameters={**recipe.parameters, **CHANGED})
    python = find_python("gpaw")
    volumes, energies = [], []
    for a in options.lattice * np.linspace(0.98, 1.02, 5):
        atoms = bulk(options.element, "bcc", a=a, cubic=False)
        atoms.arrays[COLUMN] = np.array([options.element])
        with tempfile.TemporaryDirectory() as folder:
            ((_, (frame,)),) = compute_batch([atoms], settings, python, Path(folder), "metal")
        volumes.append(atoms.get_volume())
        energies.append(frame.get_potential_energy())
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


if __name__ == "__main__":
    main()
