import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones

from redoxmc.data.distil import Teaching, along_relaxation, reference_start, shaken, with_states
from redoxmc.data.teacher import (
    BiasedTeacher,
    BondBias,
    evaluate,
    find_shells,
    impose_bonds,
    strayed,
)
from redoxmc.model_card import Bonds
from redoxmc.species import Species

O2, FE2, FE3 = (Species.parse(s) for s in ("O2-", "Fe2+", "Fe3+"))
BONDS = {"Fe2+": Bonds(2.18, 6, O2), "Fe3+": Bonds(2.07, 6, O2)}


class LengthTeacher(Calculator):
    """Lennard-Jones with moments that follow the mean bond length, as in a real teacher."""

    implemented_properties = ("energy", "forces", "stress", "magmoms")

    def calculate(self, atoms=None, properties=(), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        lj = LennardJones(sigma=1.9, epsilon=0.01, rc=4.0, smooth=True)
        lj.calculate(atoms, ["energy", "forces", "stress"], all_changes)
        moments = np.zeros(len(atoms))
        for shell in find_shells(atoms, atoms.arrays["charge_state"], BONDS):
            mean = np.linalg.norm(shell.vectors(atoms.positions), axis=1).mean()
            moments[shell.centre] = 4.0 if mean > 2.12 else 5.0
        self.results = {**lj.results, "magmoms": moments}


def rocksalt(states=("Fe2+", "Fe3+", "Fe3+", "Fe2+")) -> Atoms:
    from ase.build import bulk

    atoms = bulk("FeO", "rocksalt", a=4.25, cubic=True)
    names = iter(states)
    atoms = with_states(atoms, [next(names) if s == "Fe" else "O2-" for s in atoms.symbols])
    return shaken(atoms, np.random.default_rng(1), 0.03, 0.01)


def means(atoms):
    shells = find_shells(atoms, atoms.arrays["charge_state"], BONDS)
    return [np.linalg.norm(s.vectors(atoms.positions), axis=1).mean() for s in shells]


def test_imposed_bonds_are_exact_and_the_redox_ions_stay():
    atoms = rocksalt()
    start = reference_start(atoms, BondBias(60.0, BONDS))
    np.testing.assert_allclose(means(start), [2.18, 2.07, 2.07, 2.18], atol=1e-6)
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


def test_the_bias_and_its_forces_and_stress_belong_together():
    atoms = rocksalt()
    shells = find_shells(atoms, atoms.arrays["charge_state"], BONDS)
    calculator = BiasedTeacher(LengthTeacher(), shells, 60.0)
    atoms.calc = calculator
    energy, forces, stress = (
        atoms.get_potential_energy(),
        atoms.get_forces(),
        atoms.get_stress(voigt=False),
    )
    gaps = np.array(means(atoms)) - [2.18, 2.07, 2.07, 2.18]
    assert energy - calculator.unbiased["energy"] == pytest.approx(60 * (gaps**2).sum())
    step = 1e-5
    for atom, axis in ((0, 0), (5, 2)):
        pair = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            moved.calc = BiasedTeacher(LengthTeacher(), shells, 60.0)
            pair.append(moved.get_potential_energy())
        assert forces[atom, axis] == pytest.approx(-(pair[0] - pair[1]) / 2 / step, abs=1e-5)
    pair = []
    for sign in (1, -1):
        strain = np.zeros((3, 3))
        strain[0, 0] = sign * step
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        again = find_shells(moved, atoms.arrays["charge_state"], BONDS)
        moved.calc = BiasedTeacher(LengthTeacher(), again, 60.0)
        pair.append(moved.get_potential_energy())
    numeric = (pair[0] - pair[1]) / 2 / step / atoms.get_volume()
    assert stress[0, 0] == pytest.approx(numeric, abs=1e-5)


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
    teaching = Teaching(LengthTeacher(), BondBias(60.0, BONDS), FE2, FE3, 4.5, 50.0)
    atoms = rocksalt()
    start = reference_start(atoms, teaching.bias)
    tally = along_relaxation(
        start, teaching, [0, 3], biased_steps=6, free_steps=4, force_tolerance=1e-3, order="o"
    )
    assert [f.info["step"] for f in tally.kept][:2] == [0, 3]
    for frame in tally.kept:
        truth = evaluate(LengthTeacher(), frame)
        assert frame.get_potential_energy() == pytest.approx(truth["energy"])
        np.testing.assert_allclose(frame.get_forces(), truth["forces"])
        moments = frame.calc.results["magmoms"][frame.symbols == "Fe"]
        assert moments.tolist() == [4.0, 5.0, 5.0, 4.0]
    wrong = with_states(start, ["Fe3+" if s == "Fe2+" else s for s in start.arrays["charge_state"]])
    assert teaching.frame(wrong, evaluate(LengthTeacher(), wrong)) is None
