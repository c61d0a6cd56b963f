"""An occupancy as text: its key, such as '0210|1100'. Redox sites stand before the bar.

The digit of a redox site counts its electrons above the most oxidised state.
"""

import numpy as np

from redoxmc.errors import InputError
from redoxmc.structures.lattice import Lattice, Occupancy


def occupancy_key(lattice: Lattice, occupancy: Occupancy) -> str:
    """Write an occupancy as text."""
    digits = "".join(map(str, occupancy.tolist()))
    return digits[: lattice.n_redox] + "|" + digits[lattice.n_redox :]


def occupancy_of_key(key: str) -> Occupancy:
    """Inverse of occupancy_key."""
    return np.array([int(bit) for bit in key.replace("|", "")], dtype=np.int8)


def split_key(key: str) -> tuple[str, str]:
    """The charge order and the ion order of a key, as text; the latter is '' without a bar."""
    charges, _, ions = key.partition("|")
    return charges, ions


def ions_of_key(key: str) -> int:
    """Number of ions of a state."""
    return split_key(key)[1].count("1")


def reduced_of_key(key: str) -> int:
    """Number of electrons of a state above the most oxidised one: of a couple, reduced sites."""
    return sum(map(int, split_key(key)[0]))


def check_neutral(lattice: Lattice, occupancy: Occupancy) -> None:
    """Raise InputError where the total charge is not zero."""
    charge = lattice.total_charge(occupancy)
    if charge != 0:
        key = occupancy_key(lattice, occupancy)
        raise InputError(
            f"occupancy {key} has total charge {charge:+d} e; a state must be neutral."
        )
