import numpy as np
import pytest

from redoxmc.thermo.voltage import average_voltage, voltage_profile


def test_one_plateau():
    assert average_voltage(0.0, 1.0, -10.0, -14.3, -1.3) == pytest.approx(3.0)
    assert average_voltage(0.0, 0.5, -10.0, -13.0, 0.0, ion_charge=2) == pytest.approx(3.0)
    with pytest.raises(ValueError, match="low to high"):
        average_voltage(1.0, 0.0, 0.0, 0.0, 0.0)


def test_profile_follows_the_hull_and_falls_with_x():
    x = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    formation = np.array([0.0, -0.02, -0.1, -0.06, 0.0])
    total = -10.0 - 4.3 * x + formation
    plateaus = voltage_profile(x, total, -1.3)
    assert [(p.x_low, p.x_high) for p in plateaus] == [(0.0, 0.5), (0.5, 0.75), (0.75, 1.0)]
    assert [p.voltage for p in plateaus] == pytest.approx([3.2, 2.84, 2.76])
    charge = sum(p.voltage * (p.x_high - p.x_low) for p in plateaus)
    assert charge == pytest.approx(average_voltage(0, 1, total[0], total[-1], -1.3))


def test_no_metal_reference_no_voltage():
    assert [p.voltage for p in voltage_profile([0, 1], [-1.0, -5.0], None)] == [None]
