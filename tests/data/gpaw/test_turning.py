"""Filled orbitals follow the crystal field in one iteration, on a made-up ion."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from redoxmc.data.gpaw import shells
from redoxmc.data.gpaw.order import HARTREE, HeldShell, OrderHold
from redoxmc.data.gpaw.turning import turn_orbitals

U = 5.0 / HARTREE
FIELD = np.array([0.3, 0.0, 1.5, 0.4, 1.6]) / HARTREE  # levels of the orbitals without U
UTILITIES = SimpleNamespace(
    pack=np.ravel,
    pack2=np.ravel,
    unpack=lambda v: np.reshape(v, (5, 5)),
    unpack2=lambda v: np.reshape(v, (5, 5)),
)


class Projections:
    """Of five bands on one atom."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.map = array, {0: (0, 5)}

    def __getitem__(self, atom: int) -> np.ndarray:
        return self.array


def hubbard(setup: Any, packed: Any, ang: int, u: float, scale: bool) -> Any:
    return 0.0, [(u * (0.5 * np.eye(5) - np.reshape(d, (5, 5)))).ravel() for d in packed]


@pytest.fixture
def ion(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shell filled with a wrong orbital, and the bands that it makes."""
    monkeypatch.setitem(sys.modules, "gpaw.hubbard", SimpleNamespace(hubbard=hubbard))
    wrong = np.array([0.6, 0.3, 0.0, 0.74, 0.0])
    wrong /= np.linalg.norm(wrong)
    matrix = np.outer(wrong, wrong)
    energy = np.diag(FIELD) + U * (0.5 * np.eye(5) - matrix)
    levels, vectors = np.linalg.eigh(energy)
    kpt = SimpleNamespace(
        s=1,
        eps_n=levels.copy(),
        projections=Projections(vectors.T.copy()),
        psit=SimpleNamespace(array=vectors.T.copy()),
        f_n=np.array([1.0, 0, 0, 0, 0]),
    )
    setup = SimpleNamespace(n_j=[3], l_j=[2], lq=[1.0], ni=5, HubU=[U], Hubl=[2], Hubs=[False])
    wfs = SimpleNamespace(
        setups=[setup], kpt_u=[kpt], calculate_occupation_numbers=lambda fixed: 0.0
    )
    density = SimpleNamespace(D_asp={0: np.array([np.eye(5).ravel(), matrix.ravel()])}, fixed=False)
    return SimpleNamespace(wfs=wfs, density=density, kpt=kpt, wrong=matrix, energy=energy)


def make_hold(potential: float, electrons: int = 1) -> OrderHold:
    held = [HeldShell(0, 1, electrons)]
    hold = OrderHold(held, potential, 0.5, 1e-3, 3, 0, [], shells, turn_orbitals)
    hold.utilities = UTILITIES
    return hold


def lowest_share(ion: Any) -> float:
    filled = ion.kpt.projections.array[0]
    return float(filled[1] ** 2)


def test_a_diagonalization_alone_turns_it_by_a_few_percent(ion: Any) -> None:
    assert lowest_share(ion) < 0.12


@pytest.mark.parametrize("turns", [10, 300])
@pytest.mark.parametrize("potential", [0.0, 4.0])
def test_it_turns_to_the_lowest_orbital_of_the_field(
    ion: Any, potential: float, turns: int
) -> None:
    """Some of the way in the steps of an iteration, and nearly all of it in many."""
    hold = make_hold(potential)
    hold.turns = turns
    hold.orbitals[0, 1] = ion.wrong
    if potential:  # the bands are those of the held Hamiltonian
        ion.energy += hold.over_projectors(ion.wfs.setups[0], hold.shells[0], ion.wrong)
        ion.kpt.eps_n[:], vectors = np.linalg.eigh(ion.energy)
        ion.kpt.projections.array[:] = ion.kpt.psit.array[:] = vectors.T
    plain = lowest_share(ion)
    turn_orbitals(hold, ion.wfs, ion.density)
    assert (1.8 if turns == 10 else 9) * plain < lowest_share(ion) < 1
    np.testing.assert_allclose(ion.kpt.psit.array, ion.kpt.projections.array, atol=1e-12)
    np.testing.assert_allclose(ion.kpt.psit.array @ ion.kpt.psit.array.T, np.eye(5), atol=1e-12)
    if potential:
        assert hold.orbitals[0, 1][1, 1] == pytest.approx(lowest_share(ion), abs=0.05)


def test_eigenvalues_are_mean_energies_in_the_hamiltonian_of_the_iteration(ion: Any) -> None:
    turn_orbitals(make_hold(0.0), ion.wfs, ion.density)
    bands = ion.kpt.psit.array
    np.testing.assert_allclose(ion.kpt.eps_n, np.diag(bands @ ion.energy @ bands.T), atol=1e-12)


def test_without_electrons_nothing_turns(ion: Any) -> None:
    before = ion.kpt.psit.array.copy()
    turn_orbitals(make_hold(0.0, electrons=0), ion.wfs, ion.density)
    np.testing.assert_array_equal(ion.kpt.psit.array, before)
