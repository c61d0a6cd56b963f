"""Moments and charges of atoms in LAMMPS: against Python, on ranks, in dumps, and where absent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models_helpers import NAMES, SMALL, SPECIES, crystal
from toy_models import write_toy

from redoxmc.engines.on_ranks import evaluate_on_ranks
from redoxmc.engines.single_point import Job, SinglePoint, Structure, evaluate
from redoxmc.models.cpainn import CPainnSettings, cpainn_from_table
from redoxmc.models.export import export_model
from redoxmc.models.in_python import evaluate_in_python
from redoxmc.models.mace import build_mace
from redoxmc.models.table import make_table
from redoxmc.plugin.load import import_lammps
from redoxmc.plugin.per_atom import COMPUTE, follow, offered, read

Lammps = Any
ATOMS = Structure.from_atoms(crystal(3) * (2, 2, 1))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models by what they give: random weights, and the toy."""
    found = {"toy": write_toy(tmp_path_factory.mktemp("toy"))}
    for name, heads in (("both", (True, True)), ("charge", (False, True))):
        settings = CPainnSettings(width=16, n_layers=2, moment=heads[0], charge=heads[1])
        model = cpainn_from_table(settings, make_table(SPECIES, True), True, 1)
        found[name] = tmp_path_factory.mktemp(name)
        export_model(model, found[name])
    found["none"] = tmp_path_factory.mktemp("none")
    export_model(build_mace(SMALL, SPECIES, seed=1), found["none"])
    return found


@pytest.fixture(autouse=True)
def no_native_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDOXMC_PYTHON", "false")


@pytest.fixture
def lmp() -> Iterator[Lammps]:
    with import_lammps().lammps(cmdargs=["-screen", "none", "-log", "none"]) as instance:
        box = [f"mass {k} {s.mass}" for k, s in enumerate(SPECIES, start=1)]
        instance.commands_list(
            [
                "units metal",
                "atom_modify map yes",
                "region b block 0 8 0 8 0 8",
                "create_box 5 b",
                *(f"create_atoms {k} single {1.5 * k} {k} 1.1" for k in range(1, 6)),
                *box,
            ]
        )
        yield instance


def load(lmp: Lammps, folder: Path) -> None:
    lmp.command("pair_style redoxmc")
    lmp.command(f'pair_coeff * * "{folder / "model.pt"}" {" ".join(NAMES)}')


def assert_same(found: SinglePoint, expected: SinglePoint) -> None:
    for name in ("moments", "charges"):
        values, wanted = getattr(found, name), getattr(expected, name)
        assert values.shape == wanted.shape
        if len(wanted):
            assert np.ptp(wanted) > 1e-3
            np.testing.assert_allclose(values, wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["toy", "both", "charge", "none"])
def test_one_rank_equals_python(folders: dict[str, Path], name: str) -> None:
    result = evaluate(Job(folders[name], ATOMS))
    assert_same(result, evaluate_in_python(folders[name], ATOMS))
    given = {"toy": (True, True), "both": (True, True), "charge": (False, True)}
    assert (len(result.moments) > 0, len(result.charges) > 0) == given.get(name, (False, False))


def test_several_ranks_equal_python_where_a_rank_has_no_atoms(folders: dict[str, Path]) -> None:
    cell = np.diag([9.0, 9.0, 40.0])
    positions = np.random.default_rng(2).random((20, 3)) * [9.0, 9.0, 8.0]
    low = Structure(cell, positions, NAMES * 4)
    names = ("toy", "both", "charge")
    jobs = [Job(folders[name], ATOMS) for name in names]
    jobs += [Job(folders[name], low, commands=("processors 1 1 *",)) for name in names]
    jobs += [Job(folders["none"], low, commands=("processors 1 1 *",))]
    for ranks in (2, 3):
        for job, result in zip(jobs, evaluate_on_ranks(jobs, ranks), strict=True):
            assert_same(result, evaluate_in_python(job.model, job.structure))


