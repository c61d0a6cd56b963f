import numpy as np
import pytest
from scipy.spatial import ConvexHull

from redoxmc.thermo.hull import (
    formation_energies,
    hull_vertices,
    on_hull,
    two_phase_regions,
)


def energy_above_hull(x, energies):
    vertices = hull_vertices(x, energies)
    return np.array(energies) - np.interp(x, np.array(x)[vertices], np.array(energies)[vertices])


def test_a_hull_by_hand():
    x = [0.0, 0.25, 0.5, 0.5, 0.75, 1.0]
    e = [0.0, -0.01, -0.1, 0.3, -0.05, 0.0]
    assert hull_vertices(x, e) == [0, 2, 5]
    assert on_hull(x, e).tolist() == [True, False, True, False, False, True]
    assert energy_above_hull(x, e) == pytest.approx([0, 0.04, 0, 0.4, 0, 0])
    assert two_phase_regions(x, e) == [(0.0, 0.5), (0.5, 1.0)]


def test_agrees_with_qhull_on_random_points():
    rng = np.random.default_rng(31)
    for _ in range(20):
        x = np.concatenate([[0.0, 1.0], rng.random(40)])
        e = np.concatenate([[0.0, 0.0], rng.normal(size=40)])
        points = np.column_stack([x, e])
        hull = ConvexHull(points)
        lower = {int(i) for s, q in zip(hull.simplices, hull.equations, strict=True)
                 if q[1] < 0 for i in s}  # fmt: skip
        assert set(hull_vertices(x, e)) == lower
        assert np.all(energy_above_hull(x, e) >= -1e-12)  # rounding


def test_points_on_a_tie_line_are_not_phases_and_ties_at_one_x_are():
    x, e = [0.0, 0.25, 0.5, 0.5, 1.0], [0.0, -0.05, -0.1, -0.1, 0.0]
    assert on_hull(x, e).tolist() == [True, False, True, True, True]
    assert energy_above_hull(x, e)[1] == pytest.approx(0.0, abs=1e-15)


def test_formation_energies_vanish_at_the_ends_and_a_shift_of_them_cancels():
    x, e = np.array([0.0, 0.3, 1.0]), np.array([-5.0, -6.2, -8.0])
    f = formation_energies(x, e, -5.0, -8.0)
    assert f == pytest.approx([0.0, -0.3, 0.0])
    assert formation_energies(x, e + 3.0 * x + 1.0, -4.0, -4.0) == pytest.approx(f)


def test_all_above_the_ends_is_one_miscibility_gap():
    assert two_phase_regions([0, 0.5, 1], [0, 0.1, 0]) == [(0.0, 1.0)]


def test_phase_diagram_of_a_regular_solution_closes_at_its_critical_temperature():
    # F = w x(1-x) - kT s(x): spinodal and binodal close at kT = w/2 (mean field).
    x = np.linspace(0.001, 0.999, 999)
    s = -x * np.log(x) - (1 - x) * np.log(1 - x)
    w, kb = 0.1, 8.617333262e-5
    critical = w / (2 * kb)
    temperatures = [0.8 * critical, 0.98 * critical, 1.02 * critical]
    f = [w * x * (1 - x) - kb * t * s for t in temperatures]
    cold, near, hot = (two_phase_regions(x, row, spacing=0.0011) for row in f)
    assert hot == []
    assert len(cold) == len(near) == 1
    low, high = cold[0]
    assert low + high == pytest.approx(1.0, abs=2e-3)
    # binodal: ln(x/(1-x)) = (w/kT)(2x - 1)... solved by the sampled x to the grid spacing
    balance = np.log(low / (1 - low)) + (w / (kb * temperatures[0])) * (1 - 2 * low)
    slope = 1 / (low * (1 - low)) - 2 * w / (kb * temperatures[0])
    assert abs(balance / slope) < 2e-3
    assert near[0][1] - near[0][0] < high - low


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="finite"):
        hull_vertices([0.0, 1.0], [0.0, np.nan])
    with pytest.raises(ValueError, match=r"\[n\]"):
        hull_vertices([0.0, 1.0], [0.0])
