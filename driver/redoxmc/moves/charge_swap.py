"""Charge swap: a reduced and an oxidised ion, any distance apart, exchange their charge states."""

from typing import Self

from redoxmc.moves.pair_exchange import PairExchange
from redoxmc.moves.sites import Sites, require, require_one_couple


class ChargeSwap(PairExchange):
    """Exchange the charge states of a uniformly drawn reduced/oxidised pair.

    Symmetric (see PairExchange) and ergodic: pair exchanges connect all charge orders of one x.
    """

    name = "charge_swap"
    connects_all = True

    def __init__(self, n_redox: int) -> None:
        super().__init__(0, n_redox)

    @classmethod
    def from_sites(cls, name: str, sites: Sites) -> Self:
        """Build it; InputError for a single redox site."""
        require_one_couple(name, sites)
        require(name, "two redox sites", sites.n_redox, 2)
        return cls(sites.n_redox)
