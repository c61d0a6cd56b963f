"""What moves may know of a lattice, and what is said where it does not suffice."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from redoxmc.errors import InputError


def _no_pairs() -> NDArray[np.int64]:
    return np.empty((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class Sites:
    """What a move is built from."""

    n_redox: int  # number of redox sites
    n_ion: int  # number of ion sites
    # [n_pairs, 2] neighbouring redox sites
    redox_pairs: NDArray[np.int64] = field(default_factory=_no_pairs)
    # [n_pairs, 2] neighbouring (redox site, ion site); ion sites are counted from 0
    ion_pairs: NDArray[np.int64] = field(default_factory=_no_pairs)
    electrons: int = 1  # number of redox sites that one ion reduces
    semigrand: bool = False  # whether the ensemble lets the number of ions change
    # [n_redox] electrons that each redox site can take; None for one, as in a couple
    most: NDArray[np.int64] | None = None
    one_couple: bool = True  # whether all redox sites have the same two charge states
    # [n_pairs, 2] ion sites, counted from 0, that are never occupied together
    excluded: NDArray[np.int64] = field(default_factory=_no_pairs)

    @property
    def electrons_of_sites(self) -> NDArray[np.int64]:
        """The electrons that each redox site can take, [n_redox]."""
        return np.ones(self.n_redox, dtype=np.int64) if self.most is None else self.most


def require_one_couple(name: str, sites: Sites) -> None:
    """Raise InputError where redox sites have several couples, or more than two charge states.

    name: of the move.
    """
    if not sites.one_couple:
        raise InputError(
            f"sampling.moves.{name} exchanges the two charge states of one couple, and here there "
            "are more; use electron_transfer."
        )


def require(name: str, what: str, has: int, at_least: int) -> None:
    """Raise InputError where the lattice has fewer of something than a move needs.

    name: of the move. what: what it needs, in words. has: how many of it there are.
    """
    if has < at_least:
        raise InputError(
            f"sampling.moves.{name} needs {what} and the cell has {has}; take a larger supercell or"
            " leave the move out."
        )
