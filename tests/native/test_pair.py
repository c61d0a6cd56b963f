"""The pair style with native kernels: used by default, on any number of ranks, or not at all."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_models import NAMES, export, make_cell

from redoxmc.engines.on_ranks import evaluate_on_ranks
from redoxmc.engines.single_point import Job, Structure, evaluate
from redoxmc.errors import EngineError

NATIVE = "redoxmc backend native"
TORCH = "redoxmc backend torchscript"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDOXMC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


SETTINGS = {"MACE": {"feature_l_max": 1}, "cPaiNN": {"painn": True}}


@pytest.fixture(scope="module", params=SETTINGS)
def three_layers(request, tmp_path_factory):
    return export(tmp_path_factory.mktemp("three"), n_layers=3, **SETTINGS[request.param]).parent


@pytest.fixture(scope="module", params=SETTINGS)
def float32(request, tmp_path_factory):
    return export(tmp_path_factory.mktemp("single"), "float32", **SETTINGS[request.param]).parent


def job(model, n=64, seed=0, **changes):
    cell = make_cell(n, seed)
    names = tuple(NAMES[row] for row in cell.species)
    return Job(model, Structure(cell.cell, cell.positions, names), pair_style=NATIVE, **changes)


def agree(a, b, limit):
    assert abs(a.energy - b.energy) <= limit * len(a.forces)
    np.testing.assert_allclose(a.forces, b.forces, rtol=0, atol=limit)
    np.testing.assert_allclose(a.stress, b.stress, rtol=0, atol=limit)
    np.testing.assert_allclose(a.atom_energies, b.atom_energies, rtol=0, atol=limit)
    for name in ("moments", "charges"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=0, atol=limit)
    scale = np.abs(b.atom_virials).max()
    np.testing.assert_allclose(a.atom_virials / scale, b.atom_virials / scale, rtol=0, atol=limit)


def test_it_gives_what_torchscript_gives(three_layers):
    native = job(three_layers)
    expected = evaluate(replace(native, pair_style=TORCH))
    assert np.abs(expected.forces).max() > 0.1
    agree(evaluate(native), expected, 1e-8)


def test_float32_gives_what_torchscript_gives(float32):
    native = job(float32)
    agree(evaluate(native), evaluate(replace(native, pair_style=TORCH)), 1e-4)


def test_it_is_the_default(three_layers):
    native = job(three_layers)
    default = evaluate(replace(native, pair_style="redoxmc"))
    np.testing.assert_array_equal(default.forces, evaluate(native).forces)


def test_ranks_agree(three_layers):
    """Also where a rank has only slices along z, and in a cell thinner than the cutoff."""
    whole, thin = job(three_layers), job(three_layers, n=8)
    jobs = [whole, replace(whole, commands=("processors 1 1 *",)), thin]
    expected = [evaluate(one) for one in jobs]
    for ranks in (2, 3, 4):
        for a, b in zip(evaluate_on_ranks(jobs, ranks), expected, strict=True):
            agree(a, b, 1e-10)


def test_ranks_agree_where_ghosts_are_passed_on(three_layers):
    """From rank to rank along the diagonal of a grid, and in boxes of any size side by side."""
    grid = job(three_layers, commands=("processors 2 2 2",))
    tiled = job(three_layers, commands=("comm_style tiled",), then=("balance 1.0 rcb",))
    expected = evaluate(job(three_layers))
    agree(evaluate_on_ranks([grid], 8)[0], expected, 1e-10)
    agree(evaluate_on_ranks([tiled], 5)[0], expected, 1e-10)


def test_ranks_agree_in_float32(float32):
    one = job(float32)
    expected = evaluate(one)
    for ranks in (2, 3, 4):
        agree(evaluate_on_ranks([one], ranks)[0], expected, 1e-5)


def test_ranks_without_atoms(three_layers):
    cell = make_cell(27)
    stretched = cell.cell * np.array([[1.0], [1.0], [4.0]])
    names = tuple(NAMES[row] for row in cell.species)
    one = Job(
        three_layers,
        Structure(stretched, cell.positions, names),
        ("processors 1 1 *",),
        pair_style=NATIVE,
    )
    agree(evaluate_on_ranks([one], 4)[0], evaluate(one), 1e-10)


def test_the_same_bits_on_the_same_ranks(three_layers):
    one = job(three_layers)
    first, second = evaluate_on_ranks([one, one], 2)
    np.testing.assert_array_equal(first.forces, second.forces)
    assert first.energy == second.energy


def test_species_changed_in_place_change_the_energy(three_layers):
    changed = job(three_layers, then=("set atom 3 type 2", "set atom 9 type 1"))
    names = list(changed.structure.species)
    names[2], names[8] = NAMES[1], NAMES[0]
    anew = replace(changed, structure=replace(changed.structure, species=tuple(names)), then=())
    expected = evaluate(anew)
    agree(evaluate(changed), expected, 1e-10)
    agree(evaluate_on_ranks([changed], 2)[0], expected, 1e-10)


def test_threads_agree(three_layers, monkeypatch):
    one = job(three_layers)
    expected = evaluate(one)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    agree(evaluate(one), expected, 1e-10)


INPUT = """
units metal
atom_style charge
region box prism 0 9 0 9 0 9 0.9 -0.4 0.6
create_box 5 box
create_atoms 1 random 60 1234 NULL overlap 1.6 maxtry 200
set group all type/fraction 2 0.4 99
set group all type/fraction 5 0.4 77
mass * 50.0
{pair}
run 0
print "energy $(pe:%.10f)"
"""


def test_beside_another_style_ranks_agree(three_layers, tmp_path):
    """LAMMPS sizes its buffers by the outer style."""
    command = f"{three_layers / 'model.pt'} {' '.join(NAMES)}"
    pairs = {
        1: f"pair_style {NATIVE}\npair_coeff * * {command}",
        2: f"pair_style hybrid/overlay {NATIVE} zero 3.0\npair_coeff * * redoxmc {command}\n"
        "pair_coeff * * zero",
    }
    found = []
    for ranks, pair in pairs.items():
        script = tmp_path / f"in.{ranks}"
        script.write_text(INPUT.format(pair=pair))
        binaries = Path(sys.prefix) / "bin"
        done = subprocess.run(
            [
                binaries / "mpirun",
                "-n",
                str(ranks),
                binaries / "lmp",
                "-in",
                script,
                "-log",
                "none",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        found += [line for line in done.stdout.splitlines() if line.startswith("energy ")]
    assert found[0] == found[1]


def test_without_a_generator_torchscript_takes_over(tmp_path, monkeypatch):
    model = export(tmp_path / "m", l_max=1, n_layers=1, channels=4).parent
    monkeypatch.setenv("REDOXMC_PYTHON", "/bin/false")
    one = job(model)
    expected = evaluate(replace(one, pair_style=TORCH))
    found = evaluate(replace(one, pair_style="redoxmc"))
    np.testing.assert_array_equal(found.forces, expected.forces)
    with pytest.raises(EngineError, match="REDOXMC_PYTHON"):
        evaluate(one)


def test_without_a_compiler_torchscript_takes_over(tmp_path, monkeypatch):
    model = export(tmp_path / "m", l_max=1, n_layers=1, channels=4).parent
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("REDOXMC_CACHE", str(tmp_path / "cache"))
    one = job(model)
    found = evaluate(replace(one, pair_style="redoxmc"))
    expected = evaluate(replace(one, pair_style=TORCH))
    np.testing.assert_array_equal(found.forces, expected.forces)
    with pytest.raises(EngineError, match="no-such-compiler"):
        evaluate(one)
