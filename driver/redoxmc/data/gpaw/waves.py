"""Wave functions of one geometry as a start for another of the same charge order, for GPAW.

The plane waves of a cell that is a little different are found by their indices; then GPAW moves the
waves from the old scaled positions to the new ones, as it does between the steps of a relaxation; a
displacement of the whole crystal is a phase of each wave.
The start has its density from them, and so the filled orbitals of the order: no atomic orbitals, no
iterations with a fixed density.
"""

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
_NEAR = 0.5  # Å; of atoms farther off the waves are a worse start than atomic orbitals


def write_waves(path: str, calculator: Any) -> None:
    """Write the wave functions of a GPAW calculation that is done (npz, single precision)."""
    wfs = calculator.wfs
    arrays = {"positions": calculator.spos_ac}
    for number, kpt in enumerate(wfs.kpt_u):
        arrays[f"indices{number}"] = indices(wfs.pd, kpt.q).astype(np.int16)
        arrays[f"waves{number}"] = kpt.psit.array.astype(np.complex64)
        arrays[f"levels{number}"], arrays[f"filled{number}"] = kpt.eps_n, kpt.f_n
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def start_from(path: str, hold: Any) -> None:
    """Make GPAW start its first geometry from a file, where it fits; hold.warm says whether it did.

    It then has a density to begin with, which need not be fixed for a while.
    """
    scf = importlib.import_module("gpaw.scf").SCFLoop
    module = importlib.import_module("gpaw.wavefunctions.fdpw").FDPWWaveFunctions
    initialize = module.initialize
    tried: list[str] = []

    def started(self: Any, density: Any, hamiltonian: Any, spos_ac: Any) -> Any:
        if not tried:
            tried.append(path)
            with np.load(path) as stored:
                hold.warm = fits(stored, self, spos_ac)
                if hold.warm:
                    _put(stored, self, spos_ac)
        return initialize(self, density, hamiltonian, spos_ac)

    iterate = scf.irun

    def iterate_warm(self: Any, *arguments: Any) -> Any:
        if hold.warm:
            self.niter_fixdensity = 0
        return iterate(self, *arguments)

    module.initialize, scf.irun = started, iterate_warm


def indices(descriptor: Any, q: int) -> Integers:
    """Return the indices (n, 3) of the plane waves of a k-point, negative ones as such."""
    size = np.asarray(descriptor.gd.N_c)
    found = np.array(np.unravel_index(descriptor.Q_qG[q], size)).T
    return np.where(found > size // 2, found - size, found)


def mapped(waves: Any, old: Integers, new: Integers) -> Any:
    """Return coefficients (bands, n) over the plane waves `new`; 0 where there was none."""
    size = 2 * int(max(np.abs(old).max(), np.abs(new).max())) + 1
    place = np.full((size, size, size), -1)
    place[tuple(old.astype(int).T)] = np.arange(len(old))  # negative indices count from the end
    source = place[tuple(new.astype(int).T)]
    result = np.zeros((len(waves), len(new)), complex)
    result[:, source >= 0] = waves[:, source[source >= 0]]
    return result


def fits(stored: Any, wfs: Any, positions: Any) -> bool:
    """Whether the stored waves are of as many bands and k-points, and atoms near their places."""
    if len(stored["positions"]) != len(positions) or f"waves{len(wfs.kpt_u)}" in stored:
        return False
    moved = displacements(stored["positions"], positions)
    bohr = (moved - moved.mean(axis=0)) @ wfs.gd.cell_cv
    if np.linalg.norm(bohr, axis=1).max() * 0.529177 > _NEAR:
        return False
    return all(
        f"waves{n}" in stored and stored[f"waves{n}"].shape[0] == wfs.bd.nbands
        for n in range(len(wfs.kpt_u))
    )


def displacements(old: Any, new: Any) -> Any:
    """Return the shortest ways (n, 3) from old to new scaled positions."""
    moved = np.asarray(new) - np.asarray(old)
    return moved - np.round(moved)


def displaced(waves: Any, own: Integers, shift: Any) -> Any:
    """Return coefficients over plane waves `own` of waves displaced by `shift` (scaled)."""
    return waves * np.exp(-2j * np.pi * (own @ shift))


def _put(stored: Any, wfs: Any, positions: Any) -> None:
    """Give the wave functions of a file to GPAW and move them to the positions."""
    functions = importlib.import_module("gpaw.wavefunctions.arrays").PlaneWaveExpansionWaveFunctions
    shift = displacements(stored["positions"], positions).mean(axis=0)
    wfs.set_positions((stored["positions"] + shift) % 1.0, wfs.atom_partition)
    for number, kpt in enumerate(wfs.kpt_u):
        kpt.psit = functions(
            wfs.bd.nbands, wfs.pd, wfs.dtype, kpt=kpt.q, dist=(wfs.bd.comm, -1, 1), spin=kpt.s
        )
        own = indices(wfs.pd, kpt.q)
        waves = mapped(stored[f"waves{number}"], stored[f"indices{number}"], own)
        kpt.psit.array[:] = displaced(waves, own, shift)
        kpt.eps_n, kpt.f_n = stored[f"levels{number}"], stored[f"filled{number}"]
    wfs.orthonormalize()
    wfs.set_positions(positions, wfs.atom_partition)
