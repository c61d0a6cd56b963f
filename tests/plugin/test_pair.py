"""The pair style against MACE's own ASE calculator, in every mode and dtype."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.spacegroup import crystal
from mace.calculators import MACECalculator

from redoxmc.engines.on_ranks import evaluate_on_ranks
from redoxmc.engines.single_point import Job, SinglePoint, Structure, evaluate
from redoxmc.models.export import export_model
from redoxmc.models.in_python import evaluate_in_python
from redoxmc.models.mace import MaceSettings, build_mace
from redoxmc.species import Species

NAMES = ("Na+", "Fe2+", "Fe3+", "P5+", "O2-")
# forces of about 1 eV/Å from random weights
SETTINGS = MaceSettings(channels=8, radial_mlp=(16,), scale=100.0)
LIMITS = {"float64": (1e-9, 1e-8, 2e-7), "float32": (1e-6, 1e-4, 1e-4)}  # eV/atom, eV/Å, relative


def iron_phosphate(triclinic: bool) -> Structure:
    """FePO4, 2x2x2 cells, rattled by 0.05 Å; some Fe are Fe2+, and some replaced by Na."""
    sites = [
        (0.2753, 0.25, 0.9478),
        (0.0937, 0.25, 0.3961),
        (0.1221, 0.25, 0.7091),
        (0.4395, 0.25, 0.1602),
        (0.1662, 0.0462, 0.2504),
    ]
    cell = [9.8142, 5.7893, 4.7820, 90, 90, 90]
    atoms = crystal(["Fe", "P", "O", "O", "O"], sites, spacegroup=62, cellpar=cell) * (2, 2, 2)
    atoms.rattle(0.05, seed=1)
    names = np.array([{"Fe": "Fe3+", "P": "P5+", "O": "O2-"}[s] for s in atoms.symbols])
    iron = np.flatnonzero(names == "Fe3+")
    names[iron[::3]] = "Fe2+"
    names[iron[1::8]] = "Na+"
    shear = (
        np.array([[1.0, 0, 0], [0.11, 0.97, 0], [-0.07, 0.15, 1.04]]) if triclinic else np.eye(3)
    )
    return Structure(np.array(atoms.cell) @ shear, atoms.positions @ shear, tuple(names.tolist()))


@dataclass(frozen=True)
class Case:
    job: Job
    expected: SinglePoint


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Case]:
    """Jobs by (dtype, triclinic), with what MACE's ASE calculator says in that dtype."""
    found = {}
    model = build_mace(SETTINGS, [Species.parse(n) for n in NAMES], seed=3)
    for dtype in LIMITS:
        folder = tmp_path_factory.mktemp(dtype)
        export_model(model, folder, dtype=dtype)
        for triclinic in (False, True):
            structure = iron_phosphate(triclinic)
            calculator = MACECalculator(
                models=model.module.model, device="cpu", default_dtype=dtype
            )
            atoms = Atoms(  # row i of the table is element i + 1 inside mace-torch
                numbers=[NAMES.index(n) + 1 for n in structure.species],
                positions=structure.positions,
                cell=structure.cell,
                pbc=True,
            )
            atoms.calc = calculator
            expected = SinglePoint(
                atoms.get_potential_energy(),
                atoms.get_forces(),
                atoms.get_stress(),
                calculator.results["node_energy"],
                np.empty((0, 6)),
            )
            job = Job(folder, structure, pair_style="redoxmc backend torchscript")
            found[dtype, triclinic] = Case(job, expected)
        model.module.double()
    return found


def assert_same(result: SinglePoint, expected: SinglePoint, dtype: str) -> None:
    energy, forces, stress = LIMITS[dtype]
    assert np.abs(expected.forces).max() > 0.5
    assert abs(result.energy - expected.energy) / len(expected.forces) <= energy
    assert np.abs(result.forces - expected.forces).max() <= forces
    assert np.abs(result.stress - expected.stress).max() <= stress * np.abs(expected.stress).max()


