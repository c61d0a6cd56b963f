"""Symmetric tensors as six numbers: LAMMPS' order, and Mandel's notation, which keeps the norm."""

import numpy as np

from redoxmc.structures.lattice import Floats

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # xx yy zz yz xz xy
_WEIGHT = np.array([1.0, 1.0, 1.0, np.sqrt(2.0), np.sqrt(2.0), np.sqrt(2.0)])


def tensor_of(components: Floats) -> Floats:
    """The symmetric tensor (3, 3) of six components."""
    tensor = np.empty((3, 3))
    for (a, b), value in zip(VOIGT, components, strict=True):
        tensor[a, b] = tensor[b, a] = value
    return tensor


def mandel(tensor: Floats) -> Floats:
    """Six numbers with the norm of a symmetric tensor (3, 3)."""
    vector: Floats = np.array([tensor[a, b] for a, b in VOIGT]) * _WEIGHT
    return vector


def strain_of(vector: Floats) -> Floats:
    """The tensor (3, 3) of six numbers in Mandel's notation."""
    return tensor_of(vector / _WEIGHT)


def mandel_rotation(rotation: Floats) -> Floats:
    """The matrix (6, 6) by which R T R^T follows from T in Mandel's notation; R is (3, 3)."""
    columns = [mandel(rotation @ strain_of(unit) @ rotation.T) for unit in np.eye(6)]
    matrix: Floats = np.array(columns).T
    return matrix
