"""What a finite basis of plane waves does to energies and stresses, and how both are put right.

At one cutoff the number of plane waves jumps as a cell changes, by some in a thousand. Where the
energy still falls with the cutoff, so do the energies of cells that differ a little, and the stress
is that of a constant number of plane waves. Both follow from the slope of the energy with the
cutoff: the energy is taken to the number of plane waves that the volume has on average (Francis and
Payne, J. Phys.: Condens. Matter 2, 4395, 1990), the stress to a constant cutoff (Pulay stress).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ase import Atoms

Floats = npt.NDArray[np.float64]
_H2_2M = 3.80998  # eV Å^2: (h/2 pi)^2 / 2m, kinetic energy over wave number squared
ENERGY, STRESS = "basis_correction_eV", "basis_correction_eV_per_A3"  # in a frame's `info`


@dataclass(frozen=True)
class Basis:
    """How energies depend on a basis of plane waves.

    cutoff: eV. kpts: as the calculator has them, `{size, gamma}` or `{density}`.
    slope: of the energy with the cutoff (eV/eV, negative) for each atom of an element; only sums
    over a composition count.
    in_stress: the slope for which the calculator has corrected the stress already.
    """

    cutoff: float
    kpts: Mapping[str, Any]
    slope: Mapping[str, float]
    in_stress: Mapping[str, float] = field(default_factory=dict)


def correct(frame: "Atoms", basis: Basis) -> None:
    """Correct energy and stress of a frame in place, and note in `info` what was added.

    A correction that the frame has already is taken back first.
    """
    symbols = frame.get_chemical_symbols()
    slope = sum(basis.slope.get(symbol, 0.0) for symbol in symbols)
    known = sum(basis.in_stress.get(symbol, 0.0) for symbol in symbols)
    reached = effective_cutoff(frame.cell.array, basis.cutoff, k_points(frame, basis.kpts))
    energy = slope * (basis.cutoff - reached)
    pressure = 2 / 3 * basis.cutoff * (slope - known) / frame.get_volume()
    results = frame.calc.results
    for name in ("energy", "free_energy"):
        if name in results:
            results[name] += energy - float(frame.info.get(ENERGY, 0.0))
    if "stress" in results:
        shift = pressure - float(frame.info.get(STRESS, 0.0))
        results["stress"] = np.asarray(results["stress"]) + shift * np.array([1, 1, 1, 0, 0, 0])
        frame.info[STRESS] = round(pressure, 8)
    frame.info[ENERGY] = round(energy, 6)


def effective_cutoff(cell: Floats, cutoff: float, k_points: Floats) -> float:
    """Return the cutoff (eV) at which the volume has on average as many plane waves as the cell.

    cell: (3, 3) Å. k_points: (n, 3), in reciprocal cell vectors.
    """
    ideal = abs(np.linalg.det(cell)) * (cutoff / _H2_2M) ** 1.5 / (6 * np.pi**2)
    return float(cutoff * (plane_waves(cell, cutoff, k_points) / ideal) ** (2 / 3))


def plane_waves(cell: Floats, cutoff: float, k_points: Floats) -> float:
    """Return the number of plane waves below the cutoff (eV), the mean of the k-points (n, 3)."""
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    longest = np.sqrt(cutoff / _H2_2M)  # 1/Å
    most = np.ceil(longest * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int) + 1
    axes = [np.arange(-n, n + 1) for n in most]
    waves = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    counts = [
        int((np.square((waves + k) @ reciprocal).sum(axis=1) <= longest**2).sum()) for k in k_points
    ]
    return float(np.mean(counts))


def k_points(frame: "Atoms", kpts: Mapping[str, Any]) -> Floats:
    """Return the k-points (n, 3) that ASE's calculators make of `{size, gamma}` or `{density}`."""
    from ase.calculators.calculator import kpts2ndarray

    return np.asarray(kpts2ndarray(dict(kpts), frame), dtype=float)
