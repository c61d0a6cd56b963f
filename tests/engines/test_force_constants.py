import numpy as np
import pytest

from redoxmc.campaign.parallel import split_ranks
from redoxmc.campaign.system import load_system
from redoxmc.engines.force_constants import measure
from redoxmc.engines.relaxed import RelaxedEngine
from redoxmc.structures.occupancy import occupancy_of_key

KEYS = ("0101|0110", "0011|0110", "1100|1010", "0110|0011")


@pytest.fixture
def system(campaign):
    found = load_system(campaign(cell="per_x", x=[0.5]))
    found.relax_hosts(split_ranks(1))
    return found


def test_relaxations_end_where_they_did_in_far_fewer_evaluations(system):
    quick = system.relaxer.engine(2)
    slow = RelaxedEngine(system.host, 2, system.session, quick.settings)
    assert quick.constants is not None
    for key in KEYS:
        occupancy = occupancy_of_key(key)
        new, old = quick.relax(occupancy), slow.relax(occupancy)
        assert new.energy == pytest.approx(old.energy, abs=2e-5)  # what conjugate gradients leave
        assert new.energy < old.energy + 1e-6
        assert new.force_evaluations < old.force_evaluations / 3


def test_they_are_of_the_host_and_positive(system):
    """Every operation of the host leaves them as they are."""
    matrix = system.relaxer.engine(2).constants.matrix
    n_sites = len(system.lattice.species)
    assert np.linalg.eigvalsh(matrix).min() > 0.4
    blocks = matrix.reshape(n_sites, 3, n_sites, 3)
    cell = system.host.geometries[2].cell
    for rotation, source in zip(
        system.host.symmetry.rotations, system.host.symmetry.sites, strict=True
    ):
        turn = cell.T @ rotation @ np.linalg.inv(cell).T
        image = np.einsum("ab,ibjc,dc->iajd", turn, blocks[source][:, :, source], turn)
        assert np.abs(image - blocks).max() < 1e-6


def test_springs_are_found(system):
    """Springs between all atoms and to their sites: the measured matrix is exact."""
    lattice, symmetry = system.lattice, system.host.symmetry
    sites, species = lattice.atoms(occupancy_of_key("1111|1111"))
    n = len(sites)
    home = lattice.scaled @ lattice.cell

    def forces(positions):
        u = positions - home
        together = u.sum(axis=0)
        energy = 2.0 * (u**2).sum() + 0.1 * (n * (u**2).sum() - (together**2).sum()) / 2
        return energy, -4.0 * u - 0.1 * (n * u - together)

    found = measure(forces, home, lattice.cell, sites, species, symmetry)
    exact = np.kron((4.0 + 0.1 * n) * np.eye(n) - 0.1, np.eye(3))
    assert np.abs(found.matrix - exact).max() < 1e-9
    gradient = np.random.default_rng(0).normal(size=3 * n)
    assert np.abs(exact @ found.solver(sites)(gradient) - gradient).max() < 1e-9
    assert found.force_evaluations <= 6 * 2 * 7
