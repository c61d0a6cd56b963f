import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.structures.reference_start import make_distorter


@pytest.fixture
def system(campaign):
    return load_system(campaign())


@pytest.fixture
def distorter(system):
    lattice = system.lattice
    return make_distorter(lattice, lattice.cell, lattice.scaled @ lattice.cell, system.card.bonds)


def lengths(distorter, pairs, offset, moved):
    x = distorter.positions + moved
    return np.linalg.norm(x[pairs[:, 1]] + offset - x[pairs[:, 0]], axis=1)


def redox_bonds(distorter, moved):
    pairs = np.column_stack([distorter.redox_sites[distorter.bonds[:, 0]], distorter.bonds[:, 1]])
    return lengths(distorter, pairs, distorter.offset, moved).reshape(4, 6)


def test_mean_bond_lengths_are_those_of_the_charge_states(system, distorter):
    bonds = system.card.bonds
    for key in ("0110|1001", "1000|0001", "1111|1111"):
        occupancy = occupancy_of_key(key)
        mean = redox_bonds(distorter, distorter.displacements(occupancy)).mean(axis=1)
        wanted = [bonds["Fe2+" if bit else "Fe3+"].mean for bit in occupancy[:4]]
        assert mean == pytest.approx(wanted, abs=1e-4)


def test_stiff_groups_stay_stiff_and_cations_stay(system, distorter):
    moved = distorter.displacements(occupancy_of_key("0101|1001"))
    was = lengths(distorter, distorter.stiff, distorter.stiff_offset, 0 * moved)
    now = lengths(distorter, distorter.stiff, distorter.stiff_offset, moved)
    assert len(was) == 4 * (4 + 6)  # four PO4: 4 bonds and 6 edges each
    assert np.abs(now - was).max() < 0.02
    assert not moved[system.lattice.redox_sites].any()
    assert not moved[system.lattice.ion_sites].any()
    assert np.abs(moved).max() < 0.3


def test_equivalent_occupancies_get_equivalent_starts(system, distorter):
    occupancy = occupancy_of_key("0110|1000")
    moved = distorter.displacements(occupancy) @ np.linalg.inv(distorter.cell)
    symmetry = system.host.symmetry
    for o, (rotation, source) in enumerate(zip(symmetry.rotations, symmetry.sites, strict=True)):
        image = distorter.displacements(occupancy[symmetry.occupancies[o]])
        assert np.allclose(image, moved[source] @ rotation.T @ distorter.cell, atol=1e-6)


def test_a_card_without_bonds_is_refused(system):
    lattice = system.lattice
    with pytest.raises(InputError, match=r"no \[bonds\] for 'Fe3\+' and 'Fe2\+'"):
        make_distorter(lattice, lattice.cell, lattice.scaled @ lattice.cell, {})
