"""GPAW held in a wanted charge order and orbital order until the density has settled.

Why moments alone do not impose an order: in the first iterations the open levels of all redox ions
are at the Fermi level, and an extra electron goes to any ion, and to any mixture of the orbitals
of one. So (occupation matrix control, Allen and Watson, PCCP 16, 21016, 2014, with the orbitals
chosen by the calculation itself):

1. While the density is fixed, a potential shifts whole shells: down where electrons are wanted.
   The fullest orbitals of what comes out are the ones that the crystal offers. Where those that
   another geometry of the order ended with are known, they are taken instead.
2. The density starts again with these orbitals filled and the others empty, and the potential now
   acts on them: -V/2 on the filled, +V/2 on the empty ones. They start a little off, so that an
   orbital that symmetry alone keeps from turning is not taken for a minimum.
3. After every iteration the orbitals, and the potential with them, are turned to where the bands
   would have them (`turning`).
4. Whenever the density error has become small, the potential is reduced, down to nothing. What
   converges is free of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
HARTREE = 27.211386245988  # eV
_SMALLEST = 0.3  # eV; below it the potential is taken away
_SHORTEST = 2  # iterations between two reductions
_TILT = 0.1  # tangent of the angle that orbitals start off their place
_TURNS = 10  # at first; more in an iteration amplify what its bands lack
_FEWER = 4  # times, where energies swing
_WARM = 1.0  # eV; the potential where the density has the orbitals already
_LONG = 10  # iterations with one potential, after which the orbitals are no longer turned under it
_WINDOW = 4  # iterations in which the error of the density
_LESS = 0.7  # should fall to this share
_TELLING = 2e-3  # eV; changes of the energy by less than this may be noise
_PATIENCE = 35  # iterations without the potential
_STANDS = 4e-3  # eV; what a cell of 28 atoms may then still change


@dataclass(frozen=True)
class HeldShell:
    """One spin channel of the open shell of an ion.

    atom: index of the ion.
    spin: 0 for the majority, 1 for the minority.
    electrons: how many are wanted in it.
    """

    atom: int
    spin: int
    electrons: int


@dataclass
class OrderHold:
    """The potential that holds an order, and how far its release has come.

    shells: what is held.
    potential: eV, at the start.
    release: factor of each reduction.
    threshold: density error (electrons per valence electron) that allows a reduction.
    fixed: iterations with the first density.
    skip: number of the fullest orbitals that are passed over.
    mixers: filled by GPAW.
    shell_tools: the module `shells`.
    turn: turns the orbitals after an iteration (`turning.turn_orbitals`); takes this object, and
        GPAW's wave functions and density.
    utilities: GPAW's module of that name.
    orbitals: by (atom, spin), projectors on the filled orbitals; empty until they are chosen.
    age: iterations since the last reduction.
    known: by (atom, spin), projectors to begin with.
    turns: how often the orbitals may be turned in an iteration.
    energies: of the iterations without the potential, eV.
    errors: of their densities, electrons.
    since: how many of them there were when the number of turns was chosen.
    warm: whether the next geometry starts from the wave functions of another one of its order.
    """

    shells: list[HeldShell]
    potential: float
    release: float
    threshold: float
    fixed: int
    skip: int
    mixers: list[Any]
    shell_tools: Any
    turn: Callable[["OrderHold", Any, Any], float | None]
    utilities: Any = None
    orbitals: dict[tuple[int, int], Floats] = field(default_factory=dict)
    age: int = 0
    known: dict[tuple[int, int], Floats] = field(default_factory=dict)
    turns: int = _TURNS
    energies: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    since: int = 0
    warm: bool = False

    @property
    def active(self) -> bool:
        """Whether the potential still acts."""
        return bool(self.shells) and self.potential > 0

    def over_projectors(self, setup: Any, shell: HeldShell, filled: Floats | None) -> Floats:
        """Return the potential on a shell over the projectors of its atom, Hartree.

        filled: the projector on the orbitals that are to be filled; the whole shell where None.
        """
        size = self.shell_tools.shell_blocks(setup)[0]
        if filled is None:
            filled = np.eye(size) * (shell.electrons > 0)
        matrix = self.potential / 2 * (np.eye(size) - 2 * filled)
        result: Floats = self.shell_tools.over_projectors(setup, matrix) / HARTREE
        return result

    def packed(self, setups: Any) -> dict[tuple[int, int], Floats]:
        """Return the potential as GPAW keeps atomic Hamiltonians, by (atom, spin)."""
        result = {}
        for shell in self.shells:
            place = shell.atom, shell.spin
            matrix = self.over_projectors(setups[shell.atom], shell, self.orbitals.get(place))
            result[place] = self.utilities.pack2(matrix)
        return result

    def reduce(self, error: float) -> None:
        """Reduce the potential where the density error (per valence electron) allows it."""
        self.age += 1
        if self.active and self.age >= _LONG:
            self.turns = 0  # where two orbitals take turns, the density would follow them for ever
        if self.active and error < self.threshold and self.age >= _SHORTEST:
            smaller = self.potential * self.release
            self.potential, self.age = (smaller if smaller > _SMALLEST else 0.0), 0
            if not self.active and not self.turns:
                self.turns = _TURNS // 2
            for mixer in self.mixers:
                mixer.forget()
        for mixer in self.mixers:
            mixer.held = self.active

    def begin(self, setups: Any, density: Any) -> None:
        """Forget how the last geometry went. From its wave functions a weak potential is enough."""
        self.turns, self.energies, self.errors, self.since = _TURNS, [], [], 0
        if not (self.warm or self.orbitals):
            return
        self.potential, self.age = min(self.potential or _WARM, _WARM), 0
        for shell in self.shells:
            matrix = self.occupation(setups, density, shell)
            filled = self.shell_tools.fullest_orbitals(matrix, shell.electrons)
            self.orbitals[shell.atom, shell.spin] = filled

    def follow(self, energy: float) -> None:
        """Turn the orbitals less where they jump, where energies (eV) swing, or the error stands.

        A turn beyond the place where the new density wants the orbital comes back in the next.
        The mixing forgets what it learned of their swings. In the end they are left alone.
        """
        if self.active:
            self.energies, self.errors = [], []
            return
        self.energies.append(energy)
        self.errors.append(self.mixers[-1].error)
        energies, errors = self.energies[self.since :], self.errors[self.since :]
        jumped, goes_nowhere = self.mixers[-1].jumped, swings(energies) or stands(errors)
        if self.turns and (jumped or goes_nowhere):
            self.turns, self.since = self.turns // _FEWER, len(self.energies)
            for mixer in self.mixers if goes_nowhere else []:
                mixer.unlearn()

    @property
    def settled(self) -> bool:
        """Whether so many iterations have passed that an energy which hardly changes is the end.

        The softest orbitals turn by a meV in an iteration, for longer than is worth it. One of the
        last six energies may be a jump, but not the last one.
        """
        last = np.array(self.energies[-6:])
        if len(self.energies) < _PATIENCE:
            return False
        apart = np.abs(last - np.median(last))
        return bool(np.sort(apart)[-2] < _STANDS and apart[-1] < _STANDS)

    def choose_orbitals(self, wfs: Any, density: Any) -> None:
        """Choose the orbitals from the wave functions, and put them into the density."""
        output = wfs.setups.empty_atomic_matrix(density.ncomponents, density.atom_partition)
        wfs.calculate_atomic_density_matrices(output)
        for shell in self.shells:
            setup = wfs.setups[shell.atom]
            unpacked = self.utilities.unpack2(output[shell.atom][shell.spin])
            occupations = self.shell_tools.occupation(setup, unpacked)
            first = self.known.get(
                (shell.atom, shell.spin),
                self.shell_tools.fullest_orbitals(occupations, shell.electrons, self.skip),
            )
            orbitals = self.shell_tools.tilted(first, _TILT, np.random.default_rng(shell.atom))
            self.orbitals[shell.atom, shell.spin] = orbitals
            if shell.electrons:
                packed = density.D_asp[shell.atom][shell.spin]
                matrix = self.shell_tools.put_into(setup, self.utilities.unpack2(packed), orbitals)
                packed[:] = self.utilities.pack(matrix)
        for mixer in self.mixers:
            mixer.start_anew()
        density.calculate_normalized_charges_and_mix()

    def occupation(self, setups: Any, density: Any, shell: HeldShell) -> Floats:
        """Return the occupation matrix of a shell in the density."""
        packed = self.utilities.unpack2(density.D_asp[shell.atom][shell.spin])
        matrix: Floats = self.shell_tools.occupation(setups[shell.atom], packed)
        return matrix

    def filled(self, setups: Any, density: Any) -> dict[HeldShell, Floats]:
        """Return the projectors on the filled orbitals of the shells that are filled in part."""
        result = {}
        for shell in self.shells:
            if 0 < shell.electrons < self.shell_tools.shell_blocks(setups[shell.atom])[0]:
                matrix = self.occupation(setups, density, shell)
                result[shell] = self.shell_tools.fullest_orbitals(matrix, shell.electrons)
        return result

    def kept(self, setups: Any, density: Any) -> float | None:
        """Return the smallest share of the orbitals held last in those filled at the end, 0 to 1.

        None where none had to be held.
        """
        shares = []
        for shell, filled in self.filled(setups, density).items():
            chosen = self.orbitals.get((shell.atom, shell.spin))
            if chosen is not None:
                shares.append(float(np.trace(filled @ chosen)) / shell.electrons)
        return min(shares, default=None)


def swings(energies: list[float]) -> bool:
    """Whether the last changes go up and down in turn, by more than noise."""
    changes = np.diff(energies[-5:])
    in_turn = len(changes) == 4 and bool((changes[1:] * changes[:-1] < 0).all())
    return in_turn and bool(np.abs(changes).max() > _TELLING)


def stands(errors: list[float]) -> bool:
    """Whether the smallest of the last errors is hardly below that of those before."""
    if len(errors) < 2 * _WINDOW:
        return False
    return min(errors[-_WINDOW:]) > _LESS * min(errors[-2 * _WINDOW : -_WINDOW])