def assert_per_atom_sums(result: SinglePoint, volume: float) -> None:
    """compute pe/atom and stress/atom add up to the totals."""
    from redoxmc.units import BAR_TO_EV_PER_A3

    assert result.atom_energies.sum() == pytest.approx(result.energy, abs=1e-9)
    trace = result.atom_virials[:, :3].sum() / volume * BAR_TO_EV_PER_A3
    assert trace == pytest.approx(result.stress[:3].sum(), rel=1e-9)


@pytest.mark.parametrize("triclinic", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_rank_equals_the_mace_calculator(
    cases: dict[tuple[str, bool], Case], dtype: str, triclinic: bool
) -> None:
    case = cases[dtype, triclinic]
    result = evaluate(case.job)
    assert_same(result, case.expected, dtype)
    assert_per_atom_sums(result, abs(np.linalg.det(case.job.structure.cell)))


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_several_ranks_equal_the_mace_calculator(
    cases: dict[tuple[str, bool], Case], ranks: int
) -> None:
    some = cases if ranks == 2 else {k: c for k, c in cases.items() if k[0] == "float64"}
    results = evaluate_on_ranks([case.job for case in some.values()], ranks)
    for (dtype, _), case, result in zip(some, some.values(), results, strict=True):
        assert_same(result, case.expected, dtype)
        assert_per_atom_sums(result, abs(np.linalg.det(case.job.structure.cell)))


def test_forces_are_the_derivative_of_the_energy(cases: dict[tuple[str, bool], Case]) -> None:
    job = cases["float64", True].job
    forces = evaluate(job).forces
    h = 1e-3
    for atom, axis in ((0, 0), (57, 1)):
        energies = []
        for step in (-2, -1, 1, 2):
            positions = job.structure.positions.copy()
            positions[atom, axis] += step * h
            moved = Structure(job.structure.cell, positions, job.structure.species)
            energies.append(evaluate(replace(job, structure=moved)).energy)
        slope = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * h)
        assert -slope == pytest.approx(forces[atom, axis], abs=1e-5)


def test_changing_types_equals_python(cases: dict[tuple[str, bool], Case]) -> None:
    """`set` + `run 0` after a first run: types must reach the ghosts."""
    job = cases["float64", True].job
    names = list(job.structure.species)
    i, j = names.index("Fe2+"), names.index("Fe3+")
    commands = (f"set atom {i + 1} type 3", f"set atom {j + 1} type 2")
    names[i], names[j] = names[j], names[i]
    structure = Structure(job.structure.cell, job.structure.positions, tuple(names))
    expected = evaluate_in_python(job.model, structure)
    assert abs(expected.energy - cases["float64", True].expected.energy) > 1e-3
    swapped = replace(job, then=commands)
    for result in (evaluate(swapped), *evaluate_on_ranks([swapped], 2)):
        assert_same(result, expected, "float64")


def test_native_kernels_equal_the_mace_calculator(cases: dict[tuple[str, bool], Case]) -> None:
    """The backend that a MACE model has by default where there is a compiler."""
    some = {k: replace(c.job, pair_style="redoxmc backend native") for k, c in cases.items()}
    for (dtype, triclinic), job in some.items():
        result = evaluate(job)
        assert_same(result, cases[dtype, triclinic].expected, dtype)
        assert_per_atom_sums(result, abs(np.linalg.det(job.structure.cell)))
    job = some["float64", True]
    tiled = replace(job, commands=("comm_style tiled",), then=("balance 1.0 rcb",))
    for ranks in (2, 3):
        for result in evaluate_on_ranks([job, tiled], ranks):
            assert_same(result, cases["float64", True].expected, "float64")
            assert_per_atom_sums(result, abs(np.linalg.det(job.structure.cell)))


def test_python_evaluation_equals_the_mace_calculator(
    cases: dict[tuple[str, bool], Case], tmp_path: Path
) -> None:
    case = cases["float64", False]
    assert_same(evaluate_in_python(case.job.model, case.job.structure), case.expected, "float64")
