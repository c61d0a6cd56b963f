"""The potential that holds a charge order, on made-up Hamiltonians and densities."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from redoxmc.data.gpaw import shells
from redoxmc.data.gpaw.held_loop import HARTREE, hold_order
from redoxmc.data.gpaw.order import HeldShell, OrderHold

SETUP = SimpleNamespace(n_j=[3], l_j=[2], lq=[1.0], ni=5)  # nothing but a d shell
UTILITIES = SimpleNamespace(
    pack=lambda m: m.ravel(), pack2=lambda m: m.ravel(), unpack2=lambda v: v.reshape(5, 5)
)
FREE = 7  # iteration that is the first without potential in the run below


class Mixer:
    """What the hold needs of a mixer."""

    def __init__(self) -> None:
        self.error, self.forgotten, self.started, self.unlearned = np.inf, 0, 0, 0
        self.held = self.jumped = False

    def forget(self) -> None:
        self.forgotten += 1

    def start_anew(self) -> None:
        self.started += 1

    def unlearn(self) -> None:
        self.unlearned += 1


def make_hold(mixer: Mixer) -> OrderHold:
    held = [HeldShell(0, 1, 1), HeldShell(1, 1, 0)]
    return OrderHold(held, 4.0, 0.5, 2.5e-3, 3, 0, [mixer], shells, lambda *_: None)


@pytest.fixture
def gpaw(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stand-ins for the modules of GPAW that are patched; returns a list of what was seen."""
    seen: list[np.ndarray] = []

    class Loop:
        def __init__(self) -> None:
            self.niter, self.converged = 1, False

        def iterate_eigensolver(self, wfs: Any, hamiltonian: Any, density: Any) -> None:
            seen.append(np.array([hamiltonian.dH_asp[a].copy() for a in (0, 1)]))

        def check_convergence(self, *arguments: Any) -> None:
            self.converged = True
            self.niter += 1

    class Start:
        def iterate(self, hamiltonian: Any, wfs: Any, occ: Any = None) -> None:
            seen.append(np.array([hamiltonian.dH_asp[a].copy() for a in (0, 1)]))

    monkeypatch.setitem(sys.modules, "gpaw.scf", SimpleNamespace(SCFLoop=Loop))
    monkeypatch.setitem(sys.modules, "gpaw.lcao.eigensolver", SimpleNamespace(DirectLCAO=Start))
    monkeypatch.setitem(sys.modules, "gpaw.utilities", UTILITIES)
    return SimpleNamespace(Loop=Loop, Start=Start, seen=seen)


def run(
    gpaw: Any, hold: OrderHold, mixer: Mixer, iterations: int, small: float = 0.1
) -> tuple[Any, list[bool]]:
    """Iterate with an error (electrons, of 100) that is small from the fifth iteration on."""
    vectors = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    output = vectors @ np.diag([0.1, 0.2, 0.5, 0.1, 0.1]) @ vectors.T

    def calculate(target: Any) -> None:
        for a in (0, 1):
            target[a][1] = output.ravel()

    blank = {a: np.zeros((2, 25)) for a in (0, 1)}
    setups = SimpleNamespace(
        __getitem__=None, empty_atomic_matrix=lambda *_: {a: d.copy() for a, d in blank.items()}
    )
    wfs = SimpleNamespace(nvalence=100, calculate_atomic_density_matrices=calculate)
    wfs.setups = type("Setups", (), {"__getitem__": lambda self, a: SETUP})()
    wfs.setups.empty_atomic_matrix = setups.empty_atomic_matrix
    density = SimpleNamespace(
        D_asp={a: np.tile(0.2 * np.eye(5).ravel(), (2, 1)) for a in (0, 1)},
        ncomponents=2,
        atom_partition=None,
        calculate_normalized_charges_and_mix=lambda: None,
    )
    hamiltonian = SimpleNamespace(
        dH_asp=blank,
        e_entropy=0.0,
        e_total_extrapolated=0.0,
        update=lambda density: None,
        get_energy=lambda *_, kin_en_using_band: None,
    )
    hold_order(hold)
    gpaw.Start().iterate(hamiltonian, wfs)
    loop, converged = gpaw.Loop(), []
    for number in range(iterations):
        mixer.error = np.inf if number < 4 else small
        loop.iterate_eigensolver(wfs, hamiltonian, density)
        loop.check_convergence()
        converged.append(loop.converged)
    assert not np.any(blank[0]), "the potential is taken away after every iteration"
    return SimpleNamespace(density=density, orbital=vectors[:, 2]), converged


