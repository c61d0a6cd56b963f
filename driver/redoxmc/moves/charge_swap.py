"""Charge swap: a reduced and an oxidised ion, any distance apart, exchange their charge states."""

from redoxmc.moves.pair_exchange import PairExchange


class ChargeSwap(PairExchange):
    """Exchange the charge states of a uniformly drawn reduced/oxidised pair.

    Symmetric (see PairExchange) and ergodic: pair exchanges connect all charge orders of one x.
    """

    name = "charge_swap"

    def __init__(self, n_redox: int) -> None:
        super().__init__(0, n_redox)
