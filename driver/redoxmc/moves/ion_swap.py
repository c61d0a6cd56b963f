"""Ion-vacancy swap: a working ion moves to any vacant ion site."""

from typing import Self

from redoxmc.moves.pair_exchange import PairExchange
from redoxmc.moves.sites import Sites, require


class IonSwap(PairExchange):
    """Move a uniformly drawn ion to a uniformly drawn vacant ion site.

    Symmetric (see PairExchange) and ergodic: it connects all ion orders of one x.
    """

    name = "ion_swap"
    changes_ions = True
    obstacle = "it changes no charge"

    def __init__(self, n_redox: int, n_ion: int) -> None:
        super().__init__(n_redox, n_redox + n_ion)

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build it; InputError for a single ion site."""
        require(name, "two ion sites", sites.n_ion, 2)
        return cls(sites.n_redox, sites.n_ion)