def test_types_that_change_change_moments(folders: dict[str, Path]) -> None:
    names = list(ATOMS.species)
    i, j = names.index("Fe2+"), names.index("Fe3+")
    commands = (f"set atom {i + 1} type 3", f"set atom {j + 1} type 2")
    names[i], names[j] = names[j], names[i]
    swapped = replace(ATOMS, species=tuple(names))
    expected = evaluate_in_python(folders["both"], swapped)
    assert_same(evaluate(Job(folders["both"], ATOMS, then=commands)), expected)
    before = evaluate(Job(folders["both"], ATOMS)).moments
    assert np.abs(before - expected.moments).max() > 1e-3


def test_a_dump_along_a_minimization_is_of_its_positions(
    folders: dict[str, Path], lmp: Lammps, tmp_path: Path
) -> None:
    """The last evaluation counts, not the first trial of a line search as in fix pair."""
    load(lmp, folders["toy"])
    assert follow(lmp) == ("moment", "charge")
    dump = tmp_path / "x.dump"
    lmp.commands_list(
        [
            f"dump d all custom 1 {dump} id type x y z c_{COMPUTE}[1] c_{COMPUTE}[2]",
            "dump_modify d sort id format float %.12g",
            "min_modify line backtrack",
            "minimize 0 1e-6 8 80",
        ]
    )
    steps = dump.read_text(encoding="utf-8").split("ITEM: ATOMS")[1:]
    assert len(steps) > 3
    seen = []
    for step in steps:
        rows = np.array([line.split() for line in step.splitlines()[1:6]], dtype=float)
        species = tuple(NAMES[int(k) - 1] for k in rows[:, 1])
        expected = evaluate_in_python(
            folders["toy"], Structure(np.eye(3) * 8.0, rows[:, 2:5], species)
        )
        np.testing.assert_allclose(rows[:, 5], expected.moments, atol=1e-9)
        np.testing.assert_allclose(rows[:, 6], expected.charges, atol=1e-9)
        seen.append(rows[:, 5])
    assert np.abs(seen[0] - seen[-1]).max() > 1e-2


DYNAMICS = """
units metal
atom_style charge
boundary p p p
newton on
region b block 0 8.4 0 8.4 0 21
create_box 5 b
lattice sc 2.1
create_atoms 1 box
set group all type/fraction 2 0.3 1
set group all type/fraction 3 0.3 2
set group all type/fraction 5 0.5 3
mass 1 23.0
mass 2 55.8
mass 3 55.8
mass 4 31.0
mass 5 16.0
displace_atoms all random 0.1 0.1 0.1 4
pair_style redoxmc
pair_coeff * * both/model.pt {names}
compute m all redoxmc/atom charge moment
velocity all create 20000 5
fix nve all nve
timestep 0.002
neigh_modify every 1 delay 0 check yes
dump d all custom 25 x.dump id type x y z c_m[1] c_m[2]
dump_modify d sort id format float %.12g
run 75
"""


