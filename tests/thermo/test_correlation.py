import math

import numpy as np
import pytest

from redoxmc.thermo.correlation import (
    effective_samples,
    split_r_hat,
    standard_error,
    statistical_inefficiency,
)


def autoregressive(n, rho, seed, chains=1):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(chains, n))
    x = np.empty((chains, n))
    x[:, 0] = noise[:, 0]
    for t in range(1, n):
        x[:, t] = rho * x[:, t - 1] + math.sqrt(1 - rho**2) * noise[:, t]
    return x if chains > 1 else x[0]


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_autoregressive_chain_is_known(rho):
    exact = 0.5 * (1 + rho) / (1 - rho)
    for chains in (1, 4):
        series = autoregressive(50_000, rho, seed=11, chains=chains)
        assert statistical_inefficiency(series) / 2 == pytest.approx(exact, rel=0.15)
        assert effective_samples(series) == pytest.approx(series.size / (2 * exact), rel=0.15)


def test_standard_errors_are_honest():
    # 1000 chains with true mean 0: a 2-sigma interval covers in 95.4 %; below 92 % or above 98.5 %
    # would happen by chance with probability 1e-6 (binomial).
    chains = autoregressive(2000, 0.8, seed=12, chains=1000)
    covered = sum(abs(c.mean()) < 2 * standard_error(c) for c in chains)
    assert 920 <= covered <= 985


def test_chains_that_disagree_count_as_correlated():
    # Each chain mixes in a well of its own: pooled, they know hardly more than two numbers.
    chains = autoregressive(5000, 0.5, seed=13, chains=2) * 0.1 + np.array([[0.0], [1.0]])
    assert effective_samples(chains[0]) > 1000
    assert effective_samples(chains) < 20
    assert math.isnan(standard_error(chains))  # two numbers tell nothing of their error
    assert split_r_hat(chains) > 3.0


def test_a_series_that_never_changes_knows_nothing():
    still = np.full(1000, -712.123456789)
    assert statistical_inefficiency(still) == 1000
    assert effective_samples(still) == 1.0
    assert math.isnan(standard_error(still))
    assert effective_samples([1.0, 2.0]) == 1.0


def test_an_offset_changes_nothing():
    series = autoregressive(5000, 0.7, seed=14)
    assert effective_samples(series - 1e6) == pytest.approx(effective_samples(series), rel=1e-6)


def test_r_hat():
    good = autoregressive(4000, 0.5, seed=15, chains=4)
    assert 0.999 < split_r_hat(good) < 1.02
    drifting = autoregressive(4000, 0.0, seed=16) + np.linspace(0, 4, 4000)
    assert split_r_hat(drifting) > 1.5  # one chain, but its halves differ
    assert split_r_hat(np.zeros((3, 100))) == 1.0
    assert split_r_hat(np.array([[0.0] * 100, [1.0] * 100])) == math.inf
    assert math.isnan(split_r_hat(np.zeros((4, 3))))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="shape"):
        standard_error(np.zeros((2, 2, 2)))
