"""Open-circuit voltage against the metal of the working ion."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from redoxmc.thermo.hull import hull_vertices


@dataclass(frozen=True)
class Plateau:
    """One plateau of the voltage curve; voltage is None without a reference for the metal."""

    x_low: float
    x_high: float
    voltage: float | None


def average_voltage(
    x_low: float,
    x_high: float,
    energy_low: float,
    energy_high: float,
    metal_energy: float,
    ion_charge: int = 1,
) -> float:
    """Return −[E(x_high) − E(x_low) − (x_high − x_low) μ_metal] / (z (x_high − x_low)), in V.

    Energies: eV per formula unit; metal_energy: eV per atom of the bulk metal, from the same
    method as the others; ion_charge z: charges passed per ion. Free energies give the voltage at
    temperature.

    Source: Aydinol, Kohan, Ceder, Cho, Joannopoulos, Phys. Rev. B 56, 1354 (1997).
    """
    if not x_high > x_low:
        raise ValueError(f"a plateau runs from low to high x, got {x_low} to {x_high}")
    width = x_high - x_low
    return -(energy_high - energy_low - width * metal_energy) / (ion_charge * width)


def voltage_profile(
    x: ArrayLike, energies: ArrayLike, metal_energy: float | None, ion_charge: int = 1
) -> list[Plateau]:
    """Return the plateaus of the equilibrium voltage curve: one per segment of the lower hull.

    x: [n]; energies: [n], total (not formation) energies in eV per formula unit. The voltages never
    rise with x, because the hull is convex.
    """
    fraction, values = np.asarray(x, dtype=np.float64), np.asarray(energies, dtype=np.float64)
    vertices = hull_vertices(fraction, values)
    plateaus = []
    for i, j in pairwise(vertices):
        low, high = float(fraction[i]), float(fraction[j])
        voltage = (
            None
            if metal_energy is None
            else average_voltage(
                low, high, float(values[i]), float(values[j]), metal_energy, ion_charge
            )
        )
        plateaus.append(Plateau(low, high, voltage))
    return plateaus