def test_atoms_that_change_ranks_take_their_moments_along(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """Plain `lmp` on two ranks, hot enough that atoms cross between them."""
    (tmp_path / "both").symlink_to(folders["both"])
    (tmp_path / "in.lmp").write_text(DYNAMICS.format(names=" ".join(NAMES)), encoding="utf-8")
    programs = Path(sys.prefix) / "bin"
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    environment.pop("LAMMPS_PLUGIN_PATH", None)
    command = [str(programs / "mpirun"), "-n", "2", str(programs / "lmp"), "-in", "in.lmp"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    steps = (tmp_path / "x.dump").read_text(encoding="utf-8").split("ITEM: ATOMS")[1:]
    assert len(steps) == 4
    halves = []
    for step in steps:
        rows = np.array([line.split() for line in step.splitlines()[1:161]], dtype=float)
        species = tuple(NAMES[int(k) - 1] for k in rows[:, 1])
        structure = Structure(np.diag([8.4, 8.4, 21.0]), rows[:, 2:5], species)
        expected = evaluate_in_python(folders["both"], structure)
        np.testing.assert_allclose(rows[:, 5], expected.charges, atol=1e-8)
        np.testing.assert_allclose(rows[:, 6], expected.moments, atol=1e-8)
        halves.append(rows[:, 4] % 21.0 < 10.5)
    assert (halves[0] != halves[-1]).any()


def test_a_second_evaluation_of_a_step_counts(folders: dict[str, Path], lmp: Lammps) -> None:
    load(lmp, folders["toy"])
    names = follow(lmp)
    lmp.command("run 0")
    before = read(lmp, names)["moment"]
    lmp.command("set atom 2 type 3")
    lmp.command("run 0")  # step 0 again
    after = read(lmp, names)["moment"]
    assert np.abs(after - before).max() > 1e-2
    lmp.command("set atom 2 type 2")
    lmp.command("run 0 post no")
    np.testing.assert_array_equal(read(lmp, names)["moment"], before)


def test_only_the_group_has_values_and_one_quantity_is_a_vector(
    folders: dict[str, Path], lmp: Lammps
) -> None:
    load(lmp, folders["both"])
    lmp.commands_list(["group redox type 2 3", "compute m redox redoxmc/atom moment", "run 0"])
    values = np.array(lmp.gather("c_m", 1, 1))
    assert (values[[0, 3, 4]] == 0).all()
    assert (values[[1, 2]] != 0).all()


def test_fix_pair_works_too(folders: dict[str, Path], lmp: Lammps) -> None:
    load(lmp, folders["both"])
    names = follow(lmp)
    lmp.command("fix m all pair 1 redoxmc moment 1 charge 0")
    lmp.command("run 0")
    table = np.array(lmp.gather("f_m", 1, 2)).reshape(-1, 2)
    np.testing.assert_array_equal(table[:, 0], read(lmp, names)["moment"])
    np.testing.assert_array_equal(table[:, 1], read(lmp, names)["charge"])


NONE = r"\(MACE\) gives no 'moment' of atoms; it gives energies only"


def test_a_model_that_has_none_says_so(folders: dict[str, Path], lmp: Lammps) -> None:
    load(lmp, folders["none"])
    assert offered(lmp) == ()
    assert follow(lmp) == ()
    for command in ("compute m all redoxmc/atom moment", "fix m all pair 1 redoxmc moment 0"):
        with pytest.raises(Exception, match=NONE):
            lmp.command(command)


def test_another_model_leaves_no_stale_values(folders: dict[str, Path], lmp: Lammps) -> None:
    load(lmp, folders["toy"])
    names = follow(lmp)
    lmp.command("run 0")
    load(lmp, folders["charge"])
    assert offered(lmp) == ("charge",)
    with pytest.raises(Exception, match="the atoms are others than"):
        read(lmp, names)  # nothing evaluated yet
    with pytest.raises(Exception, match=r"gives no 'moment' of atoms; it gives charge"):
        lmp.command("run 0")


@pytest.mark.parametrize("quantities", ["", "spin"])
def test_what_cannot_be_asked_for(folders: dict[str, Path], lmp: Lammps, quantities: str) -> None:
    load(lmp, folders["toy"])
    match = "gives no 'spin' of atoms; it gives charge, moment" if quantities else "Expected: comp"
    with pytest.raises(Exception, match=match):
        lmp.command(f"compute m all redoxmc/atom {quantities}")


def test_two_models_overlaid_are_told_apart_by_fix_pair_only(
    folders: dict[str, Path], lmp: Lammps
) -> None:
    expected = {}
    for name in ("both", "toy"):
        load(lmp, folders[name])
        names = follow(lmp)
        lmp.command("run 0")
        expected[name] = read(lmp, names)["moment"]
        lmp.command(f"uncompute {COMPUTE}")
    lmp.command("pair_style hybrid/overlay redoxmc redoxmc")
    for number, name in ((1, "both"), (2, "toy")):
        file = folders[name] / "model.pt"
        lmp.command(f'pair_coeff * * redoxmc {number} "{file}" {" ".join(NAMES)}')
        lmp.command(f"fix {name} all pair 1 redoxmc:{number} moment 0")
    with pytest.raises(Exception, match="no more than one"):
        lmp.command("compute m all redoxmc/atom moment")
    lmp.command("run 0")
    for name, values in expected.items():
        np.testing.assert_allclose(np.array(lmp.gather(f"f_{name}", 1, 1)), values, atol=1e-12)


def test_stock_styles_have_none(lmp: Lammps) -> None:
    lmp.commands_list(["pair_style lj/cut 3.0", "pair_coeff * * 0.1 1.0"])
    assert offered(lmp) == ()
    with pytest.raises(Exception, match="needs a pair_style redoxmc"):
        lmp.command("compute m all redoxmc/atom moment")
