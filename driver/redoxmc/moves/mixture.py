"""Weighted mixtures of moves, and how the config's weights become one."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from redoxmc.errors import InputError
from redoxmc.moves.base import Move, Occupancy, Proposal
from redoxmc.moves.catalogue import Sites, check_name, make_move
from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.insertion import InsertionRemoval
from redoxmc.moves.ion_charge_swap import IonChargeSwap
from redoxmc.moves.ion_swap import IonSwap
from redoxmc.moves.multi_swap import MultiSwap
from redoxmc.moves.neighbour_swap import NeighbourSwap


class WeightedMixture(Move):
    """Draws one of its moves with fixed probabilities and lets it propose.

    Each move obeys detailed balance with respect to the same distribution by itself, so any mixture
    with fixed probabilities does. Where the drawn move cannot apply the step is a rejection (None):
    drawing another would make the probabilities depend on the state.

    moves: as given. probabilities: of each move, adding up to 1.
    """

    name = "mixture"

    def __init__(self, moves: Sequence[Move], weights: Sequence[float]) -> None:
        if not moves or len(moves) != len(weights):
            raise ValueError(
                f"a mixture needs one weight per move, got {len(moves)}, {len(weights)}"
            )
        if any(not math.isfinite(w) or w <= 0.0 for w in weights):
            raise ValueError(f"the weights of a mixture are positive numbers, got {list(weights)}")
        total = math.fsum(weights)
        self.moves = tuple(moves)
        self.probabilities = tuple(w / total for w in weights)
        self._cumulative = np.cumsum(self.probabilities)

    @property
    def moves_ions(self) -> bool:
        """Whether one of its moves changes the ion order."""
        return any(isinstance(m, IonSwap | IonChargeSwap | InsertionRemoval) for m in self.moves)

    def at_fixed_count(self) -> Move | None:
        """The same without moves that change the number of ions; None where none is left."""
        kept = [
            (move, p)
            for move, p in zip(self.moves, self.probabilities, strict=True)
            if not isinstance(move, InsertionRemoval)
        ]
        return WeightedMixture(*zip(*kept, strict=True)) if kept else None

    def choose(self, rng: np.random.Generator) -> Move:
        """Draw a move (one random number), for a chain that keeps statistics for each."""
        index = int(np.searchsorted(self._cumulative, rng.random(), side="right"))
        return self.moves[min(index, len(self.moves) - 1)]  # the sum may round to below 1

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Draw a move and let it propose."""
        return self.choose(rng).propose(occupancy, rng)

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether any of the moves can propose something from here."""
        return any(move.applies(occupancy) for move in self.moves)

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate the proposals of all moves; one change may come from several of them."""
        for move, probability in zip(self.moves, self.probabilities, strict=True):
            for proposal, p in move.proposals(occupancy):
                yield proposal, probability * p


def build_moves(
    weights: Mapping[str, float],
    n_redox: int,
    n_ion: int,
    *,
    redox_pairs: NDArray[np.int64] | None = None,
    ion_pairs: NDArray[np.int64] | None = None,
    electrons: int = 1,
    semigrand: bool = False,
) -> WeightedMixture:
    """Build the mixture that `[sampling.moves]` of a config asks for.

    weights: relative weight by name of the move (see catalogue.py); 0 leaves the move out. The
    other arguments are those of catalogue.Sites: numbers of redox and ion sites, the neighbour
    pairs that neighbour_swap and ion_charge_swap need (first shells of
    structures.neighbours.neighbour_shells), electrons per ion, and whether x may change.

    Raises InputError for an unknown name, a weight that is not a number ≥ 0, no move at all, a
    move that cannot apply on such a lattice, and moves that leave charge orders out of reach.
    """
    sites = Sites(n_redox, n_ion, redox_pairs, ion_pairs, electrons, semigrand)
    for name, weight in weights.items():
        check_name(name)
        if not math.isfinite(weight) or weight < 0.0:
            raise InputError(
                f"sampling.moves.{name} is {weight}; a relative weight is a number of at least 0."
            )
    wanted = {name: weight for name, weight in weights.items() if weight > 0.0}
    if not wanted:
        raise InputError(
            "sampling.moves gives no move a positive weight; write for example charge_swap = 1.0."
        )
    moves = [make_move(name, sites) for name in wanted]
    _refuse_unconnected(moves)
    return WeightedMixture(moves, list(wanted.values()))


def _refuse_unconnected(moves: Sequence[Move]) -> None:
    """Raise InputError where no move of the mixture can reach all charge orders by itself."""
    if any(_reaches_all(move) for move in moves):
        return
    for move in moves:
        reason = "it changes charges together with ions only"
        if isinstance(move, MultiSwap):
            reason = "it cannot make small changes"
        elif isinstance(move, NeighbourSwap):
            reason = "the neighbour pairs leave the redox sites in separate groups"
        elif isinstance(move, IonSwap):
            reason = "it changes no charge"
        raise InputError(
            f"sampling.moves.{move.name} without charge_swap cannot reach all charge orders:"
            f" {reason}; add charge_swap with a small weight."
        )


def _reaches_all(move: Move) -> bool:
    if isinstance(move, MultiSwap):
        return move.k == 1
    if isinstance(move, NeighbourSwap):
        return move.connected
    return isinstance(move, ChargeSwap | InsertionRemoval)


def refuse_idle_moves(mixture: WeightedMixture, starts: Iterable[Occupancy]) -> None:
    """Raise InputError where a move of the mixture applies to none of the starting occupancies.

    starts: one per concentration of the campaign. A charge swap has nothing to do at x = 0 and x =
    1, which is right there, and wrong only where the campaign has no other x.
    """
    occupancies = list(starts)
    for move in mixture.moves:
        if not any(move.applies(occupancy) for occupancy in occupancies):
            raise InputError(
                f"sampling.moves.{move.name} can never apply: no concentration of the campaign"
                " leaves it two unlike sites; leave it out or change ions.concentrations."
            )
