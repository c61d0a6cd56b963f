"""Surrogate walk: a short Monte Carlo run on a cheap energy proposes its end."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from redoxmc.moves.base import Move, Occupancy, Proposal
from redoxmc.moves.pair_model import PairModel
from redoxmc.units import KB

SWEEPS = (0.5, 2.0, 8.0, 32.0)  # attempted exchanges of a walk by site; one of them is drawn


@dataclass(repr=False)
class SurrogateWalk(Move):
    """Exchange unlike pairs again and again, accepted on a surrogate's energy E_s; propose the end.

    A step of the walk draws a sublattice (charges, or ions where they are sampled), a site of value
    1 and one of value 0 on it, and exchanges them with min(1, exp(-ΔE_s/kT)). That kernel P is
    reversible for π_s ∝ exp(-E_s/kT), so are its powers P^m, and so is a mixture of them over
    lengths m drawn with fixed probabilities. Hence g(i→j) π_s(i) = g(j→i) π_s(j) for the total
    probability g of arriving at j, and the log a-priori ratio is [E_s(j) − E_s(i)]/kT: the chain
    accepts with min(1, exp(−Δ(E − E_s)/kT)). That is exact for any E_s that stays as it is while
    the chain is sampled; a bad one is refused often, and samples the same distribution.

    A walk that ends where it began proposes nothing.

    Source: delayed acceptance (Christen & Fox 2005), as used in self-learning Monte Carlo (Liu et
    al., Phys. Rev. B 95, 041101 (2017)).

    n_redox: number of redox sites.
    models: the surrogate by number of ions; where there is none the walk proposes nothing.
    moves_ions: whether ions walk, too.
    temperature: of the walk, K; any is right, that of the chain is accepted most often.
    lengths: attempted exchanges of a walk, of which one number is drawn; SWEEPS where empty.
    """

    n_redox: int
    models: Mapping[int, PairModel]
    moves_ions: bool
    temperature: float = math.inf
    lengths: tuple[int, ...] = ()
    name: str = "surrogate_walk"
    _kernels: dict[bytes, tuple[list[Occupancy], NDArray[np.float64]]] = field(
        default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        self.changes_ions = self.moves_ions
        self._beta = 1 / (KB * self.temperature)

    def at(self, temperature: float) -> "SurrogateWalk":
        """Return the walk of a chain at this temperature (K)."""
        return replace(self, temperature=temperature, _kernels={})

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Walk; None where the walk ends where it began, or has nowhere to go."""
        model = self._model(occupancy)
        if model is None or not self.applies(occupancy):
            return None
        end = self._walk(model, occupancy, int(rng.choice(self._lengths(occupancy))), rng)
        return self._proposal(model, occupancy, end)

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether there is a surrogate for it, and an unlike pair on a sublattice."""
        if self._model(occupancy) is None:
            return False
        return any(0 < occupancy[part].sum() < len(occupancy[part]) for part in self._parts)

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate the ends with their probabilities; for spaces of some hundred states."""
        model = self._model(occupancy)
        if model is None or not self.applies(occupancy):
            return
        states, kernel = self._kernel(model, occupancy)
        start = next(n for n, state in enumerate(states) if np.array_equal(state, occupancy))
        for end, probability in zip(states, kernel[start], strict=True):
            proposal = self._proposal(model, occupancy, end)
            if proposal is not None and probability > 0.0:
                yield proposal, float(probability)

    def _lengths(self, occupancy: Occupancy) -> tuple[int, ...]:
        sites = sum(len(occupancy[part]) for part in self._parts)
        return self.lengths or tuple(max(1, round(sweeps * sites)) for sweeps in SWEEPS)

    @property
    def _parts(self) -> list[slice]:
        """The sublattices that change, as parts of an occupancy."""
        parts = [slice(0, self.n_redox), slice(self.n_redox, None)]
        return parts if self.moves_ions else parts[:1]

    def _model(self, occupancy: Occupancy) -> PairModel | None:
        return self.models.get(int(occupancy[self.n_redox :].sum()))

    def _proposal(self, model: PairModel, start: Occupancy, end: Occupancy) -> Proposal | None:
        changed = np.flatnonzero(start != end)
        if not len(changed):
            return None
        gained = model.energy(end) - model.energy(start)
        return Proposal(tuple((int(n), int(end[n])) for n in changed), self._beta * gained)

    def _walk(
        self, model: PairModel, start: Occupancy, steps: int, rng: np.random.Generator
    ) -> Occupancy:
        occupancy, own = start.copy(), model.field(start)
        sites = []  # of each sublattice: those of value 1, those of value 0
        for part in self._parts:
            numbers = np.arange(len(start))[part]
            ones = occupancy[part] == 1
            sites.append((numbers[ones].tolist(), numbers[~ones].tolist()))
        draws = rng.random((steps, 4)).tolist()
        for first, second, third, fourth in draws:
            ones, zeros = sites[int(first * len(sites))]
            if not ones or not zeros:
                continue
            a, b = int(second * len(ones)), int(third * len(zeros))
            one, zero = ones[a], zeros[b]
            change = own[zero] - own[one] - model.pair[one, zero]
            if change <= 0.0 or fourth < math.exp(-self._beta * change):
                occupancy[one], occupancy[zero] = 0, 1
                ones[a], zeros[b] = zero, one
                own += model.pair[zero] - model.pair[one]
        return occupancy

    def _kernel(
        self, model: PairModel, start: Occupancy
    ) -> tuple[list[Occupancy], NDArray[np.float64]]:
        """The states that can be reached, and the mean of P^m over the lengths."""
        states, links = self._reachable(start)
        key = b"".join(sorted(state.tobytes() for state in states))
        if key not in self._kernels:
            energies = np.array([model.energy(state) for state in states])
            step = np.zeros((len(states), len(states)))
            for i, j, probability in links:
                change = energies[j] - energies[i]
                step[i, j] += probability * min(1.0, math.exp(min(0.0, -self._beta * change)))
            step += np.diag(1.0 - step.sum(axis=1))
            powers = [np.linalg.matrix_power(step, m) for m in self._lengths(start)]
            self._kernels[key] = states, np.mean(powers, axis=0)
        return self._kernels[key]

    def _reachable(self, start: Occupancy) -> tuple[list[Occupancy], list[tuple[int, int, float]]]:
        """All states that exchanges reach, and those that one step proposes from each."""
        states, index = [start.copy()], {start.tobytes(): 0}
        links, parts = [], self._parts
        for i, state in enumerate(states):  # grows on the way
            for part in parts:
                numbers = np.arange(len(state))[part]
                ones, zeros = numbers[state[part] == 1], numbers[state[part] == 0]
                for one in ones:
                    for zero in zeros:
                        end = state.copy()
                        end[one], end[zero] = 0, 1
                        if end.tobytes() not in index:
                            index[end.tobytes()] = len(states)
                            states.append(end)
                        share = 1.0 / (len(parts) * len(ones) * len(zeros))
                        links.append((i, index[end.tobytes()], share))
        return states, links
