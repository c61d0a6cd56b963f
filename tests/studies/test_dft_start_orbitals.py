"""Orbitals for frames to label, from ions of like surroundings."""

import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
import spglib
from ase import Atoms

from dft.surroundings import Sites, rotated_d
from dft.usual_orbitals import Usual, orbitals_of, overlap, start
from redoxmc.data.gpaw.shells import to_triangle
from redoxmc.io.extxyz import read_labelled, write_labelled
from start_orbitals import main

HOST = Path(__file__).parents[2] / "lammps_inputs/olivine_nafepo4/host.cif"
ION = ("Fe2+", 1, 1)


def frame(reduced: list[int], ions: list[int], orbitals: dict[int, np.ndarray]) -> Atoms:
    """The host with Fe2+ and Na+ at some of its sites, and orbitals of the Fe2+."""
    host = ase.io.read(HOST)
    iron = [i for i, s in enumerate(host.symbols) if s == "Fe"]
    sodium = [i for i, s in enumerate(host.symbols) if s == "Na"]
    states = {"Na": "Na+", "Fe": "Fe3+", "P": "P5+", "O": "O2-"}
    names = np.array([states[s] for s in host.symbols], dtype="U4")
    names[[iron[k] for k in reduced]] = "Fe2+"
    kept = [i for i in range(len(host)) if i not in sodium or sodium.index(i) in ions]
    atoms = host[kept]
    atoms.info.clear()
    for name in [n for n in atoms.arrays if n not in ("numbers", "positions")]:
        del atoms.arrays[name]
    atoms.arrays["charge_state"] = names[kept]
    atoms.info["orbitals"] = [
        [kept.index(iron[k]), 1, *to_triangle(np.outer(v, v))] for k, v in orbitals.items()
    ]
    return atoms


def value(projector: np.ndarray, along: np.ndarray) -> float:
    """The square of the angular part of one d orbital along a direction."""
    x, y, z = along
    root = np.sqrt(3)
    harmonics = np.array(
        [root * x * y, root * y * z, z * z - (x * x + y * y) / 2, root * x * z,
         root / 2 * (x * x - y * y)]
    )  # fmt: skip
    return float(harmonics @ projector @ harmonics)


def test_rotated_orbitals_have_the_old_values_at_rotated_places() -> None:
    rng = np.random.default_rng(3)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    orbital = np.linalg.qr(rng.normal(size=(5, 5)))[0][:, 0]
    turn = rotated_d(rotation)
    new = turn @ np.outer(orbital, orbital) @ turn.T
    for _ in range(5):
        along = rng.normal(size=3)
        expected = value(np.outer(orbital, orbital), along)
        assert value(new, rotation @ along) == pytest.approx(expected)


def test_an_image_of_an_order_gets_the_image_of_its_orbitals() -> None:
    sites = Sites(ase.io.read(HOST))
    orbital = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0][:, 0]
    known = frame([0], [1], {0: orbital})
    usual = Usual(sites, [known])
    assert list(usual.known) == [ION]
    found = spglib.get_symmetry((sites.cell, sites.scaled, sites.numbers), symprec=1e-3)
    for rotation, shift in zip(found["rotations"], found["translations"], strict=True):
        image = known.copy()
        image.arrays["charge_state"] = known.arrays["charge_state"]
        image.set_scaled_positions(known.get_scaled_positions() @ rotation.T + shift)
        image.rattle(0.05, seed=1)
        image.positions += 0.3
        ((atom, spin, *_),) = rows = start(usual, {"Fe2+": ION}, image)
        image.info["orbitals"] = rows
        turned = rotated_d(sites.cell.T @ rotation @ np.linalg.inv(sites.cell.T))
        expected = turned @ np.outer(orbital, orbital) @ turned.T
        np.testing.assert_allclose(orbitals_of(image)[atom, spin], expected, atol=1e-3)
        assert overlap(usual, image, -1) == pytest.approx(1.0, abs=1e-3)


def test_the_nearest_surroundings_count_and_in_them_the_most_ions() -> None:
    sites = Sites(ase.io.read(HOST))
    one, two = np.eye(5)[0], np.eye(5)[2]
    frames = [frame([0], [0, 1], {0: v}) for v in (one, two, two)]
    frames += [frame([0], [0, 1, 2, 3], {0: one})] * 4
    usual = Usual(sites, frames)
    ((_, _, *numbers),) = start(usual, {"Fe2+": ION}, frame([0], [0, 1], {}))
    assert numbers == to_triangle(np.outer(two, two))
    assert start(usual, {"Fe2+": ION}, frame([0], [0, 1, 2], {})), "some ion is nearest"
    assert overlap(usual, frames[0], 0) == pytest.approx(0.0, abs=1e-6)
    assert start(usual, {"Fe2+": ION}, frame([], [], {})) == []


def test_files_get_them_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled, wanted = tmp_path / "frames.extxyz", tmp_path / "wanted.extxyz"
    known = frame([0], [1], {0: np.eye(5)[2]})
    known.info["source"] = "wanted.extxyz#0"
    write_labelled(labelled, [known])
    plain = [frame([0], [1], {}), frame([], [], {})]
    for atoms in plain:
        del atoms.info["orbitals"]
        atoms.info["ion_order"] = "0100"
    write_labelled(wanted, plain)
    before = wanted.read_text()
    command = ["", str(labelled), "--host", str(HOST), "--list", "--of", str(wanted)]
    monkeypatch.setattr(sys, "argv", command)
    for _ in range(2):
        main()
    assert "orbitals for 1 of 2 frames" in capsys.readouterr().out
    first, second = read_labelled(wanted)
    np.testing.assert_allclose(
        next(iter(orbitals_of(first).values())), np.diag([0, 0, 1, 0, 0]), atol=1e-4
    )
    assert "orbitals" not in second.info
    assert [line.split(' orbitals="')[0] for line in wanted.read_text().splitlines()] == (
        before.splitlines()
    )
