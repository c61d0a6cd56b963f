"""The checks of redoxmc.testing: each raises AssertionError with a sentence on what was found."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from redoxmc.moves.base import Move, Occupancy
from redoxmc.sampling.acceptance import metropolis_accept
from redoxmc.testing.detailed_balance import (
    check_by_sampling,
    check_exactly,
    check_propose,
    chi_square,
    find_state,
    index_states,
)
from redoxmc.thermo.entropy import boltzmann_probabilities
from redoxmc.units import KB

Energy = Callable[[Occupancy], float]
Step = Callable[[Occupancy, np.random.Generator], Occupancy]


def assert_detailed_balance(
    move: Move,
    energy: Energy,
    temperature: float,
    states: Sequence[Occupancy],
    *,
    ergodic: bool = True,
    samples: int = 400,
    seed: int = 0,
    false_alarm: float = 1e-6,
) -> None:
    """Check T(i→j) π(i) = T(j→i) π(j) for all pairs of states, with Metropolis acceptance.

    energy: of an occupancy in eV; for another ensemble, the potential whose Boltzmann distribution
    is the target (E − μ n_ions for the semigrand one). temperature: K. states: the whole state
    space, every occupancy once. ergodic: also check that the move connects all states; switch it
    off for a move that is meant to be mixed with others.

    Where the move enumerates its proposals the check is exact (to 1e-9 of the flow), and `propose`
    is then tested to draw them with the stated probabilities (chi-square on `samples` draws from
    each of up to 50 states). Where it does not, T is estimated: `samples` draws from every state,
    and each pair of opposite changes must occur in the proportion that their log a-priori ratios
    state (exact binomial test). Both tests share the false-alarm rate out over all comparisons
    (Bonferroni), so that a correct move fails with a probability below false_alarm, with fixed
    seeds always or never.
    """
    index = index_states(states)
    energies = np.array([energy(state) for state in states])
    rng = np.random.default_rng(seed)
    try:
        proposed = [list(move.proposals(state)) for state in states]
    except NotImplementedError:
        links = check_by_sampling(move, states, index, rng, samples, false_alarm)
    else:
        links = check_exactly(move, states, index, energies, temperature, proposed)
        check_propose(move, states, index, proposed, rng, samples, false_alarm)
    if ergodic:
        pieces, _ = connected_components(csr_matrix(links), directed=False)
        assert pieces == 1, (
            f"move {move.name} does not connect the states: they fall into {pieces} sets"
        )


def assert_boltzmann_sampling(
    move: Move | Step,
    energy: Energy,
    temperature: float,
    states: Sequence[Occupancy],
    *,
    chains: int = 2000,
    steps: int = 30,
    seed: int = 0,
    false_alarm: float = 1e-6,
) -> None:
    """Check by sampling that a move, or a whole sampler, leaves the Boltzmann distribution as it
    is.

    move: a Move, run with Metropolis acceptance; or a function (occupancy, rng) → occupancy that
    makes one step of any sampler of one's own. energy, temperature, states: as in
    assert_detailed_balance.

    `chains` independent chains start in states drawn from the exact distribution and make `steps`
    steps each. Their last states are then exactly distributed samples, with no autocorrelation to
    estimate: a chi-square test against the exact probabilities fails a correct sampler with
    probability false_alarm. A wrong one drifts away from the start and fails the better, the more
    steps it makes. (That all states are reached is for assert_detailed_balance.)
    """
    index = index_states(states)
    energies = np.array([energy(state) for state in states])
    exact = boltzmann_probabilities(energies, np.ones(len(states)), temperature)
    rng = np.random.default_rng(seed)
    name = move.name if isinstance(move, Move) else getattr(move, "__name__", "sampler")
    counts = np.zeros(len(states))
    for start in rng.choice(len(states), size=chains, p=exact):
        current = int(start)
        for _ in range(steps):
            if isinstance(move, Move):
                current = _metropolis(move, states, index, energies, temperature, current, rng)
            else:
                current = find_state(index, move(states[current].copy(), rng), name)
        counts[current] += 1
    p = chi_square(counts, exact * chains)
    assert p >= false_alarm, (
        f"{name} does not sample the Boltzmann distribution at {temperature:g} K:"
        f" chi-square p = {p:.2g} for {chains} chains of {steps} steps over {len(states)} states"
    )


def _metropolis(
    move: Move,
    states: Sequence[Occupancy],
    index: dict[bytes, int],
    energies: NDArray[np.float64],
    temperature: float,
    current: int,
    rng: np.random.Generator,
) -> int:
    proposal = move.propose(states[current], rng)
    if proposal is None:
        return current
    trial = find_state(index, proposal.apply(states[current]), move.name)
    log_ratio = -(energies[trial] - energies[current]) / (KB * temperature)
    return trial if metropolis_accept(log_ratio + proposal.log_apriori_ratio, rng) else current


def assert_model_consistent(model: Path, structure: Any = None) -> None:
    """Check a model folder: LAMMPS against Python, finite differences, ranks, charge, symmetry.

    model: a folder with card.toml and model.pt (or a classical potential). structure: ASE Atoms
    with the column `charge_state`; without it the model's own example. The checks and their limits
    are those of `redoxmc check` (models/check.py). Raises AssertionError listing what failed and by
    how much, InputError for a broken folder.
    """
    from redoxmc.models.check import check_model  # LAMMPS and torch only where a model is checked

    failed = [check for check in check_model(model, structure) if not check.passed]
    findings = "; ".join(f"{c.name} is {c.value:.3g}, limit {c.limit:.3g}" for c in failed)
    assert not failed, f"model {model} is not consistent: {findings}"
