"""Magnetic moments and charges of atoms in a running LAMMPS, by `compute redoxmc/atom`."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

QUANTITIES = {"moment": "magmoms", "charge": "charges"}  # of the compute; of ASE's results
COMPUTE = "redoxmc_per_atom"


def offered(lmp: Any) -> tuple[str, ...]:
    """Which of "moment" (µB) and "charge" (e) the model gives that a LAMMPS instance has loaded.

    lmp: a `lammps.lammps` with its pair_coeff given. Empty for models that give energies only, and
    for LAMMPS' own pair styles.
    """
    return tuple(n for n in QUANTITIES if lmp.extract_pair_dimension(f"{n}_flag") is not None)


def follow(lmp: Any) -> tuple[str, ...]:
    """Define the compute `redoxmc_per_atom` of what the model offers; says what that is.

    Dumps take it as `c_redoxmc_per_atom[1]` and on, a single quantity as `c_redoxmc_per_atom`.
    """
    names = offered(lmp)
    if names:
        lmp.command(f"compute {COMPUTE} all redoxmc/atom {' '.join(names)}")
    return names


def read(lmp: Any, names: tuple[str, ...]) -> dict[str, Floats]:
    """The quantities of the last evaluation, each (n_atoms,) in order of atom IDs, on every rank.

    names: what `follow` returned. Collective.
    """
    if not names:
        return {}
    table = np.array(lmp.gather(f"c_{COMPUTE}", 1, len(names))).reshape(-1, len(names))
    return {name: table[:, k].copy() for k, name in enumerate(names)}
