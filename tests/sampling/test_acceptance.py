import math

import numpy as np
import pytest

from redoxmc.sampling.acceptance import metropolis_accept


@pytest.mark.parametrize("ratio", [-math.inf, -800.0, -1.0, 0.0, 3.0, math.inf, math.nan])
def test_draws_exactly_one_number(ratio):
    rng, reference = np.random.default_rng(1), np.random.default_rng(1)
    metropolis_accept(ratio, rng)
    reference.random()
    assert rng.random() == reference.random()


@pytest.mark.parametrize("ratio", [0.0, 1e-300, 5.0, 1e6, math.inf])
def test_downhill_is_always_accepted(ratio):
    rng = np.random.default_rng(2)
    assert all(metropolis_accept(ratio, rng) for _ in range(1000))


@pytest.mark.parametrize("ratio", [math.nan, -math.inf, -1e6])
def test_impossible_is_never_accepted(ratio):
    rng = np.random.default_rng(3)
    assert not any(metropolis_accept(ratio, rng) for _ in range(1000))


@pytest.mark.parametrize("ratio", [-0.1, -1.0, -3.0])
def test_uphill_is_accepted_with_the_boltzmann_probability(ratio):
    # 100,000 draws, 4.9 standard deviations: false alarm 1e-6 (the seed is fixed besides).
    rng, n, p = np.random.default_rng(4), 100_000, math.exp(ratio)
    accepted = sum(metropolis_accept(ratio, rng) for _ in range(n))
    assert abs(accepted - n * p) < 4.9 * math.sqrt(n * p * (1 - p))
