"""Every kind of DFT file gives the numbers that were written; what is cut off is refused."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.db import connect
from dft_files import frames, write_all, write_outcar, write_vasprun

from redoxmc.data.readers import file_kind, read_frames
from redoxmc.errors import InputError
from redoxmc.io.extxyz import write_labelled
from redoxmc.io.frames import FrameError

KINDS = ("outcar", "vasprun", "extxyz", "traj", "db")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dft")
    return dict(zip(KINDS, write_all(folder, frames()), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_all_numbers_are_read(files, kind) -> None:
    assert file_kind(files[kind]) == kind
    read = list(read_frames(files[kind]))
    assert len(read) == 3
    for number, (one, two) in enumerate(zip(read, frames(), strict=True)):
        assert list(one.symbols) == list(two.symbols)
        assert np.abs(one.positions - two.positions).max() < 1e-5
        assert np.abs(one.cell.array - two.cell.array).max() < 1e-8
        for name, tolerance in (("energy", 1e-8), ("free_energy", 1e-8), ("forces", 1e-6)):
            difference = np.abs(one.calc.results[name] - two.calc.results[name]).max()
            assert difference < tolerance, name
        assert np.abs(one.calc.results["stress"] - two.calc.results["stress"]).max() < 1e-8
        if kind == "vasprun" and number < 2:
            assert "magmoms" not in one.calc.results  # VASP projects the last step only
        else:
            moments = one.calc.results["magmoms"]
            assert np.abs(moments - two.calc.results["magmoms"]).max() < 1.1e-3


def test_gzipped_files(files, tmp_path: Path) -> None:
    for kind in ("outcar", "vasprun", "extxyz"):
        path = tmp_path / (files[kind].name + ".gz")
        path.write_bytes(gzip.compress(files[kind].read_bytes()))
        assert len(list(read_frames(path))) == 3
        path.write_bytes(path.read_bytes()[:400])
        assert any(isinstance(frame, FrameError) for frame in _all(path))


def _all(path: Path) -> list:
    try:
        return list(read_frames(path))
    except InputError as error:
        return [FrameError(str(error))]


def test_vasprun_takes_moments_from_the_outcar_beside_it(tmp_path: Path) -> None:
    write_vasprun(tmp_path / "vasprun.xml", frames(), projections=False)
    assert all("magmoms" not in f.calc.results for f in read_frames(tmp_path / "vasprun.xml"))
    write_outcar(tmp_path / "OUTCAR", frames())
    read = list(read_frames(tmp_path / "vasprun.xml"))
    assert all("magmoms" in frame.calc.results for frame in read)
    other = frames()
    other[1].calc.results.update(free_energy=-1.0, energy=-1.0)
    write_outcar(tmp_path / "OUTCAR", other)  # another calculation: its second step differs
    found = ["magmoms" in frame.calc.results for frame in read_frames(tmp_path / "vasprun.xml")]
    assert found == [True, False, True]


def test_the_limit_of_electronic_steps_is_read_by_its_place(tmp_path: Path) -> None:
    """A second NELM stands among the response functions; it belongs to another loop."""
    path = tmp_path / "vasprun.xml"
    write_vasprun(path, frames(1))
    text = path.read_text()
    assert text.count('name="NELM"') == 3
    (read,) = read_frames(path)
    assert not isinstance(read, FrameError), read
    for limit in ("    60", "     1"):  # one step was made: now it is the last one allowed
        own = text.replace('<i type="int" name="NELM">    60', f'<i type="int" name="NELM">{limit}')
        path.write_text(own)
        (read,) = read_frames(path)
        assert isinstance(read, FrameError) == (limit == "     1")
    assert str(read) == "self-consistency was not reached"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("0.020   3.7", "0.020   3.9", "a sum in its table"),
        ("TITEL  = PAW_PBE Fe_pv 02Aug2007", "TITEL  =", "the head of the file is damaged"),
        ("\ntot ", "\ntut ", "it is cut off in its site moments"),
        ("TITEL  = PAW_PBE Fe", "TITEL  = PAW_PBE Ni", "VRHFIN and TITEL"),
        ("because EDIFF is reached", "EDIFF was not reached", "self-consistency was not reached"),
        ("free  energy   TOTEN  =       -9", "free  energy   TOTEN  =       -8", "energies"),
        ("   ions per type", "   ions of type", "its head has 4 potentials for 0 kinds"),
    ],
)
def test_contradictions_in_an_outcar_are_found(tmp_path, old, new, reason) -> None:
    path = tmp_path / "OUTCAR"
    write_outcar(path, frames(1))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    (frame,) = read_frames(path)
    assert isinstance(frame, FrameError)
    assert reason in str(frame)


def test_a_moment_that_does_not_fit_the_total_is_found(tmp_path: Path) -> None:
    path = tmp_path / "OUTCAR"
    write_outcar(path, frames(1))
    text = path.read_text()
    moment = frames(1)[0].calc.results["magmoms"][1]  # an Fe3+ turned into an Fe2+
    row = f"{moment - 0.03:7.3f} {moment:7.3f}"
    assert row in text
    path.write_text(text.replace(row, f"{3.779 - 0.03:7.3f} {3.779:7.3f}"))
    (frame,) = read_frames(path)
    assert "the total of its table of site moments is wrong" in str(frame)


@pytest.mark.parametrize("kind", ["outcar", "vasprun", "extxyz"])
def test_a_truncated_file_gives_its_complete_frames(files, tmp_path, kind) -> None:
    data = files[kind].read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * 0.8)])
    read = list(read_frames(path))
    assert [isinstance(frame, FrameError) for frame in read] == [False, False, True]


def test_results_under_the_names_of_training_sets(tmp_path: Path) -> None:
    (atoms,) = frames(1)
    results, atoms.calc = atoms.calc.results, None
    xx, yy, zz, yz, xz, xy = results["stress"]
    atoms.info = {
        "REF_energy": results["energy"],
        "REF_stress": [xx, xy, xz, xy, yy, yz, xz, yz, zz],
    }
    atoms.arrays["REF_forces"] = results["forces"]
    atoms.arrays["magmom"] = results["magmoms"]
    write_labelled(tmp_path / "a.extxyz", [atoms])
    (read,) = read_frames(tmp_path / "a.extxyz")
    for name in ("energy", "forces", "stress", "magmoms"):
        assert np.array_equal(read.calc.results[name], results[name]), name
    assert not read.info


def test_json_database_of_ase(tmp_path: Path) -> None:
    with connect(tmp_path / "a.json") as database:
        for image in frames():
            database.write(image)
    read = list(read_frames(tmp_path / "a.json"))
    assert [one.calc.results["energy"] for one in read] == [-90.0, -90.125, -90.25]
    (tmp_path / "a.json").write_text((tmp_path / "a.json").read_text()[:3000])
    with pytest.raises(InputError, match="damaged ASE database"):
        list(read_frames(tmp_path / "a.json"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a letter\nto a friend\n")
    with pytest.raises(InputError, match="is no VASP OUTCAR"):
        list(read_frames(tmp_path / "a"))
    with pytest.raises(InputError, match="does not exist"):
        list(read_frames(tmp_path / "b"))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_frames(tmp_path))


def test_reading_does_not_write(files, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    shutil.copy(files["db"], path)
    before = path.read_bytes()
    list(read_frames(path))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.db"]
