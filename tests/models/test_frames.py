import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from models_helpers import NAMES, SPECIES, crystal, labelled

from redoxmc.config.training import DataConfig
from redoxmc.errors import InputError
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.models.frames import Frame, fit_references, frames_of, make_sample, read_frames
from redoxmc.models.table import make_table


def frame(states, energy):
    n = len(states)
    nan = np.full(n, np.nan)
    return Frame(crystal(), tuple(states), energy, np.zeros((n, 3)), np.zeros((3, 3)), nan, nan)


def test_reference_energies_reproduce_energies_that_are_sums():
    truth = {"Na+": -1.0, "Fe2+": -5.0, "Fe3+": -4.0, "P5+": 2.0, "O2-": -3.0}
    rng = np.random.default_rng(1)
    frames = []
    for _ in range(20):
        states = [NAMES[i] for i in rng.integers(5, size=12)]
        frames.append(frame(states, sum(truth[s] for s in states)))
    assert fit_references(frames, NAMES, NAMES) == pytest.approx(truth)


def test_dependent_counts_still_give_the_right_totals_and_a_blind_model_one_energy_for_both():
    # as many Fe2+ as Na+, and Fe, P, O in fixed proportion: only two numbers are determined
    compositions = {x: ["Na+"] * x + ["Fe2+"] * x + ["Fe3+"] * (4 - x) + ["P5+"] * 4 + ["O2-"] * 16
                    for x in range(5)}  # fmt: skip
    frames = [frame(states, -100.0 - 3.0 * x) for x, states in compositions.items()]
    for keys in (NAMES, [s.element for s in SPECIES]):
        energies = fit_references(frames, NAMES, keys)
        for x, states in compositions.items():
            assert sum(energies[s] for s in states) == pytest.approx(-100.0 - 3.0 * x)
    assert energies["Fe2+"] == energies["Fe3+"]


def test_a_sample_holds_the_energy_without_references_and_the_table_rows(tmp_path):
    (first, *_) = read_frames([labelled(2, tmp_path / "d.extxyz")])
    table = make_table(SPECIES, True, {"Fe2+": -6.0, "O2-": -3.0})
    sample = make_sample(first, table, 3.5)
    assert sample.energy.item() == pytest.approx(first.energy + 36.0)
    assert sample.graph.species.tolist() == [1, 4] * 4
    np.testing.assert_array_equal(sample.forces.numpy(), first.forces)
    xx, yy, zz, yz, xz, xy = first.atoms.get_stress()
    np.testing.assert_array_equal(sample.stress[0], [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def test_bad_data_are_refused_with_file_and_frame(tmp_path):
    table_names = ["Fe2+", "P5+"]
    path = labelled(1, tmp_path / "d.extxyz")
    with pytest.raises(InputError, match="O2-"):
        fit_references(read_frames([path]), table_names, table_names)
    atoms = crystal()
    atoms.symbols[:] = ["Fe", "O"] * 4
    atoms.set_array("charge_state", np.array(["Fe2+", "O2-"] * 4))
    atoms.calc = SinglePointCalculator(atoms, energy=1.0)
    write_labelled(tmp_path / "bare.extxyz", [atoms])
    with pytest.raises(InputError, match=r"bare\.extxyz, frame 0 has no forces"):
        read_frames([tmp_path / "bare.extxyz"])
    with pytest.raises(InputError, match="absent"):
        read_frames([tmp_path / "absent.extxyz"])


def test_one_file_serves_all_parts_and_frames_that_lost_their_order_none(tmp_path):
    path = tmp_path / "all.extxyz"
    frames = read_labelled(labelled(6, tmp_path / "d.extxyz"))
    for atoms, part in zip(
        frames, ("train", "test", "train", "valid", "train", "train"), strict=True
    ):
        atoms.info["part"] = part
    frames[2].info["order_kept"] = False
    write_labelled(path, frames)
    data = DataConfig(train=[path], valid=[path], test=[path], by_part=True)

    def energies(data, part):
        return [one.energy for one in frames_of(data, part)]

    expected = [atoms.get_potential_energy() for atoms in frames]
    assert energies(data, "train") == [expected[n] for n in (0, 4, 5)]
    assert energies(data, "valid") == [expected[3]]
    assert energies(data, "test") == [expected[1]]
    assert energies(data.model_copy(update={"first": 2}), "train") == [expected[0], expected[4]]
    assert len(frames_of(data.model_copy(update={"by_part": False}), "valid")) == 5
    write_labelled(path, [frames[0]])
    with pytest.raises(InputError, match=r'all\.extxyz: no frame .* part = "valid"'):
        frames_of(data, "valid")
