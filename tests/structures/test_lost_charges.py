import numpy as np
import pytest

from redoxmc.structures.lost_charges import lost_charges

TARGETS = (2.07, 2.17)  # Å, oxidised and reduced
REDUCED = np.array([1, 1, 0, 0, 0])


def test_bonds_of_the_right_states_are_kept_whatever_they_share():
    bonds = np.where(REDUCED == 1, 2.17, 2.07) + np.array([0.02, -0.02, 0.03, 0.0, -0.03])
    for common in (-0.06, 0.0, 0.06):  # the lattice of an x, or heat
        assert not lost_charges(bonds + common, REDUCED, TARGETS).any()


def test_ions_that_have_changed_their_roles_are_lost():
    bonds = np.array([2.17, 2.06, 2.18, 2.07, 2.07])  # an electron has gone from 1 to 2
    assert lost_charges(bonds, REDUCED, TARGETS).tolist() == [False, True, True, False, False]


def test_a_state_whose_bonds_are_all_alike_has_lost_its_charges():
    assert lost_charges(np.full(5, 2.11), REDUCED, TARGETS).any()


@pytest.mark.parametrize("value", [0, 1])
def test_a_single_charge_state_has_none_to_lose(value):
    bonds = np.array([2.0, 2.05, 2.1])
    assert not lost_charges(bonds, np.full(3, value), TARGETS).any()


def test_the_sign_of_the_difference_does_not_matter():
    bonds = np.array([2.07, 2.06, 2.17])
    assert not lost_charges(bonds, [1, 1, 0], (2.17, 2.07)).any()


def test_what_is_not_known_is_not_lost():
    bonds = np.array([2.17, np.nan, 2.07, 2.07, np.nan])
    assert not lost_charges(bonds, REDUCED, TARGETS).any()
