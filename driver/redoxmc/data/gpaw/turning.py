"""Filled orbitals turned to where the bands of an iteration would have them, for GPAW.

A filled orbital turns slowly: its own Hubbard potential holds it where it is, so an iteration
brings it only the share h / (U + h) of the way (h: what the crystal field gains by turning it), a
few percent. But no new density is needed to follow it: the bands at hand, filled and empty, span
the shell. So after each iteration the potential of each held shell is turned after its orbitals and
the bands are diagonalized again, until the orbitals stand. Only directions change: how many
electrons a shell holds is left to the iteration, because with the density as it is electrons would
leave it.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from redoxmc.data.gpaw.order import HeldShell, OrderHold

Floats = npt.NDArray[np.float64]
Orbitals = dict["HeldShell", Floats]
_STANDS = 2e-4  # change of the projectors in a step, which is a few percent of what is left


def turn_orbitals(hold: "OrderHold", wfs: Any, density: Any) -> float | None:
    """Turn bands and held orbitals until these stand; returns the entropy term of the energy.

    Hartree, None where nothing turns. Eigenvalues become the mean energies of the turned bands in
    the Hamiltonian of the iteration.
    """
    shells = [shell for shell in hold.shells if shell.electrons > 0]
    if not shells or not hold.turns:
        return None
    given = {shell: _density(hold, density, shell) for shell in shells}
    start = {
        shell: hold.orbitals[shell.atom, shell.spin]
        if hold.active
        else _fullest(hold, wfs, shell, given[shell])
        for shell in shells
    }
    before = {
        shell: _potential(hold, wfs, density, shell, given[shell], start[shell]) for shell in shells
    }
    turned = [_Bands.of(k) for k in wfs.kpt_u if k.s in {shell.spin for shell in shells}]
    last: Orbitals = {}
    entropy = 0.0
    for _ in range(hold.turns):
        now = {shell: _fullest(hold, wfs, shell, _filled(wfs, shell)) for shell in shells}
        if last and max(np.abs(now[s] - last[s]).max() for s in shells) < _STANDS:
            break
        last = now
        changes = {}
        for shell in shells:
            matrix = hold.shell_tools.turned(wfs.setups[shell.atom], given[shell], now[shell])
            after = _potential(hold, wfs, density, shell, matrix, now[shell])
            changes[shell] = after - before[shell]
        for bands in turned:
            bands.diagonalize(changes)
        entropy = float(wfs.calculate_occupation_numbers(density.fixed))
    if hold.active:
        hold.orbitals.update({(s.atom, s.spin): orbitals for s, orbitals in last.items()})
    for bands in turned:
        bands.finish()
    return entropy


@dataclass
class _Bands:
    """The bands of one k-point and spin.

    kpt: GPAW's.
    levels: eigenvalues in the Hamiltonian of the iteration, Hartree.
    projections: (n_bands, n_projectors) before any turn.
    vectors: the turned bands, in columns, over those before.
    """

    kpt: Any
    levels: Floats
    projections: Any
    vectors: Any

    @classmethod
    def of(cls, kpt: Any) -> "_Bands":
        projections = kpt.projections.array.copy()
        vectors = np.eye(len(projections), dtype=projections.dtype)
        return cls(kpt, kpt.eps_n.copy(), projections, vectors)

    def diagonalize(self, changes: Orbitals) -> None:
        """Make the bands those of the Hamiltonian with these changes (over projectors)."""
        matrix = np.diag(self.levels).astype(self.projections.dtype)
        for shell, change in changes.items():
            if shell.spin == self.kpt.s:
                p = self.projections[:, slice(*self.kpt.projections.map[shell.atom])]
                matrix += p.conj() @ change @ p.T
        self.kpt.eps_n[:], self.vectors = np.linalg.eigh(matrix)
        self.kpt.projections.array[:] = self.vectors.T @ self.projections

    def finish(self) -> None:
        """Turn the wave functions too."""
        self.kpt.psit.array[:] = self.vectors.T @ self.kpt.psit.array
        self.kpt.eps_n[:] = (np.abs(self.vectors) ** 2).T @ self.levels


def _density(hold: "OrderHold", density: Any, shell: "HeldShell") -> Floats:
    matrix: Floats = hold.utilities.unpack2(density.D_asp[shell.atom][shell.spin])
    return matrix


def _filled(wfs: Any, shell: "HeldShell") -> Floats:
    """The density matrix of the bands, (n, n) over the projectors of an atom."""
    parts = []
    for kpt in wfs.kpt_u:
        if kpt.s == shell.spin:
            p = kpt.projections[shell.atom]
            parts.append(((p.T.conj() * kpt.f_n) @ p).real)
    return np.asarray(sum(parts))


def _fullest(hold: "OrderHold", wfs: Any, shell: "HeldShell", matrix: Floats) -> Floats:
    occupations = hold.shell_tools.occupation(wfs.setups[shell.atom], matrix)
    orbitals: Floats = hold.shell_tools.fullest_orbitals(occupations, shell.electrons)
    return orbitals


def _potential(
    hold: "OrderHold", wfs: Any, density: Any, shell: "HeldShell", matrix: Floats, orbitals: Floats
) -> Floats:
    """Hubbard potential of a density matrix, and what holds the orbitals.

    Over projectors, Hartree.
    """
    hubbard = importlib.import_module("gpaw.hubbard").hubbard
    setup = wfs.setups[shell.atom]
    result = hold.over_projectors(setup, shell, orbitals)
    if setup.HubU is not None:
        packed = density.D_asp[shell.atom].copy()
        packed[shell.spin] = hold.utilities.pack(matrix)
        for l, u, scale in zip(setup.Hubl, setup.HubU, setup.Hubs, strict=True):  # noqa: E741
            result += hold.utilities.unpack(hubbard(setup, packed, l, u, scale)[1][shell.spin])
    return result
