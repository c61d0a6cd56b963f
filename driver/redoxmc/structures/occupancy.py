"""An occupancy as text: its key, such as '0210|1100'. Redox sites stand before the bar.

The digit of a redox site counts its electrons above the most oxidised state.
"""

import numpy as np

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


def sites_of_key(key: str) -> int:
    """Number of redox sites of a state."""
    return len(split_key(key)[0])


def reduced_of_key(key: str) -> int:
    """Number of reduced redox sites of a state."""
    return split_key(key)[0].count("1")
