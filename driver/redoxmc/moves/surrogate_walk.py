"""Surrogate walk: a short Monte Carlo run on a cheap energy proposes its end."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from redoxmc.moves.base import Move, Occupancy, Proposal
from redoxmc.moves.cluster_model import ClusterModel
from redoxmc.units import KB

SWEEPS = (0.5, 2.0, 8.0, 32.0)  # attempted exchanges of a walk by site, that chains choose from


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

    With an insertion a step of the walk draws it with the probability of a sublattice, and accepts
    it with min(1, r exp(−ΔU_s/kT)), r its a-priori ratio and U_s = E_s − μ n + κ n²/N with the
    surrogate of each number of ions n (N redox sites). All of the above then holds for π_s ∝
    exp(−U_s/kT) on all n that have a surrogate, and μ and κ leave the last step, where they are the
    chain's.

    Source: delayed acceptance (Christen & Fox 2005), as used in self-learning Monte Carlo (Liu et
    al., Phys. Rev. B 95, 041101 (2017)).

    n_redox: number of redox sites.
    models: the surrogate by number of ions; where there is none the walk proposes nothing.
    moves_ions: whether ions walk, too.
    temperature: of the walk, K; any is right, that of the chain is accepted most often.
    sweeps: attempted exchanges of a walk by site that may change.
    lengths: attempted exchanges of a walk, of which one number is drawn; by sweeps where empty.
    insertion: the move that changes the number of ions in a walk; without it walks keep it.
    chemical_potential, stiffness: μ (eV per ion) and κ (eV per redox site) of its steps.
    """

    n_redox: int
    models: Mapping[int, ClusterModel]
    moves_ions: bool
    temperature: float = math.inf
    sweeps: float = SWEEPS[-1]
    lengths: tuple[int, ...] = ()
    insertion: Move | None = None
    chemical_potential: float = 0.0
    stiffness: float = 0.0
    name: str = "surrogate_walk"
    _kernels: dict[bytes, tuple[list[Occupancy], NDArray[np.float64]]] = field(
        default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        self.changes_ions = self.moves_ions
        self.changes_count = self.insertion is not None
        self._beta = 1 / (KB * self.temperature)

    def at(self, temperature: float) -> "SurrogateWalk":
        """Return the walk of a chain at this temperature (K)."""
        return replace(self, temperature=temperature, _kernels={})

    def semigrand(self, chemical_potential: float, stiffness: float) -> "SurrogateWalk":
        """Return the walk of a semigrand chain."""
        return replace(
            self, chemical_potential=chemical_potential, stiffness=stiffness, _kernels={}
        )

    def propose(self, occupancy: Occupancy, rng: np.random.Generator) -> Proposal | None:
        """Walk; None where the walk ends where it began, or has nowhere to go."""
        model = self._model(occupancy)
        if model is None or not self.applies(occupancy):
            return None
        end = self._walk(model, occupancy, int(rng.choice(self._lengths(occupancy))), rng)
        return self._proposal(occupancy, end)

    def applies(self, occupancy: Occupancy) -> bool:
        """Say whether there is a surrogate for it, and an unlike pair or something to insert."""
        if self._model(occupancy) is None:
            return False
        if self.insertion is not None and self.insertion.applies(occupancy):
            return True
        return any(0 < occupancy[part].sum() < len(occupancy[part]) for part in self._parts)

    def proposals(self, occupancy: Occupancy) -> Iterator[tuple[Proposal, float]]:
        """Enumerate the ends with their probabilities; for spaces of some hundred states."""
        model = self._model(occupancy)
        if model is None or not self.applies(occupancy):
            return
        states, kernel = self._kernel(occupancy)
        start = next(n for n, state in enumerate(states) if np.array_equal(state, occupancy))
        for end, probability in zip(states, kernel[start], strict=True):
            proposal = self._proposal(occupancy, end)
            if proposal is not None and probability > 0.0:
                yield proposal, float(probability)

    def _lengths(self, occupancy: Occupancy) -> tuple[int, ...]:
        sites = sum(len(occupancy[part]) for part in self._parts)
        return self.lengths or (max(1, round(self.sweeps * sites)),)

    @property
    def _parts(self) -> list[slice]:
        """The sublattices that change, as parts of an occupancy."""
        parts = [slice(0, self.n_redox), slice(self.n_redox, None)]
        return parts if self.moves_ions else parts[:1]

    def _model(self, occupancy: Occupancy) -> ClusterModel | None:
        return self.models.get(int(occupancy[self.n_redox :].sum()))

    def _energy(self, occupancy: Occupancy) -> float:
        """U_s, eV; infinite where there is no surrogate."""
        model, n = self._model(occupancy), int(occupancy[self.n_redox :].sum())
        if model is None:
            return math.inf
        bias = self.stiffness * n * n / self.n_redox - self.chemical_potential * n
        return model.energy(occupancy) + bias

    def _proposal(self, start: Occupancy, end: Occupancy) -> Proposal | None:
        changed = np.flatnonzero(start != end)
        if not len(changed):
            return None
        gained = self._energy(end) - self._energy(start)
        return Proposal(tuple((int(n), int(end[n])) for n in changed), self._beta * gained)

    def _walk(
        self, model: ClusterModel, start: Occupancy, steps: int, rng: np.random.Generator
    ) -> Occupancy:
        occupancy, sites = start.copy(), self._sites(start)
        own, pair = model.field(start), model.pairs(start)
        kinds = len(sites) + (self.insertion is not None)
        draws = rng.random((steps, 4)).tolist()
        for first, second, third, fourth in draws:
            kind = int(first * kinds)
            if kind == len(sites):
                trial = self._inserted(occupancy, fourth, rng)
                if trial is not None:
                    occupancy, model = trial, self.models[int(trial[self.n_redox :].sum())]
                    own, pair = model.field(trial), model.pairs(trial)
                    sites = self._sites(trial)
                continue
            ones, zeros = sites[kind]
            if not ones or not zeros:
                continue
            a, b = int(second * len(ones)), int(third * len(zeros))
            one, zero = ones[a], zeros[b]
            change = own[zero] - own[one] - pair[one, zero]
            if change <= 0.0 or fourth < math.exp(-self._beta * change):
                occupancy[one], occupancy[zero] = 0, 1
                ones[a], zeros[b] = zero, one
                own -= pair[one]
                if model.tensor is not None:
                    pair += model.tensor[zero] - model.tensor[one]
                own += pair[zero]
        return occupancy

    def _sites(self, occupancy: Occupancy) -> list[tuple[list[int], list[int]]]:
        """Of each sublattice the sites of value 1 and those of value 0."""
        sites = []
        for part in self._parts:
            numbers = np.arange(len(occupancy))[part]
            ones = occupancy[part] == 1
            sites.append((numbers[ones].tolist(), numbers[~ones].tolist()))
        return sites

    def _inserted(
        self, occupancy: Occupancy, uniform: float, rng: np.random.Generator
    ) -> Occupancy | None:
        """The occupancy after an insertion or removal that is accepted; None where none is."""
        proposal = self.insertion.propose(occupancy, rng) if self.insertion else None
        if proposal is None:
            return None
        trial = proposal.apply(occupancy)
        change = self._energy(trial) - self._energy(occupancy)
        log_ratio = proposal.log_apriori_ratio - self._beta * change
        return trial if uniform < math.exp(min(0.0, log_ratio)) else None

    def _kernel(self, start: Occupancy) -> tuple[list[Occupancy], NDArray[np.float64]]:
        """The states that can be reached, and the mean of P^m over the lengths."""
        states, links = self._reachable(start)
        key = b"".join(sorted(state.tobytes() for state in states))
        if key not in self._kernels:
            energies = np.array([self._energy(state) for state in states])
            step = np.zeros((len(states), len(states)))
            for i, j, probability, ratio in links:
                log_ratio = ratio - self._beta * (energies[j] - energies[i])
                step[i, j] += probability * math.exp(min(0.0, log_ratio))
            step += np.diag(1.0 - step.sum(axis=1))
            powers = [np.linalg.matrix_power(step, m) for m in self._lengths(start)]
            self._kernels[key] = states, np.mean(powers, axis=0)
        return self._kernels[key]

    def _reachable(
        self, start: Occupancy
    ) -> tuple[list[Occupancy], list[tuple[int, int, float, float]]]:
        """All states that steps reach, and those that one step proposes from each.

        A link has the numbers of both, its probability and its log a-priori ratio.
        """
        states, index = [start.copy()], {start.tobytes(): 0}
        links, parts = [], self._parts
        kinds = len(parts) + (self.insertion is not None)
        for i, state in enumerate(states):  # grows on the way
            for proposal, p in self.insertion.proposals(state) if self.insertion else ():
                end = proposal.apply(state)
                if self._model(end) is None:
                    continue
                if end.tobytes() not in index:
                    index[end.tobytes()] = len(states)
                    states.append(end)
                links.append((i, index[end.tobytes()], p / kinds, proposal.log_apriori_ratio))
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
                        share = 1.0 / (kinds * len(ones) * len(zeros))
                        links.append((i, index[end.tobytes()], share, 0.0))
        return states, links
