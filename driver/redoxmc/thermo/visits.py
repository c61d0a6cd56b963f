"""The entropy of a distribution over states, from how often each of them was visited."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from redoxmc.thermo.correlation import effective_samples, standard_error


@dataclass(frozen=True)
class VisitedEntropy:
    """Entropy of the states visited, k_B."""

    value: float
    error: float  # standard error
    # what was added for states that too few samples miss or misjudge. It is known to no better than
    # its own size, so that a large one says that the entropy is not known
    correction: float


def entropy_of_visits(
    chains: Sequence[Sequence[Hashable]], degeneracies: Mapping[Hashable, int] | None = None
) -> VisitedEntropy:
    """Return −Σ p ln(p/g) of the visits of several chains, with the correction of Miller and Madow.

    chains: the state at each step, of chains of the same length and distribution. degeneracies: g
    of each state, where it stands for several of equal probability (else 1). The correction is
    (K − 1)/(2 n) for K states visited and n independent samples; the error is that of the mean of
    −ln(p/g) and the correction together. Both are infinite where a single state was
    visited: that says nothing of others; the error is, where the chains are too short for one
    (see standard_error). Raises ValueError without a step.

    Source: Paninski, Neural Comput. 15, 1191 (2003), section 4.1 (Miller 1955).
    """
    counts = Counter(state for chain in chains for state in chain)
    total = sum(counts.values())
    if not total:
        raise ValueError("no state was visited")
    of = {s: log((degeneracies or {}).get(s, 1)) - log(n / total) for s, n in counts.items()}
    surprise = np.array([[of[state] for state in chain] for chain in chains])
    if len(counts) == 1 or surprise.shape[1] < 4:
        return VisitedEntropy(float(surprise.mean()), np.inf, np.inf)
    # states of equal weight do not show in ln p; whether the most visited one is there, does
    often = counts.most_common(1)[0][0]
    there = np.array([[float(state == often) for state in chain] for chain in chains])
    n = min(effective_samples(series) for series in (surprise, there) if np.ptp(series) > 1e-12)
    correction = (len(counts) - 1) / (2 * n)
    # where all weights are equal there is nothing to scatter
    error = standard_error(surprise) if np.ptp(surprise) > 1e-12 else 0.0
    error = error if np.isfinite(error) else np.inf
    return VisitedEntropy(
        float(surprise.mean()) + correction, float(np.hypot(error, correction)), correction
    )
