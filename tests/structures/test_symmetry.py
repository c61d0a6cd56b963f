import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.structures.symmetry import (
    find_symmetry,
    symmetrize_cell,
    symmetrize_displacements,
    symmetrize_tensor,
    transform_cell,
)


@pytest.fixture(params=[[1, 1, 1], [1, 2, 1], [[1, 1, 0], [-1, 1, 0], [0, 0, 1]]])
def system(request, campaign):
    return load_system(campaign(supercell=request.param))


def random_occupancy(lattice, rng):
    return rng.integers(0, 2, lattice.n_redox + lattice.n_ion_sites).astype(np.int8)


def test_operations_form_a_group_of_permutations(system):
    sites = system.host.symmetry.sites
    images = {tuple(row) for row in sites}
    assert len(images) == len(sites)
    for a, b in itertools.product(sites[:8], sites[:8]):
        assert tuple(a[b]) in images


def test_distances_are_invariant(system):
    """An operation keeps every interatomic distance, so site permutations are right."""
    lattice, symmetry = system.lattice, system.host.symmetry
    from ase import Atoms

    atoms = Atoms("H" * len(lattice.species), lattice.scaled @ lattice.cell, cell=lattice.cell)
    atoms.pbc = True
    distances = atoms.get_all_distances(mic=True)
    for source in symmetry.sites:
        assert np.abs(distances[np.ix_(source, source)] - distances).max() < 5e-3


def test_canonical_form_is_one_per_orbit(system):
    rng = np.random.default_rng(1)
    symmetry = system.host.symmetry
    for _ in range(20):
        occupancy = random_occupancy(system.lattice, rng)
        orbit = symmetry.orbit(occupancy)
        keys = {symmetry.canonical(image).tobytes() for image in orbit}
        assert keys == {symmetry.canonical(occupancy).tobytes()}
        assert symmetry.canonical(occupancy).tobytes() == min(o.tobytes() for o in orbit)
        assert len(symmetry.occupancies) % len(orbit) == 0  # orbit-stabilizer theorem


def test_between_turns_one_image_into_the_other(system):
    rng = np.random.default_rng(2)
    lattice, symmetry = system.lattice, system.host.symmetry
    full = rng.integers(0, 9, len(lattice.species))
    for first, second in rng.integers(0, len(symmetry.sites), (10, 2)):
        rotation, source = symmetry.between(first, second)
        assert np.array_equal(full[symmetry.sites[first]][source], full[symmetry.sites[second]])
        expected = symmetry.rotations[second] @ np.linalg.inv(symmetry.rotations[first])
        assert np.allclose(rotation, expected)


def test_symmetrized_cell_and_tensor_are_invariant(system):
    rng = np.random.default_rng(3)
    cell = system.lattice.cell
    strained = cell @ (np.eye(3) + 0.05 * rng.normal(size=(3, 3)))
    mean = symmetrize_cell(system.host.symmetry, cell, strained)
    assert np.allclose(symmetrize_cell(system.host.symmetry, cell, mean), mean)
    for rotation in system.host.symmetry.rotations:
        assert np.allclose(transform_cell(rotation, cell, mean), mean)
    tensor = rng.normal(size=(3, 3))
    once = symmetrize_tensor(system.host.symmetry, cell, tensor + tensor.T)
    assert np.allclose(symmetrize_tensor(system.host.symmetry, cell, once), once)
    assert np.allclose(symmetrize_cell(system.host.symmetry, cell, cell), cell)


def test_an_orthorhombic_host_keeps_right_angles(campaign):
    system = load_system(campaign())
    shear = system.lattice.cell @ np.array([[1, 0.1, 0.2], [0, 1, 0.1], [0, 0, 1.0]])
    mean = symmetrize_cell(system.host.symmetry, system.lattice.cell, shear)
    assert np.abs(mean - np.diag(np.diag(mean))).max() < 1e-9


def test_symmetrized_displacements_are_invariant(system):
    rng = np.random.default_rng(4)
    symmetry, n = system.host.symmetry, len(system.lattice.species)
    present = np.sort(rng.permutation(n)[: n - 2])
    mean = symmetrize_displacements(symmetry, rng.normal(size=(len(present), 3)), present)
    for rotation, source in zip(symmetry.rotations, symmetry.sites, strict=True):
        assert np.allclose(mean[source] @ rotation.T, mean)


def test_spglib_is_asked_without_its_warnings_and_left_as_it_was(system):
    import spglib

    before = spglib.error.OLD_ERROR_HANDLING
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_symmetry(system.lattice)
    assert spglib.error.OLD_ERROR_HANDLING is before


def test_two_atoms_on_one_site_are_bad_input(system):
    lattice = system.lattice
    scaled = lattice.scaled.copy()
    scaled[1] = scaled[0]
    with pytest.raises(InputError, match="spglib finds no symmetry"):
        find_symmetry(replace(lattice, scaled=scaled))


def test_in_a_large_cell_only_the_identity_is_used(system, monkeypatch):
    """Every occupancy is canonical, and averages change nothing: a subgroup like any other."""
    from redoxmc.structures import symmetry as module

    lattice = system.lattice
    monkeypatch.setattr(module, "LARGE", len(lattice.species) - 1)
    large = find_symmetry(lattice)
    occupancy = random_occupancy(lattice, np.random.default_rng(2))
    assert np.array_equal(large.canonical(occupancy), occupancy)
    assert len(large.orbit(occupancy)) == 1
    rotation, source = large.between(0, 0)
    assert np.array_equal(rotation, np.eye(3))
    assert np.array_equal(source, np.arange(len(lattice.species)))
    strained = lattice.cell @ (np.eye(3) + 0.01 * np.arange(9).reshape(3, 3).T)
    kept = symmetrize_cell(large, lattice.cell, strained)
    assert np.allclose(kept @ kept.T, strained @ strained.T)
