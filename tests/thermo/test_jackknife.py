import math

import numpy as np
import pytest
from known_chains import lattice_chains

from redoxmc.thermo.correlation import statistical_inefficiency, student_widening
from redoxmc.thermo.jackknife import choose_blocks, densities_without_blocks, jackknife_error


def test_the_jackknife_of_a_mean_is_the_textbook_error():
    rng = np.random.default_rng(75)
    blocks = rng.normal(size=(20, 50))
    left_out = np.array([[np.delete(blocks, b, axis=0).mean()] for b in range(20)])
    plain = blocks.mean(axis=1).std(ddof=1) / math.sqrt(20)
    student = 2.14 / 2  # 95.45 %, 19 degrees of freedom: GUM, table G.2
    assert jackknife_error(left_out)[0] == pytest.approx(plain * student, rel=1e-3)


def test_one_block_has_no_error():
    assert np.isnan(jackknife_error(np.zeros((1, 2)))).all()


def test_blocks_leave_out_the_same_time_of_the_same_seed():
    steps = np.repeat(np.arange(20), 5).reshape(2, 50)  # the energy tells the block
    series = [steps * 1e-4, steps * 1e-4, np.ravel(steps)[None] * 1e-4]
    full, partial = densities_without_blocks([300.0, 600.0, 900.0], series, 3.0, 20)
    assert len(full.energies) == 20
    assert len(partial) == 20
    for block, dos in enumerate(partial):
        assert block * 1e-4 not in dos.energies
        assert dos.counts.tolist() == [15] * 19


def test_short_series_make_fewer_blocks():
    _, partial = densities_without_blocks([300.0], [np.arange(12.0)[None] * 1e-3], 0.0, 20)
    assert len(partial) == 12


def test_blocks_are_longer_than_the_memory_of_the_slowest_chain():
    rng = np.random.default_rng(76)
    fast, slow = (lattice_chains(350.0, g, 2, 3000, rng) for g in (2, 60))
    assert choose_blocks([350.0, 400.0], [fast, fast]).count == 20
    blocks = choose_blocks([350.0, 400.0], [fast, slow])
    g = statistical_inefficiency(slow)
    assert 5 * g <= 6000 / blocks.count < 2 * 5 * g
    assert blocks.memory == pytest.approx(g * blocks.count / 6000)


def test_chains_too_short_have_no_blocks_and_say_why():
    slow = lattice_chains(350.0, 60, 1, 600, np.random.default_rng(77))
    blocks = choose_blocks([350.0], [slow])
    assert blocks.count == 0
    assert "350 K are too short" in blocks.reason
    stuck = [np.full((1, 600), -8.0), np.array([[-8.9, -8.0] * 300])]
    assert "stand still" in choose_blocks([300.0, 900.0], stuck).reason


def test_a_chain_that_stays_in_the_ground_state_does_not_count():
    chains = [np.full((1, 2000), -9.0), lattice_chains(350.0, 2, 1, 2000, np.random.default_rng(7))]
    assert choose_blocks([20.0, 350.0], chains).count == 20


def test_half_a_memory_is_missing_from_the_scatter_of_neighbouring_blocks():
    """For an autoregressive chain the variance of the mean is known."""
    g, blocks, repeats = 20.0, 8, 4000
    length = int(5 * g)
    rng = np.random.default_rng(78)
    rho = (g - 1) / (g + 1)
    x = rng.normal(size=repeats)
    sums = np.zeros((blocks, repeats))
    for block in range(blocks):
        for _ in range(length):
            x = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=repeats)
            sums[block] += x
    left_out = (sums.sum(axis=0) - sums) / (length * (blocks - 1))
    found = jackknife_error(left_out, 1 / 5) / student_widening(blocks - 1)
    exact = g / (blocks * length)  # to first order in g over the length
    # the relative scatter of a variance of 8 blocks is 0.53: 0.0085 for the mean of 4,000
    assert np.mean(found**2) == pytest.approx(exact, rel=4.5 * 0.0085)
