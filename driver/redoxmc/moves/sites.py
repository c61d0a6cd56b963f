"""What moves may know of a lattice, and what is said where it does not suffice."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from redoxmc.errors import InputError


def _no_pairs() -> NDArray[np.int64]:
    return np.empty((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class Sites:
    """What a move is built from.

    n_redox: number of redox sites.
    n_ion: number of ion sites.
    redox_pairs: [n_pairs, 2] neighbouring redox sites.
    ion_pairs: [n_pairs, 2] neighbouring (redox site, ion site); ion sites are counted from 0.
    electrons: number of redox sites that one ion reduces.
    semigrand: whether the ensemble lets the number of ions change.
    """

    n_redox: int
    n_ion: int
    redox_pairs: NDArray[np.int64] = field(default_factory=_no_pairs)
    ion_pairs: NDArray[np.int64] = field(default_factory=_no_pairs)
    electrons: int = 1
    semigrand: bool = False


def require(name: str, what: str, has: int, at_least: int) -> None:
    """Raise InputError where the lattice has fewer of something than a move needs.

    name: of the move. what: what it needs, in words. has: how many of it there are.
    """
    if has < at_least:
        raise InputError(
            f"sampling.moves.{name} needs {what} and the cell has {has}; take a larger supercell or"
            " leave the move out."
        )
