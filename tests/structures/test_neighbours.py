import numpy as np
import pytest

from redoxmc.structures.neighbours import neighbour_shells


def test_simple_cubic_coordination_even_in_a_one_site_cell():
    shells, distances = neighbour_shells(np.eye(3) * 4.0, [[0.1, 0.2, 0.3]], 4)
    assert [len(s) for s in shells] == [6, 12, 8, 6]
    assert distances == pytest.approx([4.0, 4 * 2**0.5, 4 * 3**0.5, 8.0])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_crystal_and_not_the_cell_decides(n):
    grid = np.array([[i, j, k] for i in range(n) for j in range(n) for k in range(n)]) * 3.0
    shells, _ = neighbour_shells(np.eye(3) * 3.0 * n, grid, 3)
    assert [len(s) / n**3 for s in shells] == [6, 12, 8]


def test_fcc_from_a_skewed_primitive_cell():
    cell = 3.0 * np.array([[1.0, 1, 0], [1, 0, 1], [5, 6, 1]])  # the third vector far from reduced
    shells, distances = neighbour_shells(cell, [[0, 0, 0]], 3)
    assert [len(s) for s in shells] == [12, 6, 24]
    assert distances == pytest.approx([18**0.5, 6.0, 54**0.5])


def test_two_sublattices():
    cell = np.eye(3) * 4.0
    shells, distances = neighbour_shells(cell, [[0, 0, 0]], 2, others=[[2, 2, 2], [2, 2, 0]])
    assert [len(s) for s in shells] == [4, 8]
    assert set(shells[0][:, 1]) == {1}
    assert set(shells[1][:, 1]) == {0}
    assert distances == pytest.approx([8**0.5, 12**0.5])


def test_same_answer_as_a_brute_force_sum_over_images():
    rng = np.random.default_rng(41)
    cell = np.array([[7.0, 0, 0], [2.0, 6.0, 0], [-1.0, 1.5, 8.0]])
    sites = rng.random((5, 3)) @ cell
    shells, distances = neighbour_shells(cell, sites, 6, tolerance=1e-6)
    images = np.array([[i, j, k] for i in range(-3, 4) for j in range(-3, 4) for k in range(-3, 4)])
    d = np.linalg.norm((sites[None] - sites[:, None])[:, :, None] + images @ cell, axis=-1)
    expected = np.unique(np.round(d[d > 1e-9], 9))[:6]
    assert distances == pytest.approx(expected)
    for pairs, distance in zip(shells, distances, strict=True):
        assert len(pairs) == np.sum(np.abs(d - distance) < 1e-6)
        reversed_pairs = {(int(j), int(i)) for i, j in pairs}
        assert {(int(i), int(j)) for i, j in pairs} == reversed_pairs


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="shell"):
        neighbour_shells(np.eye(3), [[0, 0, 0]], 0)
