"""Points in phase space: positions and velocities, their kinetic energy and thermal noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redoxmc.species import Species
from redoxmc.structures.lattice import Floats
from redoxmc.units import KB

# LAMMPS' own constant (units metal): both must agree, or energy is not conserved between them.
MVV2E = 1.0364269e-4  # eV per g/mol Å^2/ps^2


@dataclass(frozen=True)
class Phase:
    """positions: (n, 3) Å, not wrapped. velocities: (n, 3) Å/ps."""

    positions: Floats
    velocities: Floats

    def reversed(self) -> "Phase":
        """The same point with time running backwards."""
        return Phase(self.positions, -self.velocities)


def masses_of(species: Sequence[Species]) -> Floats:
    """Masses of atoms in g/mol, (n,); the charge states of an element weigh the same."""
    mass = {one: one.mass for one in set(species)}
    return np.array([mass[one] for one in species])


def kinetic_energy(masses: Floats, velocities: Floats) -> float:
    """Kinetic energy in eV. masses: (n,) g/mol. velocities: (n, 3) Å/ps."""
    return 0.5 * MVV2E * float(masses @ np.einsum("ij,ij->i", velocities, velocities))


def degrees_of_freedom(n_atoms: int, drifting: bool = False) -> int:
    """3n - 3, as the total momentum is zero throughout; 3n where it is not (drifting)."""
    return 3 * n_atoms if drifting else 3 * n_atoms - 3


def thermal_velocities(
    masses: Floats, temperature: float, rng: np.random.Generator, drifting: bool = False
) -> Floats:
    """Draw velocities (n, 3) in Å/ps from Maxwell's distribution, at zero total momentum.

    masses: (n,) g/mol. temperature: K. drifting: leave the total momentum thermal, too. Taking the
    drift of the centre of mass off a draw is the orthogonal projection in the metric of the kinetic
    energy, so what is left is exactly Maxwell's distribution on the remaining degrees of freedom.
    """
    width = np.sqrt(KB * temperature / (MVV2E * masses))
    velocities: Floats = width[:, None] * rng.standard_normal((len(masses), 3))
    if not drifting:
        velocities -= masses @ velocities / masses.sum()
    return velocities


def refreshed(
    phase: Phase,
    masses: Floats,
    temperature: float,
    memory: float,
    rng: np.random.Generator,
    drifting: bool = False,
) -> Phase:
    """Mix thermal noise into the velocities: v memory + noise sqrt(1 - memory^2).

    memory: exp(-t/damping) for a Langevin bath over a time t; 0 draws new velocities. Leaves
    Maxwell's distribution unchanged (Horowitz, Phys. Lett. B 268, 247 (1991)).
    """
    noise = thermal_velocities(masses, temperature, rng, drifting)
    return Phase(phase.positions, memory * phase.velocities + np.sqrt(1 - memory**2) * noise)
