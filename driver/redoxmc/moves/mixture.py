"""Weighted mixtures of moves, and how the config's weights become one."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from redoxmc.errors import InputError
from redoxmc.moves.base import Move, Occupancy, Proposal
from redoxmc.moves.catalogue import make_move
from redoxmc.moves.sites import Sites

_TRIED = 200  # other orders of each concentration before a move counts as idle


class WeightedMixture(Move):
    """Draws one of its moves with fixed probabilities and lets it propose.

    Each move obeys detailed balance with respect to the same distribution by itself, so any mixture
    with fixed probabilities does. Where the drawn move cannot apply the step is a rejection (None):
    drawing another would make the probabilities depend on the state.

    moves: as given.
    probabilities: of each move; they add up to 1.
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
        self.changes_ions = any(move.changes_ions for move in moves)
        self.changes_count = any(move.changes_count for move in moves)
        self._cumulative = np.cumsum(self.probabilities)

    @property
    def connects_all(self) -> bool:
        """Whether one of its moves reaches all charge orders by itself."""
        return any(move.connects_all for move in self.moves)

    def at(
        self, temperature: float, chemical_potential: float | None = None, stiffness: float = 0.0
    ) -> "WeightedMixture":
        """Return the mixture of a chain at a temperature (K), and at a chemical potential (eV)."""
        moves = [move.at(temperature) for move in self.moves]
        if chemical_potential is not None:
            moves = [move.semigrand(chemical_potential, stiffness) for move in moves]
        if all(new is old for new, old in zip(moves, self.moves, strict=True)):
            return self
        return WeightedMixture(moves, self.probabilities)

    def at_fixed_count(self) -> Move | None:
        """The same without moves that change the number of ions; None where none is left."""
        kept = [
            (move, p)
            for move, p in zip(self.moves, self.probabilities, strict=True)
            if not move.changes_count
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


def build_moves(weights: Mapping[str, float], sites: Sites) -> WeightedMixture:
    """Build the mixture that `[sampling.moves]` of a config asks for.

    weights: relative weight by name of the move (see catalogue.find_move); 0 leaves the move out.

    Raises InputError for an unknown name, two moves of one name, a weight that is not a number ≥ 0,
    no move at all, a move that cannot apply on such a lattice, and moves that leave charge orders
    out of reach.
    """
    for name, weight in weights.items():
        if not math.isfinite(weight) or weight < 0.0:
            raise InputError(
                f"sampling.moves.{name} is {weight}; a relative weight is a number of at least 0."
            )
    positive = {name: weight for name, weight in weights.items() if weight > 0.0}
    if not positive:
        raise InputError(
            "sampling.moves gives no move a positive weight; write for example charge_swap = 1.0."
        )
    moves = [make_move(name, sites) for name in positive]
    names = [move.name for move in moves]
    if len(set(names)) != len(names):  # they are counted by name
        raise InputError(f"sampling.moves has two moves of one name, {names}; rename one of them.")
    mixture = WeightedMixture(moves, list(positive.values()))
    if not mixture.connects_all:
        ergodic = "charge_swap" if sites.one_couple else "electron_transfer"
        raise InputError(
            f"sampling.moves.{names[0]} without {ergodic} cannot reach all charge orders:"
            f" {moves[0].obstacle}; add {ergodic} with a small weight."
        )
    return mixture


def refuse_idle_moves(
    mixture: WeightedMixture, n_redox: int, compositions: Sequence[Occupancy]
) -> None:
    """Raise InputError where a move of the mixture never applies in the campaign.

    n_redox: number of redox sites. compositions: an occupancy of each concentration of the
    campaign; where a move does not apply to it, other orders of its charges and ions are tried,
    for whether two unlike sites are neighbours depends on the order. A charge swap has nothing to
    do at x = 0 and x = 1, which is right there, and wrong only where the campaign has no other x.
    """
    for move in mixture.moves:
        rng = np.random.default_rng(0)
        orders = (_shuffled(one, n_redox, rng) for _ in range(_TRIED) for one in compositions)
        if not any(move.applies(occupancy) for occupancy in chain(compositions, orders)):
            raise InputError(
                f"sampling.moves.{move.name} can never apply: no concentration of the campaign"
                " leaves it two unlike sites; leave it out or change ions.concentrations."
            )


def _shuffled(occupancy: Occupancy, n_redox: int, rng: np.random.Generator) -> Occupancy:
    """The same numbers of reduced sites and ions in another order."""
    parts = (rng.permutation(occupancy[:n_redox]), rng.permutation(occupancy[n_redox:]))
    return np.concatenate(parts)
