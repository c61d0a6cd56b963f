"""The open shell of an ion as a matrix over the projectors of a GPAW setup: pure functions.

An occupation matrix n is (2l+1, 2l+1) over the real spherical harmonics of the shell (of d: xy, yz,
3z^2-r^2, zx, x^2-y^2). Over the projectors it is spread with the overlaps of the partial waves
inside the sphere, scaled by that of the bound one, as GPAW's Hubbard term does it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def shell_blocks(setup: Any) -> tuple[int, list[int], Floats]:
    """Return the size of the open shell, where its projectors begin, and their overlaps.

    The shell is the one of the highest angular momentum among the bound states. Overlaps: (n, n)
    over its n radial functions, the first of which is bound; relative to that one.
    """
    bound = [ang for ang, n in zip(setup.l_j, setup.n_j, strict=True) if n > 0]
    in_shell = [j for j, ang in enumerate(setup.l_j) if ang == max(bound)]
    first = np.cumsum([0, *(2 * ang + 1 for ang in setup.l_j)])
    n_j = len(setup.l_j)

    def overlap(i: int, j: int) -> float:
        i, j = min(i, j), max(i, j)
        return float(setup.lq[i * n_j - (i - 1) * i // 2 + j - i])

    overlaps = np.array([[overlap(i, j) for j in in_shell] for i in in_shell])
    return 2 * max(bound) + 1, [int(first[j]) for j in in_shell], overlaps / overlaps[0, 0]


def over_projectors(setup: Any, matrix: Floats) -> Floats:
    """Return a potential on the shell, (2l+1, 2l+1), as a matrix over all projectors (n, n)."""
    size, starts, overlaps = shell_blocks(setup)
    result = np.zeros((setup.ni, setup.ni))
    for a, row in enumerate(starts):
        for b, column in enumerate(starts):
            result[row : row + size, column : column + size] = matrix * overlaps[a, b]
    return result


def occupation(setup: Any, density: Floats) -> Floats:
    """Return the occupation matrix of the shell, (2l+1, 2l+1), of a density matrix (n, n)."""
    size, starts, overlaps = shell_blocks(setup)
    total = np.zeros((size, size))
    for a, row in enumerate(starts):
        for b, column in enumerate(starts):
            total += overlaps[a, b] * density[row : row + size, column : column + size]
    return (total + total.T) / 2


def fullest_orbitals(occupations: Floats, electrons: int, skip: int = 0) -> Floats:
    """Return the projector, (2l+1, 2l+1), on the orbitals that hold the most electrons.

    skip: so many of the fullest are left out, for a second start.
    """
    vectors = np.linalg.eigh(occupations)[1][:, ::-1][:, skip : skip + electrons]
    result: Floats = vectors @ vectors.T
    return result


def to_triangle(matrix: Floats) -> list[float]:
    """Return the upper triangle of a symmetric matrix, row by row, with four decimals."""
    return [float(number) for number in np.round(matrix[np.triu_indices(len(matrix))], 4)]


def from_triangle(numbers: Floats, electrons: int) -> Floats:
    """Return the projector on so many orbitals of which `to_triangle` gave the numbers."""
    size = round((np.sqrt(8 * len(numbers) + 1) - 1) / 2)
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size)] = numbers
    return fullest_orbitals(matrix + np.triu(matrix, 1).T, electrons)


def put_into(setup: Any, density: Floats, orbitals: Floats) -> Floats:
    """Return a density matrix whose bound shell electrons are all in the orbitals given.

    orbitals: a projector on at least one orbital. The number of electrons in the shell stays what
    it is, and so does the charge of the atom.
    """
    size, starts, _ = shell_blocks(setup)
    block = slice(starts[0], starts[0] + size)
    result = density.copy()
    result[block, block] = np.trace(density[block, block]) / np.trace(orbitals) * orbitals
    return result


def tilted(orbitals: Floats, tangent: float, rng: np.random.Generator) -> Floats:
    """Return the projector on filled orbitals that are turned a little, in random directions."""
    electrons = round(float(np.trace(orbitals)))
    vectors = np.linalg.eigh(orbitals)[1][:, len(orbitals) - electrons :]
    away = rng.normal(size=vectors.shape)
    away -= orbitals @ away
    length = np.linalg.norm(away, axis=0)
    basis = np.linalg.qr(vectors + tangent * away / np.where(length > 1e-9, length, 1.0))[0]
    result: Floats = basis @ basis.T
    return result


def turned(setup: Any, density: Floats, orbitals: Floats) -> Floats:
    """Return a density matrix turned so that its fullest orbitals are those given.

    orbitals: a projector. All occupations stay what they are. The rotation is the one between two
    subspaces that moves nothing else (Kato, Perturbation Theory for Linear Operators, I.4.6).
    """
    old = fullest_orbitals(occupation(setup, density), round(float(np.trace(orbitals))))
    rest = np.eye(len(old))
    left, _, right = np.linalg.svd(orbitals @ old + (rest - orbitals) @ (rest - old))
    rotation = left @ right
    size, starts, _ = shell_blocks(setup)
    result = density.copy()
    for row in starts:
        for column in starts:
            block = slice(row, row + size), slice(column, column + size)
            result[block] = rotation @ density[block] @ rotation.T
    return result
