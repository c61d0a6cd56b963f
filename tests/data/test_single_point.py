"""What the program that runs the calculator does with geometries."""

import numpy as np
from ase import Atoms

from redoxmc.data.single_point import _drift


def test_where_the_whole_crystal_lies_is_found_through_boundaries() -> None:
    rng = np.random.default_rng(3)
    cell = np.array([[6.0, 0, 0], [1.0, 5.0, 0], [0, 0.5, 4.0]])
    atoms = Atoms("H12", scaled_positions=rng.random((12, 3)), cell=cell, pbc=True)
    shift = np.array([0.9, -0.7, 0.4])
    single = rng.normal(scale=0.05, size=(12, 3))
    single -= single.mean(axis=0)
    moved = atoms.copy()
    moved.positions += shift + single
    moved.wrap()
    np.testing.assert_allclose(_drift(atoms, moved.positions), shift, atol=1e-10)
    np.testing.assert_allclose(_drift(atoms, atoms.positions), 0, atol=1e-12)
