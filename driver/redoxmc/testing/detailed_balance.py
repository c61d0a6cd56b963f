"""The comparisons behind redoxmc.testing: flows between states, proposals, and their statistics."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, chisquare

from redoxmc.moves.base import Move, Occupancy, Proposal
from redoxmc.thermo.entropy import boltzmann_probabilities
from redoxmc.units import KB

_NOTHING = (-1, 0.0)  # the outcome of a proposal that is None


def check_exactly(
    move: Move,
    states: Sequence[Occupancy],
    index: dict[bytes, int],
    energies: NDArray[np.float64],
    temperature: float,
    proposed: list[list[tuple[Proposal, float]]],
) -> NDArray[np.float64]:
    """Compare the flows between all pairs of states; returns the matrix T without its diagonal."""
    n = len(states)
    transition = np.zeros((n, n))
    for i, state in enumerate(states):
        total = math.fsum(p for _, p in proposed[i])
        assert total <= 1.0 + 1e-9, (
            f"move {move.name}: the probabilities of its proposals from {state.tolist()}"
            f" add up to {total}"
        )
        for proposal, p in proposed[i]:
            j = find_state(index, proposal.apply(state), move.name)
            if i != j:
                log_ratio = proposal.log_apriori_ratio
                log_ratio -= (energies[j] - energies[i]) / (KB * temperature)
                transition[i, j] += p * math.exp(min(0.0, log_ratio))
    weight = boltzmann_probabilities(energies, np.ones(n), temperature)
    flow = weight[:, None] * transition
    worst = np.abs(flow - flow.T) / np.maximum(np.maximum(flow, flow.T), 1e-300)
    i, j = divmod(int(np.argmax(worst)), n)
    assert worst[i, j] <= 1e-9, (
        f"move {move.name} breaks detailed balance: from {states[i].tolist()}"
        f" to {states[j].tolist()} flows {flow[i, j]:.6g} and back {flow[j, i]:.6g}"
    )
    return transition


def check_propose(
    move: Move,
    states: Sequence[Occupancy],
    index: dict[bytes, int],
    proposed: list[list[tuple[Proposal, float]]],
    rng: np.random.Generator,
    samples: int,
    false_alarm: float,
) -> None:
    """Compare what `propose` draws with what `proposals` lists, state by state."""
    chosen = rng.permutation(len(states))[:50]
    for i in map(int, chosen):
        expected: defaultdict[tuple[int, float], float] = defaultdict(float)
        for proposal, p in proposed[i]:
            expected[_outcome(proposal, states[i], index, move.name)] += p
        expected[_NOTHING] = 1.0 - math.fsum(expected.values())
        drawn = Counter(_draw(move, states[i], index, rng) for _ in range(samples))
        unlisted = [key for key in drawn if expected[key] <= 1e-12]
        assert not unlisted, (
            f"move {move.name}: propose draws from {states[i].tolist()}"
            " what proposals does not list"
        )
        keys = [key for key, p in expected.items() if p > 1e-12]
        counts = np.array([drawn[key] for key in keys], dtype=np.float64)
        p_value = chi_square(counts, samples * np.array([expected[key] for key in keys]))
        assert p_value >= false_alarm / len(chosen), (
            f"move {move.name}: propose does not follow its proposals from {states[i].tolist()}:"
            f" chi-square p = {p_value:.2g} for {samples} draws"
        )


def check_by_sampling(
    move: Move,
    states: Sequence[Occupancy],
    index: dict[bytes, int],
    rng: np.random.Generator,
    samples: int,
    false_alarm: float,
) -> NDArray[np.float64]:
    """Compare numbers of opposite changes with their a-priori ratios; returns the links seen."""
    drawn: Counter[tuple[int, int, float]] = Counter()
    for i, state in enumerate(states):
        for _ in range(samples):
            j, ratio = _draw(move, state, index, rng)
            if j not in (-1, i):
                drawn[i, j, ratio] += 1
    pairs = {(i, j, r) if i < j else (j, i, -r) for i, j, r in drawn}
    links = np.zeros((len(states), len(states)))
    for i, j, ratio in pairs:
        there, back = drawn[i, j, ratio], drawn[j, i, -ratio]
        links[i, j] = links[j, i] = 1.0
        share = 1.0 / (1.0 + math.exp(ratio))  # g(i→j) / [g(i→j) + g(j→i)]
        p_value = binomtest(there, there + back, share).pvalue
        assert p_value >= false_alarm / len(pairs), (
            f"move {move.name} breaks detailed balance: from {states[i].tolist()} to"
            f" {states[j].tolist()} with log a-priori ratio {ratio:.4g} it was drawn {there} times"
            f" and back {back} times in {samples} draws each (binomial p = {p_value:.2g})"
        )
    return links


def _draw(
    move: Move, state: Occupancy, index: dict[bytes, int], rng: np.random.Generator
) -> tuple[int, float]:
    before = state.copy()
    proposal = move.propose(state, rng)
    assert np.array_equal(before, state), f"move {move.name} modifies the occupancy it is given"
    return _NOTHING if proposal is None else _outcome(proposal, state, index, move.name)


def _outcome(
    proposal: Proposal, state: Occupancy, index: dict[bytes, int], name: str
) -> tuple[int, float]:
    """Name the state a proposal leads to and its log ratio, rounded; −0 is 0."""
    return find_state(index, proposal.apply(state), name), round(
        proposal.log_apriori_ratio, 9
    ) + 0.0


def chi_square(counts: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Return the p-value, the rarest outcomes pooled until 5 are expected in each."""
    order = np.argsort(expected)
    groups: list[list[float]] = [[0.0, 0.0]]
    for count, expectation in zip(counts[order], expected[order], strict=True):
        if groups[-1][1] >= 5.0:
            groups.append([0.0, 0.0])
        groups[-1][0] += count
        groups[-1][1] += expectation
    if len(groups) > 1 and groups[-1][1] < 5.0:
        last = groups.pop()
        groups[-1] = [groups[-1][0] + last[0], groups[-1][1] + last[1]]
    if len(groups) < 2:
        return 1.0
    observed, wanted = np.array(groups).T
    return float(chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue)


def index_states(states: Sequence[Occupancy]) -> dict[bytes, int]:
    """Number the states; ValueError where one is listed twice, or none."""
    index = {np.asarray(state, dtype=np.int8).tobytes(): n for n, state in enumerate(states)}
    if len(index) != len(states) or not len(states):
        raise ValueError("states lists every occupancy of the state space exactly once")
    return index


def find_state(index: dict[bytes, int], occupancy: Occupancy, name: str) -> int:
    """Return the number of a state; AssertionError, naming the culprit, where it is not listed."""
    number = index.get(np.asarray(occupancy, dtype=np.int8).tobytes())
    assert number is not None, f"{name} leaves the state space: it leads to {occupancy.tolist()}"
    return number
