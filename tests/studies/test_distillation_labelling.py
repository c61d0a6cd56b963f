"""Which structures the moments confirm, imposed bond lengths, and frames along relaxations."""

import numpy as np
import pytest
from ase import Atoms
from iron_oxide import BONDS, FE2, FE3, O2, LengthTeacher, mean_bonds, rocksalt

from distillation.labelling import BondBias, Labeller, strayed, with_states
from distillation.relaxations import along_relaxation, impose_bonds, reference_start
from redoxmc.data.bond_bias import evaluate, find_shells
from redoxmc.model_card import Bonds
from redoxmc.species import Species


def test_imposed_bonds_are_exact_and_the_redox_ions_stay():
    atoms = rocksalt()
    start = reference_start(atoms, BondBias(60.0, BONDS))
    np.testing.assert_allclose(mean_bonds(start), [2.18, 2.07, 2.07, 2.18], atol=1e-6)
    iron = atoms.symbols == "Fe"
    np.testing.assert_allclose(start.positions[iron], atoms.positions[iron], atol=1e-14)
    assert 0.01 < np.abs(start.positions - atoms.positions).max() < 0.5


def test_bonds_that_no_displacement_gives_are_refused():
    atoms = with_states(
        Atoms("FeOFe", positions=[[0, 0, 0], [2, 0, 0], [4, 0, 0]], cell=[20, 20, 20]),
        ["Fe2+", "O2-", "Fe3+"],
    )
    bonds = {"Fe2+": Bonds(1.2, 1, O2), "Fe3+": Bonds(1.2, 1, O2)}  # 2.4 Å for a gap of 4 Å
    with pytest.raises(ValueError, match="cannot be imposed"):
        impose_bonds(atoms, find_shells(atoms, atoms.arrays["charge_state"], bonds))


def test_moments_confirm_or_refuse_an_order():
    states = ["Fe2+", "O2-", "Fe3+"]
    for moments, wrong in (
        ([3.7, 0.1, -4.3], [False, False, False]),
        ([4.2, 0.1, 4.3], [True, False, False]),
        ([3.7, 0.1, 4.0], [False, False, True]),
    ):
        assert strayed(states, np.array(moments), FE2, FE3, 4.05).tolist() == wrong
    ti = ["Ti3+", "Ti4+"]
    three, four = Species.parse("Ti3+"), Species.parse("Ti4+")
    assert not strayed(ti, np.array([0.9, 0.05]), three, four, -0.5).any()
    assert strayed(ti, np.array([0.05, 0.9]), three, four, -0.5).all()


def test_frames_of_a_relaxation_carry_the_unbiased_label_and_a_confirmed_order():
    labeller = Labeller(LengthTeacher(), BondBias(60.0, BONDS), FE2, FE3, 4.5, 50.0)
    atoms = rocksalt()
    start = reference_start(atoms, labeller.bias)
    frames = along_relaxation(
        start, labeller, [0, 3], biased_steps=6, free_steps=4, force_tolerance=1e-3, order="o"
    )
    assert [f.info["step"] for f in frames.kept][:2] == [0, 3]
    for frame in frames.kept:
        truth = evaluate(LengthTeacher(), frame)
        assert frame.get_potential_energy() == pytest.approx(truth["energy"])
        np.testing.assert_allclose(frame.get_forces(), truth["forces"])
        moments = frame.calc.results["magmoms"][frame.symbols == "Fe"]
        assert moments.tolist() == [4.0, 5.0, 5.0, 4.0]
    wrong = with_states(start, ["Fe3+" if s == "Fe2+" else s for s in start.arrays["charge_state"]])
    assert labeller.frame(wrong, evaluate(LengthTeacher(), wrong)) is None
