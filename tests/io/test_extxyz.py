"""Labelled extended XYZ: what is written is read back, bit for bit; what is damaged is refused."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from redoxmc.errors import InputError
from redoxmc.io.extxyz import energy_of, read_labelled, species_of, write_labelled
from redoxmc.io.frames import FrameError, xyz_frames

STATES = ["Na+", "Fe2+", "P5+", "O2-", "O2-", "O2-", "O2-"]


def frame(seed: int = 0) -> Atoms:
    rng = np.random.default_rng(seed)
    cell = np.diag([5.0, 6.0, 7.0]) + rng.normal(0, 0.1, (3, 3))
    atoms = Atoms("NaFePO4", positions=rng.random((7, 3)) * 5, cell=cell, pbc=True)
    atoms.arrays["charge_state"] = np.array(STATES)
    atoms.arrays["site"] = np.arange(7)
    atoms.arrays["fixed"] = np.arange(7) < 2
    atoms.arrays["vector"] = rng.random((7, 3))
    atoms.info = {
        "wanted_order": "0123",
        "flag": True,
        "count": 3,
        "width": 1 / 3,
        "list": [1, 2, 3],
        "nested": {"a": [1.5, None], "b": 'quo"te \\ back'},
        "empty": "",
        "word": "Na_0_1",
        "sentence": "with = and spaces",
        "nan_word": "nan",
    }
    atoms.calc = SinglePointCalculator(
        atoms,
        energy=-100.123456789012345,
        free_energy=-100.2,
        forces=rng.normal(0, 1, (7, 3)),
        stress=rng.normal(0, 0.01, 6),
        magmoms=rng.normal(0, 3, 7),
        magmom=4.0,
    )
    return atoms


def test_round_trip_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.extxyz"
    frames = [frame(k) for k in range(3)]
    write_labelled(path, frames)
    back = read_labelled(path)
    for one, two in zip(frames, back, strict=True):
        assert (one.positions == two.positions).all()
        assert (one.cell.array == two.cell.array).all()
        assert (one.pbc == two.pbc).all()
        assert set(one.arrays) == set(two.arrays)
        for name in one.arrays:
            assert (one.arrays[name] == two.arrays[name]).all(), name
        assert set(one.calc.results) == set(two.calc.results)
        for name in one.calc.results:
            assert np.array_equal(one.calc.results[name], two.calc.results[name]), name
        assert set(one.info) == set(two.info)
        for name, value in one.info.items():
            assert np.array_equal(value, two.info[name]) or value == two.info[name], name
    text = path.read_bytes()
    write_labelled(path, back)
    assert path.read_bytes() == text


def test_compressed_files(tmp_path: Path) -> None:
    write_labelled(tmp_path / "a.extxyz", [frame()])
    write_labelled(tmp_path / "a.extxyz.gz", [frame()])
    (back,) = read_labelled(tmp_path / "a.extxyz.gz")
    assert (back.positions == frame().positions).all()
    assert (
        gzip.decompress((tmp_path / "a.extxyz.gz").read_bytes())
        == (tmp_path / "a.extxyz").read_bytes()
    )


def test_species_and_energy() -> None:
    atoms = frame()
    assert [str(s) for s in species_of(atoms)] == STATES
    assert energy_of(atoms) == -100.2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.replace("Fe2+", "Fe3+"), "neutral"),
        (lambda t: t.replace("Fe2+", "Xe2"), "not a charge-state species"),
        (lambda t: t.replace("Fe2+", "Co2+"), "its charge_state is Co2+"),
        (lambda t: t.replace("charge_state", "state"), "no column 'charge_state'"),
        (lambda t: t.rsplit("\n", 3)[0] + "\n", "announces 7 atoms and has 5"),
        (lambda t: t.replace("Na+", "Na+ 1"), "does not have 14 columns"),
        (lambda t: t.replace("energy=-100.123", "energy=-1x0.123"), "not a number"),
        (lambda t: "", "no frame"),
        (lambda t: "hello\n", "does not begin with a number of atoms"),
    ],
)
def test_damage_is_refused_with_the_file_and_the_reason(tmp_path, damage, message) -> None:
    path = tmp_path / "a.extxyz"
    write_labelled(path, [frame()])
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=message) as error:
        read_labelled(path)
    assert str(path) in str(error.value)


def test_nan_forces_are_refused(tmp_path: Path) -> None:
    atoms = frame()
    atoms.calc.results["forces"][2, 1] = np.nan
    write_labelled(tmp_path / "a.extxyz", [atoms])
    with pytest.raises(InputError, match="forces holds NaN"):
        read_labelled(tmp_path / "a.extxyz")


def test_a_name_with_a_space_is_refused(tmp_path: Path) -> None:
    atoms = frame()
    atoms.arrays["label"] = np.array(["a b"] * 7)
    with pytest.raises(InputError, match="'label'"):
        write_labelled(tmp_path / "a.extxyz", [atoms])
    assert not list(tmp_path.iterdir())


def test_missing_file() -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_labelled("nowhere.extxyz")


@pytest.mark.parametrize("damaged_count", ["x", "6", "70", "1"])
def test_a_damaged_frame_does_not_cost_its_neighbours(tmp_path: Path, damaged_count: str) -> None:
    path = tmp_path / "a.extxyz"
    write_labelled(path, [frame(k) for k in range(3)])
    lines = path.read_text().split("\n")
    lines[9] = damaged_count
    path.write_text("\n".join(lines))
    found = list(xyz_frames(path))
    good = [one for one in found if not isinstance(one, FrameError)]
    assert len(good) == 2
    assert (good[0].positions == frame(0).positions).all()
    assert (good[1].positions == frame(2).positions).all()
