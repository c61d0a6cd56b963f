"""Ion-vacancy swap: a working ion moves to any vacant ion site."""

from redoxmc.moves.pair_exchange import PairExchange


class IonSwap(PairExchange):
    """Move a uniformly drawn ion to a uniformly drawn vacant ion site.

    Symmetric (see PairExchange) and ergodic: it connects all ion orders of one x.
    """

    name = "ion_swap"

    def __init__(self, n_redox: int, n_ion: int) -> None:
        super().__init__(n_redox, n_redox + n_ion)
