"""The comparison of ways to converge hard frames."""

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hard_frames import CHOICE, hard, markdown, summary


def labelled(energy: float, kept: bool = True, minutes: float = 2.0) -> Atoms:
    atoms = Atoms("Fe")
    atoms.calc = SinglePointCalculator(atoms, energy=energy)
    atoms.info.update(order_kept=kept, scf_iterations=20, seconds=60 * minutes)
    return atoms


def test_frames_are_chosen_by_kind_and_order_and_bring_no_orbitals() -> None:
    frames = []
    for kind in ("state", "led_start", "swap", "exchanged", "md"):
        for order in ("1x1x1:0111|1011", "1x1x1:0011|0110", "1x1x1:0101|0110") * 3:
            atoms = Atoms("Fe")
            atoms.info.update(made_by=kind, order=order, orbitals=[[0, 1]])
            frames.append(atoms)
    large = Atoms("Fe50", np.zeros((50, 3)))
    large.info.update(made_by="state", order="1x1x1:0111|1011")
    chosen = hard([large, *frames])
    assert len(chosen) == sum(count for count, _, _ in CHOICE) == 10
    assert [f.info["order"][6:11] for f in chosen[:6]] == ["0111|"] * 4 + ["0011|"] * 2
    assert not any("orbitals" in f.info for f in chosen)


def test_each_way_has_its_share_and_its_distance_from_the_lowest() -> None:
    found = {
        "one": {"a": labelled(-1.0), "b": labelled(-2.0, minutes=4.0)},
        "two": {"a": labelled(-1.004), "b": labelled(-9.0, kept=False)},
        "none": {},
    }
    one, two, none = summary(found, 3)
    assert (one["labelled"], one["order_kept"], two["order_kept"]) == (2, 2, 1)
    assert one["minutes"] == 3.0
    np.testing.assert_allclose([one["meV_above_lowest"], two["meV_above_lowest"]], [2.0, 0.0])
    assert none["minutes"] is None
    assert "| one | 3 | 2 | 2 | 20 | 3.0 | 2.0 |" in markdown([one, two, none])
