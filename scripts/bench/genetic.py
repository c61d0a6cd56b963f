"""A genetic algorithm over charge orders, of the kind used for ground states of such cells.

Only for comparison with the samplers: see ground_state.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Order = NDArray[np.int8]


def evolve(
    energy: Callable[[Order], float | None],
    n_sites: int,
    n_reduced: int,
    rng: np.random.Generator,
    stop: Callable[[], bool],
    population: int = 200,
    mutation: float = 0.3,
) -> None:
    """Run until stop() is true after an evaluation.

    energy: of a charge order (n_sites,), None where it does not relax. Each generation as many
    children as parents: two parents by tournaments of three, every site from either of them,
    repaired to n_reduced, mutated by one swap in 30 % of cases; the best of parents and children
    together survive, every order once.
    """
    known: dict[bytes, float] = {}
    members: list[Order] = []

    def add(order: Order) -> bool:
        name = order.tobytes()
        if name not in known:
            found = energy(order)
            known[name] = np.inf if found is None else found
            members.append(order)
        return not stop()

    while len(members) < population:
        order = np.zeros(n_sites, dtype=np.int8)
        order[rng.permutation(n_sites)[:n_reduced]] = 1
        if not add(order):
            return
    while True:
        members.sort(key=lambda order: known[order.tobytes()])
        del members[population:]
        parents = list(members)
        for _ in range(population):
            one, two = (parents[int(rng.integers(len(parents), size=3).min())] for _ in range(2))
            child = np.where(rng.random(n_sites) < 0.5, one, two).astype(np.int8)
            _repair(child, n_reduced, rng)
            if rng.random() < mutation:
                i = rng.choice(np.flatnonzero(child == 1))
                j = rng.choice(np.flatnonzero(child == 0))
                child[i], child[j] = 0, 1
            if not add(child):
                return


def _repair(order: Order, n_reduced: int, rng: np.random.Generator) -> None:
    """Flip randomly chosen sites until n_reduced are reduced."""
    excess = int(order.sum()) - n_reduced
    value = 1 if excess > 0 else 0
    chosen = rng.permutation(np.flatnonzero(order == value))[: abs(excess)]
    order[chosen] = 1 - value
