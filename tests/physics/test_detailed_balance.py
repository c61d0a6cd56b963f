"""Exact detailed balance and sampling of every move and of mixtures, on the lattice engine."""

from itertools import product

import numpy as np
import pytest
from lattice_engine import random_engine

from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.insertion import InsertionRemoval
from redoxmc.moves.ion_charge_swap import IonChargeSwap
from redoxmc.moves.ion_swap import IonSwap
from redoxmc.moves.mixture import WeightedMixture, build_moves
from redoxmc.moves.multi_swap import MultiSwap
from redoxmc.moves.neighbour_swap import NeighbourSwap
from redoxmc.moves.sites import Sites
from redoxmc.structures.enumeration import occupancies
from redoxmc.testing import assert_boltzmann_sampling, assert_detailed_balance

# An irregular graph on 5 redox sites, and which of them neighbour each of 4 ion sites.
REDOX = np.array([[0, 1], [1, 0], [1, 2], [2, 3], [3, 4], [1, 3], [2, 2]])
ION = np.array([[0, 0], [1, 0], [1, 1], [2, 1], [3, 2], [4, 2], [2, 2], [0, 3], [4, 3], [3, 3]])
ENGINE = random_engine(9, 0.02, seed=3)
CANONICAL = [
    np.concatenate([charges, ions])
    for charges, ions in product(occupancies(5, 2), occupancies(4, 2))
]
FIXED_IONS = [np.concatenate([c, np.array([1, 0, 1, 0], np.int8)]) for c in occupancies(5, 2)]
SEMIGRAND = [s for n in range(5) for s in occupancies(5, n, 4, n)]
TWO_ELECTRONS = [s for n in range(3) for s in occupancies(5, 2 * n, 4, n)]
MU = -0.02  # eV


def semigrand(occupancy):
    return ENGINE.energy(occupancy) - MU * int(occupancy[5:].sum())


CASES = {
    "charge_swap": (ChargeSwap(5), FIXED_IONS, True),
    "neighbour_swap": (NeighbourSwap(5, REDOX), FIXED_IONS, True),
    "charge_swap_2": (MultiSwap(5, 2), FIXED_IONS, True),
    "ion_swap": (IonSwap(5, 4), CANONICAL, False),  # alone it never moves a charge
    "ion_charge_swap": (IonChargeSwap(5, 4, ION), CANONICAL, False),
    "mixture": (
        WeightedMixture(
            [ChargeSwap(5), NeighbourSwap(5, REDOX), IonSwap(5, 4), IonChargeSwap(5, 4, ION)],
            [1.0, 2.0, 0.5, 1.5],
        ),
        CANONICAL,
        True,
    ),
    "all by name": (
        build_moves(
            {"charge_swap": 1, "charge_swap_2": 1, "neighbour_swap": 1, "ion_swap": 1,
             "ion_charge_swap": 2},
            Sites(5, 4, redox_pairs=REDOX, ion_pairs=ION),
        ),
        CANONICAL,
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("temperature", [150.0, 2000.0])
def test_detailed_balance(case, temperature):
    move, states, ergodic = CASES[case]
    assert_detailed_balance(move, ENGINE.energy, temperature, states, ergodic=ergodic)


@pytest.mark.parametrize("case", CASES)
def test_boltzmann_sampling(case):
    move, states, _ = CASES[case]
    assert_boltzmann_sampling(move, ENGINE.energy, 400.0, states, chains=1500, steps=15)


@pytest.mark.parametrize(
    ("move", "states"),
    [
        (InsertionRemoval(5), SEMIGRAND),
        (InsertionRemoval(5, electrons=2), TWO_ELECTRONS),
        (
            WeightedMixture([InsertionRemoval(5), ChargeSwap(5), IonSwap(5, 4)], [2, 1, 1]),
            SEMIGRAND,
        ),
    ],
)
def test_semigrand_moves(move, states):
    assert_detailed_balance(move, semigrand, 400.0, states)
    assert_boltzmann_sampling(move, semigrand, 400.0, states, chains=1500, steps=15)


@pytest.mark.parametrize(
    ("move", "states"),
    [
        (NeighbourSwap(5, REDOX), FIXED_IONS),
        (IonChargeSwap(5, 4, ION), CANONICAL),
        (InsertionRemoval(5), SEMIGRAND),
    ],
)
def test_the_apriori_ratios_matter_here(move, states):
    """Proves that the tests above would notice a forgotten ratio: some are far from 0."""
    ratios = [p.log_apriori_ratio for s in states for p, _ in move.proposals(s)]
    assert max(ratios) > 0.25
    assert min(ratios) == pytest.approx(-max(ratios))

    class Forgetful(type(move)):
        def proposals(self, occupancy):
            for proposal, probability in super().proposals(occupancy):
                yield type(proposal)(proposal.changes), probability

    forgetful = object.__new__(Forgetful)
    forgetful.__dict__.update(move.__dict__)
    with pytest.raises(AssertionError, match="breaks detailed balance"):
        assert_detailed_balance(forgetful, semigrand, 400.0, states, ergodic=False)
