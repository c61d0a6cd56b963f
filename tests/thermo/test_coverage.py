"""Two errors cover the exact value in 92 to 97 % of runs, for slow chains too.

A true coverage of 95 % leaves this range in 2,000 independent repeats with probability 2e-5
(binomial).
"""

import numpy as np
import pytest
from known_chains import EXACT, LADDER, LOG_STATES, lattice_chains

from redoxmc.thermo.correlation import standard_error
from redoxmc.thermo.ladder import ladder_averages

REPEATS = 2000
SAMPLES = 80  # independent ones of each chain, about as few as give an error at all


@pytest.mark.parametrize("g", [2, 15, 60])
def test_errors_of_a_ladder_cover(g):
    rng = np.random.default_rng(131)
    n = SAMPLES * g
    series = [lattice_chains(t, g, REPEATS, n, rng) for t in LADDER]
    covered: dict[str, list[bool]] = {"mean_energy": [], "entropy": [], "free_energy": []}
    for cold, hot in zip(*series, strict=True):
        (found,) = ladder_averages(LADDER, [cold, hot], LOG_STATES)
        if not found.anchored:
            assert found.reason
            continue
        for field, hits in covered.items():
            estimate = getattr(found, field)
            difference = abs(estimate.value - getattr(EXACT, field))
            hits.append(difference <= 2 * estimate.standard_error)
    for field, hits in covered.items():
        assert len(hits) > 0.95 * REPEATS, field
        assert 0.92 <= np.mean(hits) <= 0.97, field


@pytest.mark.parametrize("samples", [40, 200])
@pytest.mark.parametrize("g", [2, 15, 60])
def test_errors_of_one_chain_cover(g, samples):
    rng = np.random.default_rng(132)
    chains = lattice_chains(LADDER[0], g, REPEATS, samples * g, rng)
    errors = np.array([standard_error(chain) for chain in chains])
    known = np.isfinite(errors)
    assert known.mean() > 0.9
    hits = np.abs(chains.mean(axis=1) - EXACT.mean_energy)[known] <= 2 * errors[known]
    assert 0.92 <= hits.mean() <= 0.97


@pytest.mark.parametrize("g", [2, 15, 60])
def test_chains_too_short_for_an_error_have_none(g):
    rng = np.random.default_rng(133)
    series = [lattice_chains(t, g, 1, 8 * g, rng) for t in LADDER]
    (found,) = ladder_averages(LADDER, series, LOG_STATES)
    assert not found.anchored
    assert np.isnan(found.free_energy.value)
    assert np.isnan(found.mean_energy.standard_error)
    assert "too short" in found.reason
    assert "350 K" in found.reason
    assert np.isnan(standard_error(series[0]))
