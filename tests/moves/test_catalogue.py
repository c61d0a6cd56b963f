import numpy as np
import pytest

from redoxmc.errors import InputError
from redoxmc.moves.catalogue import MOVE_NAMES, make_move
from redoxmc.moves.sites import Sites

PAIRS = np.array([[0, 1], [1, 0], [1, 2]])
SITES = Sites(4, 4, redox_pairs=PAIRS, ion_pairs=PAIRS, semigrand=True)


@pytest.mark.parametrize("name", [*MOVE_NAMES, "charge_swap_1"])
def test_a_move_knows_the_name_it_is_called_by(name):
    assert make_move(name, SITES).name == name


@pytest.mark.parametrize(
    ("name", "sites", "words"),
    [
        ("neighbor_swap", SITES, r"did you mean 'neighbour_swap'\?"),
        ("charge_swap_0", SITES, "there is no move 'charge_swap_0'"),
        ("charge_swap_3", SITES, "needs 6 redox sites and the cell has 4"),
        ("neighbour_swap", Sites(4, 4), "needs two redox sites that are neighbours"),
        ("neighbour_swap", Sites(4, 4, redox_pairs=np.array([[1, 1]])), "that are neighbours"),
        ("ion_charge_swap", Sites(4, 4), "redox sites that neighbour ion sites"),
        ("ion_charge_swap", Sites(4, 1, ion_pairs=PAIRS), "needs two ion sites"),
        ("insertion_removal", Sites(4, 4), "needs the semigrand ensemble"),
        ("insertion_removal", Sites(1, 4, electrons=2, semigrand=True), "needs 2 redox sites"),
        ("insertion_removal", Sites(4, 0, semigrand=True), "needs an ion site"),
    ],
)
def test_what_can_never_apply_is_refused(name, sites, words):
    with pytest.raises(InputError, match=words):
        make_move(name, sites)


def test_pairs_outside_the_sites_are_an_error_of_the_caller():
    with pytest.raises(ValueError, match="sites 0 to 1"):
        make_move("neighbour_swap", Sites(2, 2, redox_pairs=PAIRS))
    with pytest.raises(ValueError, match="ion sites below 2"):
        make_move("ion_charge_swap", Sites(4, 2, ion_pairs=PAIRS))
