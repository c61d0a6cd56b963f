import math

import numpy as np
import pytest

from redoxmc.thermo.jackknife import densities_without_blocks, jackknife_error


def test_the_jackknife_of_a_mean_is_the_textbook_error():
    rng = np.random.default_rng(75)
    blocks = rng.normal(size=(20, 50))
    left_out = np.array([[np.delete(blocks, b, axis=0).mean()] for b in range(20)])
    plain = blocks.mean(axis=1).std(ddof=1) / math.sqrt(20)
    student = 2.14 / 2  # 95.45 %, 19 degrees of freedom: GUM, table G.2
    assert jackknife_error(left_out)[0] == pytest.approx(plain * student, rel=1e-3)


def test_one_block_has_no_error():
    assert np.isnan(jackknife_error(np.zeros((1, 2)))).all()


def test_blocks_leave_out_the_same_time_of_all_chains():
    steps = np.repeat(np.arange(20), 5)  # the energy tells the block
    series = [np.stack([steps, steps]) * 1e-4, steps[None] * 1e-4]
    full, partial = densities_without_blocks([300.0, 600.0], series, 3.0)
    assert len(full.energies) == 20
    assert len(partial) == 20
    for block, dos in enumerate(partial):
        assert block * 1e-4 not in dos.energies
        assert dos.counts.tolist() == [15] * 19


def test_short_series_make_fewer_blocks():
    _, partial = densities_without_blocks([300.0], [np.arange(12.0)[None] * 1e-3], 0.0)
    assert len(partial) == 12
