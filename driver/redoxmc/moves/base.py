"""What a move is: occupancies, proposals, and what detailed balance asks of both.

An occupancy is a 1-D int8 array. Entries [0:n_redox] are the redox sites (electrons above the most
oxidised state: of a couple 1 reduced, 0 oxidised), entries [n_redox:] are the ion sites (1
occupied, 0 vacant).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from redoxmc.errors import InputError
from redoxmc.moves.sites import Sites

Occupancy = NDArray[np.int8]
Change = tuple[tuple[int, int], ...]  # (site, its new value), each site at most once


@dataclass(frozen=True)
class Proposal:
    """A change of occupancy."""

    changes: Change  # the sites that change and their new values
    # ln[g(j→i)/g(i→j)]; g is the probability with which the move proposes the change. 0 for a
    # symmetric move
    log_apriori_ratio: float = 0.0

    def apply(self, occupancy: Occupancy) -> Occupancy:
        """Return the changed occupancy; the one passed in stays as it is."""
        changed = occupancy.copy()
        for site, value in self.changes:
            changed[site] = value
        return changed


class Move(ABC):
    """Proposes changes of an occupancy.

    The chain accepts a proposal with min(1, exp(−ΔE/k_BT + log_apriori_ratio)). For that to obey
    detailed balance, T(i→j) π(i) = T(j→i) π(j), an implementer must see to it that

    - the proposal depends on the occupancy and the generator alone: never on energies, on the
      history of the chain, or on a parameter tuned while sampling;
    - every proposal has a reverse: if i→j can be proposed, so can j→i;
    - `log_apriori_ratio` is ln[g(j→i)/g(i→j)], with g the *total* probability of proposing the
      change, summed over all the ways in which the move can arrive at it. It is 0 where both are
      equal, which the docstring of the move argues;
    - where nothing can be proposed, `propose` returns None and the chain counts the present state
      once more. Drawing again, or another move instead, would change g;
    - the occupancy passed in is not modified.

    `redoxmc.testing.assert_detailed_balance` checks all of it by enumeration.

    A class says the rest about itself:

    name: what a config calls it.
    changes_ions: whether it may change the ion order.
    changes_count: whether it may change the number of ions (semigrand ensemble only).
    obstacle: why it does not reach all charge orders by itself, where connects_all is False.
    """

    name: str
    changes_ions: bool = False
    changes_count: bool = False
    obstacle: str = "it does not say that it connects them (connects_all)"

    @property
    def connects_all(self) -> bool:
        """Whether this move alone reaches all charge orders; a mixture needs one that does."""
        return False

    def at(self, temperature: float) -> "Move":
        """Return the move of a chain at a temperature (K): itself, where it depends on none.

        The temperature is that which the chain keeps; it is a constant of the chain.
        """
        return self

    def semigrand(self, chemical_potential: float, stiffness: float) -> "Move":
        """Return the move of a chain on E − μ n + κ n²/N; itself, where it depends on neither.

        chemical_potential: μ, eV per ion. stiffness: κ, eV per redox site.
        """
        return self

    @classmethod
    def is_called(cls, name: str) -> bool:
        """Say whether a config means this move by the name; for moves that come in several sizes
        the size is part of it.
        """
        return name == cls.name

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build the move for a lattice, called by this name in a config.

        Raises InputError where it could never apply there.
        """
        raise InputError(f"sampling.moves.{name} cannot be built: it does not define from_sites.")

    @abstractmethod
    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Propose a change, or None where the move cannot apply from here."""

    @abstractmethod
    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether the move can propose anything from this occupancy."""

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate what `propose` may return from here, with probabilities.

        The probabilities add up to 1, or to less where `propose` may return None. Optional: exact
        tests of detailed balance use it, and check `propose` against it by sampling.
        """
        raise NotImplementedError(f"{type(self).__name__} does not enumerate its proposals")

    def __repr__(self) -> str:
        return f"<move {self.name}>"


def pick(candidates: NDArray[np.intp], rng: np.random.Generator) -> int:
    """Draw one of the candidates, uniformly. Raises ValueError where there is none."""
    return int(candidates[rng.integers(len(candidates))])
