"""The wall that makes a charge-blind teacher charge-aware."""

import numpy as np
import pytest
import torch
from ase.build import bulk

from distillation.labelling import BondBias, Labeller
from distillation.moment_wall import MomentWall, WalledTeacher
from redoxmc.data.bond_bias import evaluate
from redoxmc.species import Species

FE2, FE3, O2 = (Species.parse(s) for s in ("Fe2+", "Fe3+", "O2-"))
STATES = ["Fe2+", "O2-", "Fe3+", "O2-"] * 2
NO_WALL = MomentWall({}, 2.0, 0.04)


def oxide():
    atoms = bulk("FeO", "rocksalt", a=4.3, cubic=True)
    atoms.set_array("charge_state", np.array(STATES))
    atoms.rattle(0.1, seed=1)
    return atoms


@pytest.fixture(scope="module")
def free():
    return WalledTeacher([FE2, FE3, O2], NO_WALL)


@pytest.fixture(scope="module")
def walled(free):
    """With walls through the very moments of the oxide, some of its ions are behind them."""
    moments = evaluate(free, oxide())["magmoms"]
    iron = [i for i, s in enumerate(STATES) if s != "O2-"]
    middle = float(np.median(moments[iron]))
    return WalledTeacher(
        [FE2, FE3, O2], MomentWall({"Fe2+": (middle, 1), "Fe3+": (middle, -1)}, 2.0, 0.01)
    )


def test_the_energy_rises_smoothly_to_its_slope():
    wall = MomentWall({"Fe2+": (4.0, 1)}, 2.0, 0.04)
    depth = torch.tensor([-0.5, 0.0, 0.02, 0.04, 0.14], dtype=torch.float64, requires_grad=True)
    energy = wall.energy(depth)
    assert energy.tolist() == pytest.approx([0.0, 0.0, 0.01, 0.04, 0.24])
    (slope,) = torch.autograd.grad(energy.sum(), depth)
    assert slope.tolist() == pytest.approx([0.0, 0.0, 1.0, 2.0, 2.0])


def test_depth_is_of_the_side_of_the_species():
    wall = MomentWall({"Fe2+": (4.1, 1), "Fe3+": (4.2, -1)}, 2.0, 0.04)
    depth = wall.depth(["Fe2+", "Fe3+", "O2-", "Fe2+"], np.array([4.3, -4.15, 0.1, 3.9]))
    assert depth == pytest.approx([0.2, 0.05, 0.0, 0.0])


def test_without_a_wall_it_is_the_chgnet_of_the_package(free):
    from chgnet.model.dynamics import CHGNetCalculator

    atoms = oxide()
    package = evaluate(CHGNetCalculator(use_device="cpu"), atoms)  # float32
    ours = evaluate(free, atoms)
    assert ours["energy"] == pytest.approx(package["energy"], abs=1e-4)
    np.testing.assert_allclose(ours["forces"], package["forces"], atol=5e-4)
    np.testing.assert_allclose(ours["stress"], package["stress"], atol=5e-5)
    np.testing.assert_allclose(ours["magmoms"], package["magmoms"], atol=1e-4)


def test_the_wall_is_what_the_moments_say(free, walled):
    atoms = oxide()
    moments = evaluate(free, atoms)["magmoms"]
    depth = walled.wall.depth(STATES, moments)
    assert np.count_nonzero(depth) > 0
    expected = float(walled.wall.energy(torch.tensor(depth)).sum())
    found = evaluate(walled, atoms)["energy"] - evaluate(free, atoms)["energy"]
    assert found == pytest.approx(expected, abs=1e-9)
    other = atoms.copy()
    other.arrays["charge_state"] = np.array(["Fe3+", "O2-", "Fe2+", "O2-"] * 2)
    assert evaluate(walled, other)["energy"] != pytest.approx(evaluate(walled, atoms)["energy"])


def test_forces_and_stress_are_derivatives_with_the_wall(walled):
    atoms = oxide()
    atoms.calc = walled
    forces, stress, volume = atoms.get_forces(), atoms.get_stress(), atoms.get_volume()
    step = 2e-5
    for index, axis in ((0, 0), (3, 2)):
        pair = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[index, axis] += sign * step
            pair.append(evaluate(walled, moved)["energy"])
        assert forces[index, axis] == pytest.approx((pair[1] - pair[0]) / 2 / step, abs=1e-6)
    pair = []
    for sign in (1, -1):
        moved = atoms.copy()
        strain = np.eye(3)
        strain[1, 1] += sign * step
        moved.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        pair.append(evaluate(walled, moved)["energy"])
    assert stress[1] == pytest.approx((pair[0] - pair[1]) / 2 / step / volume, abs=1e-6)


def test_frames_of_a_walled_teacher_are_kept_without_moments_where_an_ion_strays(walled):
    atoms = oxide()
    label = evaluate(walled, atoms)
    threshold = walled.wall.begins["Fe2+"][0]
    bare = Labeller(walled, BondBias(1.0, {}), FE2, FE3, threshold, 1e3)
    assert bare.frame(atoms, label) is None
    kept = Labeller(walled, BondBias(1.0, {}), FE2, FE3, threshold, 1e3, walled.wall)
    frame = kept.frame(atoms, label)
    assert frame is not None
    assert walled.wall.depth(STATES, label["magmoms"]).any()
    assert "magmoms" not in frame.calc.results
    assert frame.calc.results["energy"] == label["energy"]
