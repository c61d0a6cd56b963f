"""Symmetry of occupancies: equivalent states share one canonical form, hence one relaxed energy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from redoxmc.errors import InputError
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.neighbours import nearest_sites

TOLERANCE = 1e-3  # Å: spglib's symprec, and the match of an image with a site
LARGE = 5_000  # sites: above, only the identity is used; the tables grow with their square


@dataclass(frozen=True)
class SiteSymmetry:
    """The space-group operations of the supercell with all ion sites filled and charges ignored.

    Any subgroup of them does: states that it does not bring together are told apart, and have
    energies of their own that agree to rounding.
    """

    rotations: Ints  # (n_ops, 3, 3), fractional
    translations: Floats  # (n_ops, 3), fractional
    sites: Ints  # (n_ops, n_sites); operation o brings site sites[o, i] onto site i
    # (n_ops, n_redox + n_ions), the same for entries of an occupancy, so that
    # occupancy[occupancies] is its whole orbit
    occupancies: Ints

    def orbit(self, occupancy: Occupancy) -> npt.NDArray[np.int8]:
        """All distinct equivalent occupancies, (n, n_redox + n_ions), in lexicographic order."""
        images: npt.NDArray[np.int8] = np.unique(occupancy[self.occupancies], axis=0)
        return images

    def canonical(self, occupancy: Occupancy) -> Occupancy:
        """The lexicographically smallest equivalent occupancy."""
        image: Occupancy = occupancy[self.occupancies[self.canonical_operation(occupancy)]]
        return image

    def canonical_operation(self, occupancy: Occupancy) -> int:
        """The first operation that makes the occupancy canonical."""
        images = occupancy[self.occupancies]
        # bytes compare lexicographically, like the rows they come from
        return min(range(len(images)), key=lambda o: images[o].tobytes())

    def between(self, first: int, second: int) -> tuple[Ints, Ints]:
        """What turns the image under operation `first` into that under `second`.

        Returns the fractional rotation (3, 3) and source (n_sites,): site source[i] goes to site i.
        """
        undo = np.rint(np.linalg.inv(self.rotations[first])).astype(np.int64)
        return self.rotations[second] @ undo, np.argsort(self.sites[first])[self.sites[second]]


def find_symmetry(lattice: Lattice) -> SiteSymmetry:
    """Find the operations with spglib and how they permute the sites.

    Above 5,000 sites it is the identity alone: no chain returns to a state of so large a cell, and
    the permutations of 10^5 sites would take 20 GB.

    Raises InputError where spglib finds none (two atoms on one site).

    Source: Togo, Shinohara, Tanaka, Sci. Technol. Adv. Mater.: Methods 4, 2384822 (2024).
    """
    if len(lattice.species) > LARGE:
        return identity_symmetry(lattice)
    rotations, translations = _operations(lattice)
    home = lattice.scaled @ lattice.cell
    sites = np.empty((len(rotations), len(home)), dtype=np.int64)
    for o, (rotation, translation) in enumerate(zip(rotations, translations, strict=True)):
        image = (lattice.scaled @ rotation.T + translation) @ lattice.cell
        target, distance = nearest_sites(lattice.cell, home, image, 1.0)
        if distance.max() > 20 * TOLERANCE or len(set(target)) != len(target):
            raise RuntimeError("a symmetry operation of spglib does not map the host onto itself")
        sites[o, target] = np.arange(len(target))
    order = np.concatenate([lattice.redox_sites, lattice.ion_sites])
    entry = np.full(len(home), -1)
    entry[order] = np.arange(len(order))
    return SiteSymmetry(rotations, translations, sites, entry[sites[:, order]])


def identity_symmetry(lattice: Lattice) -> SiteSymmetry:
    """The group of the identity alone, under which every occupancy is its own canonical form."""
    sites, entries = len(lattice.species), lattice.n_redox + lattice.n_ion_sites
    return SiteSymmetry(
        np.eye(3, dtype=np.int64)[None],
        np.zeros((1, 3)),
        np.arange(sites)[None],
        np.arange(entries)[None],
    )


def _operations(lattice: Lattice) -> tuple[Ints, Floats]:
    """Rotations (n_ops, 3, 3) and translations (n_ops, 3) of the sites, from spglib."""
    import spglib

    # sites of one element may have several roles: two couples, or a couple and the framework
    roles: list[Any] = [(s.element, None) for s in lattice.species]
    for site, states in zip(lattice.redox_sites, lattice.redox_states, strict=True):
        roles[site] = (lattice.species[site].element, states)
    kinds = {role: n for n, role in enumerate(roles, start=1)}
    numbers = [kinds[role] for role in roles]
    # From 2.7 on spglib raises what it used to return as None, where it is told to; the switch is
    # one for the whole process and other libraries rely on the old way, so it is put back.
    errors: Any = getattr(spglib, "error", None)
    before = getattr(errors, "OLD_ERROR_HANDLING", None)
    if before is not None:
        errors.OLD_ERROR_HANDLING = False
    try:
        operations = spglib.get_symmetry((lattice.cell, lattice.scaled, numbers), symprec=TOLERANCE)
    except getattr(errors, "SpglibError", ()) as error:
        raise InputError(f"host.structure: spglib finds no symmetry in it ({error}).") from None
    finally:
        if before is not None:
            errors.OLD_ERROR_HANDLING = before
    if operations is None:
        raise InputError("host.structure: spglib finds no symmetry in it.")
    return operations["rotations"].astype(np.int64), operations["translations"]


def symmetrize_cell(symmetry: SiteSymmetry, reference: Floats, cell: Floats) -> Floats:
    """Average a strained cell over the point group, so that every operation stays one of it.

    reference: (3, 3) the unstrained cell, cell: (3, 3) the strained one.
    """
    rotations = np.unique(symmetry.rotations, axis=0)
    metric = cell @ cell.T
    # fractional column vectors transform with W, lattice row vectors with W^T
    return cell_of_metric(reference, np.mean([w.T @ metric @ w for w in rotations], axis=0))


def symmetrize_tensor(symmetry: SiteSymmetry, cell: Floats, tensor: Floats) -> Floats:
    """Average a Cartesian tensor (3, 3), such as a strain, over the point group of the cell."""
    rotations = np.unique(symmetry.rotations, axis=0)
    inverse = np.linalg.inv(cell)
    cartesian = [cell.T @ w @ inverse.T for w in rotations]
    mean: Floats = np.mean([r @ tensor @ r.T for r in cartesian], axis=0)
    return mean


def cell_of_metric(reference: Floats, metric: Floats) -> Floats:
    """The cell A with A A^T = metric that a symmetric deformation makes of reference, (3, 3)."""
    inverse = np.linalg.inv(reference)
    values, vectors = np.linalg.eigh(inverse @ metric @ inverse.T)  # right Cauchy-Green tensor
    cell: Floats = reference @ (vectors * np.sqrt(values)) @ vectors.T
    return cell


def transform_cell(rotation: Ints, reference: Floats, cell: Floats) -> Floats:
    """The strained cell (3, 3) as a rotation of the unstrained reference carries it along.

    rotation: (3, 3) integers, of fractional coordinates.
    """
    inverse = np.linalg.inv(rotation)
    return cell_of_metric(reference, inverse.T @ (cell @ cell.T) @ inverse)


def symmetrize_displacements(
    symmetry: SiteSymmetry, displacements: Floats, present: Ints
) -> Floats:
    """Average fractional displacements from the host sites over the space group.

    displacements: (n_present, 3) of the sites listed in present; sites without an atom in any
    image stay at the host's position. Returns (n_sites, 3).
    """
    n_sites = symmetry.sites.shape[1]
    full, weight = np.zeros((n_sites, 3)), np.zeros(n_sites)
    full[present], weight[present] = displacements, 1.0
    total, count = np.zeros((n_sites, 3)), np.zeros(n_sites)
    for rotation, source in zip(symmetry.rotations, symmetry.sites, strict=True):
        total += full[source] @ rotation.T
        count += weight[source]
    result: Floats = total / np.maximum(count, 1.0)[:, None]
    return result
