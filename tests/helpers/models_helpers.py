"""Small structures and models that the tests of redoxmc.models share."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator

from redoxmc.io.extxyz import write_labelled
from redoxmc.models.mace import MaceSettings
from redoxmc.species import Species

NAMES = ("Na+", "Fe2+", "Fe3+", "P5+", "O2-")
SPECIES = [Species.parse(name) for name in NAMES]
SMALL = MaceSettings(channels=4, radial_mlp=(8,), num_radial_basis=4, r_cut=3.5, scale=5.0)


def crystal(seed: int = 0, states: tuple[str, ...] = NAMES) -> Atoms:
    """A triclinic cell of 8 atoms on a rattled grid, about 2 Å apart."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[[0.0, 0.5]] * 3, indexing="ij"), -1).reshape(-1, 3)
    cell = np.array([[4.2, 0.0, 0.0], [0.4, 4.4, 0.0], [0.2, -0.3, 4.6]])
    names = [states[int(n)] for n in rng.integers(len(states), size=8)]
    atoms = Atoms(
        [Species.parse(n).element for n in names],
        positions=grid @ cell + rng.normal(0, 0.1, (8, 3)),
        cell=cell,
        pbc=True,
    )
    atoms.set_array("charge_state", np.array(names))
    return atoms


def labelled(n: int, path: Path) -> Path:
    """Neutral frames of Fe2+/O2- labelled by Lennard-Jones, written to path."""
    frames = []
    for seed in range(n):
        atoms = crystal(seed)
        atoms.symbols[:] = ["Fe", "O"] * 4
        atoms.set_array("charge_state", np.array(["Fe2+", "O2-"] * 4))
        atoms.calc = LennardJones(sigma=1.8, epsilon=0.5, rc=3.5, smooth=True)
        results = {k: atoms.calc.get_property(k, atoms) for k in ("energy", "forces", "stress")}
        results["energy"] -= 40.0
        atoms.calc = SinglePointCalculator(atoms, magmoms=np.array([4.0, 0.1] * 4), **results)
        frames.append(atoms)
    write_labelled(path, frames)
    return path