def test_whole_shells_first_then_the_fullest_orbital(gpaw: Any) -> None:
    mixer = Mixer()
    result, _ = run(gpaw, make_hold(mixer), mixer, 4)
    shift = 2.0 / HARTREE * np.eye(5).ravel()
    for seen in gpaw.seen[:4]:  # the LCAO start and three iterations with the first density
        np.testing.assert_allclose(seen[0], [np.zeros(25), -shift])
        np.testing.assert_allclose(seen[1], [np.zeros(25), shift])
    filled = shells.tilted(np.outer(result.orbital, result.orbital), 0.1, np.random.default_rng(0))
    assert result.orbital @ filled @ result.orbital == pytest.approx(1 / 1.01)
    np.testing.assert_allclose(
        gpaw.seen[4][0, 1], 2.0 / HARTREE * (np.eye(5) - 2 * filled).ravel(), atol=1e-12
    )
    np.testing.assert_allclose(gpaw.seen[4][1, 1], shift)
    np.testing.assert_allclose(result.density.D_asp[0][1], filled.ravel(), atol=1e-12)
    np.testing.assert_allclose(result.density.D_asp[1][1], 0.2 * np.eye(5).ravel())
    assert mixer.started == 1


def test_a_density_that_runs_away_ends_the_calculation(gpaw: Any) -> None:
    mixer = Mixer()
    with pytest.raises(RuntimeError, match="runs away"):
        run(gpaw, make_hold(mixer), mixer, 8, small=101 * 100)
    assert len(gpaw.seen) == 5  # not after the fifth iteration


def test_it_is_released_in_steps_and_nothing_converges_before(gpaw: Any) -> None:
    mixer = Mixer()
    _, converged = run(gpaw, make_hold(mixer), mixer, 14)
    strengths = [np.abs(seen[1, 1]).max() * HARTREE * 2 for seen in gpaw.seen[1:]]
    np.testing.assert_allclose(
        strengths, [4, 4, 4, 4, 2, 2, 1, 1, 0.5, 0.5, 0, 0, 0, 0], atol=1e-12
    )
    assert mixer.forgotten == 4
    assert converged == [strength == 0 for strength in strengths]


def test_the_share_of_the_chosen_orbitals_that_is_still_filled(gpaw: Any) -> None:
    mixer = Mixer()
    hold = make_hold(mixer)
    result, _ = run(gpaw, hold, mixer, 5)
    assert hold.kept({0: SETUP, 1: SETUP}, result.density) == pytest.approx(1.0)
    result.orbital = np.linalg.eigh(hold.orbitals[0, 1])[1][:, -1]
    other = np.linalg.svd(result.orbital[None])[2][1]
    turned = np.sqrt(0.5) * (result.orbital + other)
    result.density.D_asp[0][1] = np.outer(turned, turned).ravel()
    assert hold.kept({0: SETUP, 1: SETUP}, result.density) == pytest.approx(0.5)


def test_known_orbitals_come_before_those_of_the_crystal(gpaw: Any) -> None:
    mixer = Mixer()
    hold = make_hold(mixer)
    known = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0][:, :1]
    numbers = shells.to_triangle(known @ known.T)
    hold.known[0, 1] = shells.from_triangle(numbers, 1)
    np.testing.assert_allclose(hold.known[0, 1], known @ known.T, atol=1e-4)
    result, _ = run(gpaw, hold, mixer, 4)
    (filled,) = hold.filled({0: SETUP, 1: SETUP}, result.density).values()
    assert known[:, 0] @ filled @ known[:, 0] == pytest.approx(1 / 1.01, abs=1e-3)
    assert [shell.atom for shell in hold.filled({0: SETUP, 1: SETUP}, result.density)] == [0]


def test_orbitals_turn_less_where_energies_swing() -> None:
    mixer = Mixer()
    hold = make_hold(mixer)
    for n in range(6):
        hold.follow(0.1 * (-1) ** n)
    assert hold.turns == 10, "the potential still acts"
    hold.potential = 0.0
    for energy in (-0.010, -0.012, -0.012, *(-0.012 + 0.0005 * (-1) ** n for n in range(6))):
        hold.follow(energy)
    assert hold.turns == 10, "noise"
    for expected, unlearned in ((2, 1), (0, 2), (0, 2)):
        for n in range(5):
            hold.follow(0.002 * (-1) ** n)
        assert (hold.turns, mixer.unlearned) == (expected, unlearned)


