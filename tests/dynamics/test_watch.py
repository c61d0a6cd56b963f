"""Hops of ions and lost charges, seen after every step of dynamics."""

import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.dynamics.distortion import make_distortions
from redoxmc.dynamics.watch import Watch, window
from redoxmc.structures.occupancy import occupancy_of_key


@pytest.fixture
def scene(campaign):
    """A watch over 4 Fe and 2 Na, its memory, and the positions of the reference start."""
    system = load_system(campaign())
    system.host.geometries[2] = system.host.unrelaxed
    occupancy = occupancy_of_key("0011|0110")
    found = make_distortions(system.host, occupancy)
    watch = Watch(system.lattice, found.geometry, found.distorter, found.sites, 4)
    charges = occupancy[:4]
    return watch, watch.begin(charges), charges, found.geometry.cell, found.start(occupancy)


def vacant_site(watch):
    """An ion site without an ion: its number among the ion sites and its position."""
    free = np.setdiff1d(watch.lattice.ion_sites, watch.sites)[0]
    number = int(np.searchsorted(watch.lattice.ion_sites, free))
    return number, watch.geometry.positions[free]


def test_ions_on_their_sites_are_no_hops(scene):
    watch, memory, charges, cell, positions = scene
    rng = np.random.default_rng(0)
    for _ in range(20):
        rattled = positions + rng.normal(scale=0.15, size=positions.shape)
        seen = watch.look(memory, charges, cell, rattled)
        assert (seen.hops, seen.ions_away) == (0, 0)


def test_a_hop_is_counted_once_and_the_ion_is_away_until_it_returns(scene):
    watch, memory, charges, cell, positions = scene
    number, there = vacant_site(watch)
    ion = watch._ions[0]
    moved = positions.copy()
    moved[ion] = there + 0.2
    seen = [watch.look(memory, charges, cell, x) for x in (positions, moved, moved, positions)]
    assert [one.hops for one in seen] == [0, 1, 0, 1]
    assert [one.ions_away for one in seen] == [0, 1, 1, 0]
    watch.look(memory, charges, cell, moved)
    assert memory.ion_sites[0] == number


def test_two_ions_that_change_places_are_two_hops(scene):
    watch, memory, charges, cell, positions = scene
    swapped = positions.copy()
    swapped[watch._ions] = positions[watch._ions[::-1]]
    seen = watch.look(memory, charges, cell, swapped)
    assert (seen.hops, seen.ions_away) == (2, 2)


def test_neither_a_drift_of_the_crystal_nor_a_cell_vector_nor_a_strain_is_a_hop(scene):
    watch, memory, charges, cell, positions = scene
    strain = np.diag([1.03, 0.98, 1.01])
    shifted = positions + np.array([1.9, 0.0, 0.7])  # half the distance of ion sites and more
    shifted[watch._ions[0]] += cell[1]
    seen = watch.look(memory, charges, cell @ strain, shifted @ strain)
    assert (seen.hops, seen.ions_away) == (0, 0)


def test_kept_charges_are_judged_once_in_a_window_and_not_lost(scene):
    watch, memory, charges, cell, positions = scene
    rng, checked, lost = np.random.default_rng(1), 0, 0
    for _ in range(40):
        noise = rng.normal(scale=0.05, size=positions.shape)
        seen = watch.look(memory, charges, cell, positions + noise)
        checked, lost = checked + seen.charges_checked, lost + seen.charges_lost
    assert checked == 40
    assert lost == 0


def test_labels_on_the_wrong_bonds_are_lost(scene):
    """The geometry is that of 0011, the labels say 0101: two of the four ions are wrong."""
    watch, memory, _, cell, positions = scene
    wrong = occupancy_of_key("0101|0110")[:4]
    seen = [watch.look(memory, wrong, cell, positions) for _ in range(4)]
    assert sum(one.charges_checked for one in seen) == 4
    assert sum(one.charges_lost for one in seen) == 2


def test_a_change_of_charge_begins_a_new_mean(scene):
    watch, memory, charges, cell, positions = scene
    for _ in range(3):
        watch.look(memory, charges, cell, positions)
    other = occupancy_of_key("1010|0110")[:4]
    assert watch.look(memory, other, cell, positions).charges_checked == 2
    assert memory.samples.tolist() == [1, 0, 0, 1]


def test_the_window_is_long_enough_for_vibrations():
    assert window(0.05) == 10
    assert window(0.001) == 500
    assert window(10.0) == 10
