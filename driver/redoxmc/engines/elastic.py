"""What a strain of the cell does to energy and forces: the strain's part of a relaxation's metric.

Second derivatives at atoms that follow the cell (X fixed in r = X (1 + ε)): the elastic constants
of clamped ions, and the forces that a strain makes. As with the force constants, what one state's
charges and vacancies do to them is averaged over the host's symmetry.
"""

from dataclasses import dataclass

import numpy as np

from redoxmc.engines.joint_descent import Evaluate
from redoxmc.engines.quasi_newton import Solve
from redoxmc.engines.tensors import mandel, mandel_rotation, strain_of
from redoxmc.structures.lattice import Floats, Ints
from redoxmc.structures.symmetry import SiteSymmetry

STRAIN = 2e-3  # of a finite difference
SOFTEST = 0.1  # eV/Å^3 (16 GPa): softer and unstable strains are taken for this stiff


@dataclass(frozen=True)
class Elastic:
    """Second derivatives by the strain, six components in Mandel's notation.

    clamped: (6, 6) eV, by two strains.
    coupling: (3 n_sites, 6) eV/Å, by a displacement and a strain.
    volume: Å^3, of the cell.
    """

    clamped: Floats
    coupling: Floats
    volume: float


def measure_elastic(
    evaluate: Evaluate, positions: Floats, cell: Floats, sites: Ints, symmetry: SiteSymmetry
) -> tuple[Elastic, int]:
    """Measure around a state near a minimum; returns what it took, too: 12 evaluations.

    evaluate: of the state's atoms. positions: (n, 3) Å, of them. cell: (3, 3) Å, invariant under
    the symmetry. sites: (n,) site of each atom, in site order.
    """
    n_sites, volume = symmetry.sites.shape[1], abs(float(np.linalg.det(cell)))
    clamped, coupling = np.empty((6, 6)), np.zeros((n_sites, 3, 6))
    for number, unit in enumerate(np.eye(6)):
        ends = []
        for sign in (1.0, -1.0):
            deformation = np.eye(3) + strain_of(sign * STRAIN * unit)
            _, force, stress = evaluate(cell @ deformation, positions @ deformation)
            virial = volume * np.linalg.det(deformation) * np.linalg.solve(deformation, stress)
            ends.append((force @ deformation, mandel((virial + virial.T) / 2)))
        coupling[sites, :, number] = (ends[1][0] - ends[0][0]) / (2 * STRAIN)
        clamped[number] = (ends[0][1] - ends[1][1]) / (2 * STRAIN)
    present = np.zeros(n_sites)
    present[sites] = 1.0
    return _averaged(clamped, coupling, present, cell, symmetry), 12


def _averaged(
    clamped: Floats, coupling: Floats, present: Floats, cell: Floats, symmetry: SiteSymmetry
) -> Elastic:
    """The mean over the symmetry; a coupling over the images of its site that carry an atom."""
    total, sum_clamped = np.zeros_like(coupling), np.zeros((6, 6))
    count = np.zeros(len(coupling))
    for rotation, source in zip(symmetry.rotations, symmetry.sites, strict=True):
        turn = cell.T @ rotation @ np.linalg.inv(cell).T
        by_strain = mandel_rotation(turn)
        sum_clamped += by_strain @ clamped @ by_strain.T
        total += np.einsum("ab,ibe,fe->iaf", turn, coupling[source], by_strain)
        count += present[source]
    mean = total / np.maximum(count, 1.0)[:, None, None]
    both = sum_clamped / len(symmetry.rotations)
    return Elastic((both + both.T) / 2, mean.reshape(-1, 6), abs(float(np.linalg.det(cell))))


def with_strain(solve: Solve, elastic: Elastic, rows: Ints) -> Solve:
    """Solve for displacements and strain together, from a solution for the displacements.

    rows: of the coupling that belong to the displacements. The strain's part is the Schur
    complement, the elastic constants of relaxed ions, made positive definite; with that the whole
    is (Nocedal & Wright, A.1).
    """
    coupling = elastic.coupling[rows]
    response = np.column_stack([solve(column) for column in coupling.T])
    relaxed = elastic.clamped - coupling.T @ response
    values, vectors = np.linalg.eigh((relaxed + relaxed.T) / 2)
    stiff = np.maximum(np.abs(values), SOFTEST * elastic.volume)
    inverse = (vectors / stiff) @ vectors.T

    def both(vector: Floats) -> Floats:
        of_ions = solve(vector[:-6])
        strain = inverse @ (vector[-6:] - coupling.T @ of_ions)
        result: Floats = np.concatenate([of_ions - response @ strain, strain])
        return result

    return both
