"""The Metropolis-Hastings decision, as a pure function."""

import math

import numpy as np


def metropolis_accept(log_ratio: float, rng: np.random.Generator) -> bool:
    """Decide whether a proposed state is accepted, with probability min(1, exp(log_ratio)).

    log_ratio: ln[π(j) g(j→i) / (π(i) g(i→j))], dimensionless; for Metropolis on energies
    −(E_j − E_i)/(k_B T) plus the move's log a-priori ratio. −inf and NaN never accept (an energy
    that is not a number is a rejection, not an error), +inf always does.

    Exactly one random number is drawn whatever the ratio, so that the stream of a chain depends on
    the number of its steps alone.

    Source: Hastings, Biometrika 57, 97 (1970).
    """
    draw = rng.random()
    if log_ratio >= 0.0:
        return True
    return draw < math.exp(log_ratio)  # NaN: exp(NaN) is NaN and the comparison is False