def test_orbitals_turn_less_where_the_error_of_the_density_stands() -> None:
    mixer = Mixer()
    hold = make_hold(mixer)
    hold.potential = 0.0
    for n in range(12):
        mixer.error = 0.9**n  # 0.66 in four iterations
        hold.follow(-1.0)
    assert hold.turns == 10
    for _ in range(6):
        hold.follow(-1.0)
    assert (hold.turns, mixer.unlearned) == (2, 1)


def test_orbitals_turn_less_after_a_jump_and_what_was_learned_stays() -> None:
    mixer = Mixer()
    hold = make_hold(mixer)
    hold.potential = 0.0
    for jumped, turns in ((False, 10), (True, 2), (False, 2), (True, 0)):
        mixer.jumped = jumped
        hold.follow(-1.0)
        assert (hold.turns, mixer.unlearned) == (turns, 0)


def test_after_many_iterations_a_creep_is_the_end() -> None:
    hold = make_hold(Mixer())
    hold.potential = 0.0
    stands = []
    for n in range(60):
        jump = 0.1 * (n in (40, 50, 51))
        hold.follow(-0.03 * max(0, 30 - n) - 0.001 * n - jump)
        stands.append(hold.settled)
    assert not any(stands[:34])
    assert stands[34:40] == [True] * 6
    assert stands[40:46] == [False] + [True] * 5  # one of six may be a jump
    assert stands[50:57] == [False] * 6 + [True]


def test_the_next_geometry_begins_with_no_history(gpaw: Any) -> None:
    """Else it would take over the patience of the one before, and end after six iterations."""
    mixer = Mixer()
    hold = make_hold(mixer)
    seen, converged = run(gpaw, hold, mixer, 50)
    assert converged[-1]
    assert hold.settled
    hold.turns, hold.since = 1, 30
    loop = gpaw.Loop()
    loop.niter = 1
    wfs = SimpleNamespace(nvalence=100, setups=[SETUP, SETUP])
    hamiltonian = SimpleNamespace(
        dH_asp={a: np.zeros((2, 25)) for a in (0, 1)}, e_total_extrapolated=0.0
    )
    turned = np.diag([0.1, 0.1, 0.1, 0.1, 0.9])
    seen.density.D_asp[0][1] = turned.ravel()
    loop.iterate_eigensolver(wfs, hamiltonian, seen.density)
    assert not hold.settled
    assert (hold.turns, hold.since, hold.energies) == (10, 0, [])
    np.testing.assert_allclose(hold.orbitals[0, 1], np.diag([0, 0, 0, 0, 1]), atol=1e-12)
    assert not np.any(hold.orbitals[1, 1]), "nothing is filled there"
    assert hold.potential == 1.0, "a weak potential, from the orbitals at hand"


def test_from_the_waves_of_another_geometry_the_orbitals_are_those_at_hand(gpaw: Any) -> None:
    mixer = Mixer()
    hold = make_hold(mixer)
    hold.warm = True
    run(gpaw, hold, mixer, 12)
    assert mixer.started == 0, "the density is not put together anew"
    assert not hold.active
    first = gpaw.seen[1]
    np.testing.assert_allclose(first[1, 1].reshape(5, 5), 0.5 / HARTREE * np.eye(5), atol=1e-12)
    assert np.linalg.eigvalsh(first[0, 1].reshape(5, 5)) * HARTREE == pytest.approx(
        [-0.5, 0.5, 0.5, 0.5, 0.5]
    )
    assert not np.any(gpaw.seen[-1])


def test_orbitals_that_take_turns_are_left_alone() -> None:
    hold = make_hold(Mixer())
    turns = []
    for _ in range(15):
        hold.reduce(1.0)
        turns.append(hold.turns)
    assert turns == [10] * 9 + [0] * 6
    while hold.active:
        hold.reduce(1e-3)
    assert hold.turns == 5, "without the potential they are turned again"


def test_an_order_that_does_not_settle_is_given_up(gpaw: Any) -> None:
    mixer = Mixer()
    with pytest.raises(RuntimeError, match="did not settle in 40 iterations"):
        run(gpaw, make_hold(mixer), mixer, 80, small=1.0)
    assert len(gpaw.seen) == 1 + 40  # and the start
