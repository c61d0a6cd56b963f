"""`redoxmc check`: sound models pass, and each kind of fault is found."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from conftest import REFERENCE
from toy_models import SPECIES, Toy, metadata, write_toy

from redoxmc.cli.main import app
from redoxmc.engines import on_ranks
from redoxmc.errors import InputError
from redoxmc.models import check
from redoxmc.models.check import check_model
from redoxmc.models.in_python import evaluate_in_python


class Lopsided(Toy):
    """Prefers one direction of space."""

    def forward(
        self,
        species: torch.Tensor,
        edge_index: torch.Tensor,
        edge_vectors: torch.Tensor,
        n_local: int,
    ) -> dict[str, torch.Tensor]:
        w = self.weights[species]
        p = (1.0 - torch.linalg.vector_norm(edge_vectors, dim=1) / 4.0) ** 3
        message = w[edge_index[0]] * p * (1.0 + 0.01 * edge_vectors[:, 0])
        return {"energy": torch.zeros_like(w).index_add(0, edge_index[1], message)[:n_local]}


class Unsmooth(Toy):
    """Hides a part of the energy from the gradient."""

    def forward(
        self,
        species: torch.Tensor,
        edge_index: torch.Tensor,
        edge_vectors: torch.Tensor,
        n_local: int,
    ) -> dict[str, torch.Tensor]:
        w = self.weights[species]
        p = (1.0 - torch.linalg.vector_norm(edge_vectors, dim=1) / 4.0) ** 3
        p = p + 0.01 * p.detach() ** 2
        message = w[edge_index[0]] * p
        return {"energy": torch.zeros_like(w).index_add(0, edge_index[1], message)[:n_local]}


def replace_module(folder: Path, module: torch.nn.Module, **changes: object) -> Path:
    extra = {"redoxmc.json": json.dumps(metadata(**changes))}
    path = str(folder / "model.pt")
    torch.jit.save(torch.jit.script(module), path, _extra_files=extra)
    return folder


def failed(folder: Path) -> set[str]:
    return {one.name for one in check_model(folder) if not one.passed}


@pytest.fixture(autouse=True)
def no_native_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy models have none; asking Python about every one of them takes seconds."""
    monkeypatch.setenv("REDOXMC_PYTHON", "false")


WEIGHTS = [1.3, 1.7, 2.1, 2.5, 2.9]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_sound_model_passes(tmp_path: Path, dtype: str) -> None:
    checks = check_model(write_toy(tmp_path, dtype))
    assert all(one.passed and one.value is not None for one in checks)
    assert len(checks) == 18


def test_the_classical_reference_passes() -> None:
    checks = check_model(REFERENCE)
    assert all(one.passed for one in checks)
    assert [one.name for one in checks if one.value is None] == ["LAMMPS against Python"]


def test_a_direction_in_space_is_found(tmp_path: Path) -> None:
    folder = replace_module(write_toy(tmp_path), Lopsided(WEIGHTS, torch.float64))
    assert "rotation: forces (eV/Å)" in failed(folder)


def test_forces_that_are_no_derivative_are_found(tmp_path: Path) -> None:
    folder = replace_module(write_toy(tmp_path), Unsmooth(WEIGHTS, torch.float64))
    assert failed(folder) == {
        "finite differences: forces (eV/Å)",
        "finite differences: stress (eV/atom)",
    }


def test_too_few_layers_in_the_metadata_are_found_on_two_ranks(tmp_path: Path) -> None:
    folder = replace_module(write_toy(tmp_path), Toy(WEIGHTS, torch.float64), n_layers=1)
    names = failed(folder)
    assert names
    assert all(name.startswith("1 against 2 ranks") for name in names)


def test_charge_blindness_is_found_where_awareness_is_claimed(tmp_path: Path) -> None:
    folder = write_toy(tmp_path)
    replace_module(folder, Toy([1.3, 1.7, 1.7, 2.5, 2.9], torch.float64))
    assert failed(folder) == {"energy change on a charge swap (eV), at least"}
    card = folder / "card.toml"
    card.write_text(card.read_text().replace("charge_aware = true", "charge_aware = false"))
    with pytest.raises(InputError, match=r"charge_aware False but model\.pt has True"):
        failed(folder)
    replace_module(folder, Toy(WEIGHTS, torch.float64), charge_aware=False)
    with pytest.raises(InputError, match="but its table tells charge states apart"):
        failed(folder)  # refused before anything is evaluated


def test_lammps_that_differs_from_python_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_toy(tmp_path)
    other = replace_module(write_toy(tmp_path / "other"), Toy([1.4] * 5, torch.float64))
    monkeypatch.setattr(
        check, "evaluate_in_python", lambda _, structure: evaluate_in_python(other, structure)
    )
    names = failed(folder)
    assert names
    assert all(name.startswith("LAMMPS against Python") for name in names)


def test_a_model_that_gives_nan_fails(tmp_path: Path) -> None:
    (only,) = check_model(write_toy(tmp_path, broken="Na+"))
    assert not only.passed
    assert "not a finite number" in only.note


def test_without_mpirun_the_ranks_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_ranks.shutil, "which", lambda *_, **__: None)
    (skipped,) = [one for one in check_model(write_toy(tmp_path)) if one.value is None]
    assert skipped.name == "1 against 2 ranks"
    assert "no mpirun" in skipped.note


def test_a_structure_of_ones_own(tmp_path: Path) -> None:
    atoms = Atoms("FeO", positions=[[0, 0, 0], [1.9, 0.2, 0.1]], cell=np.eye(3) * 4.0, pbc=True)
    atoms.set_array("charge_state", np.array(["Fe2+", "O2-"]))
    checks = check_model(write_toy(tmp_path), atoms)
    assert [one.name for one in checks if one.value is None] == [
        "energy change on a charge swap (eV)"
    ]
    atoms.pbc = False
    with pytest.raises(InputError, match="not periodic"):
        check_model(tmp_path, atoms)
    atoms.pbc = True
    atoms.set_array("charge_state", np.array(["Fe4+", "O2-"]))
    with pytest.raises(InputError, match=r"no species \['Fe4\+'\]"):
        check_model(tmp_path, atoms)


def test_the_command_prints_writes_json_and_sets_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_toy(tmp_path / "toy")
    report = tmp_path / "check.json"
    assert not app(["check", str(folder), "--json", str(report)], standalone_mode=False)
    data = json.loads(report.read_text())
    assert data["passed"] is True
    assert {"name", "value", "limit", "passed"} <= set(data["checks"][0])
    assert "1 against 2 ranks" in capsys.readouterr().out
    replace_module(folder, Toy([1.7] * len(SPECIES), torch.float64))
    assert app(["check", str(folder), "--json", str(report)], standalone_mode=False) == 1
    assert json.loads(report.read_text())["passed"] is False


def test_a_card_without_bond_lengths_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """It evaluates, but no Monte Carlo run can start from it."""
    with pytest.raises(SystemExit) as stop:
        app(["check", str(write_toy(tmp_path / "m"))])
    assert stop.value.code in (0, None)
    said = " ".join(capsys.readouterr().out.split())
    assert "has no bond lengths of Fe2+, Fe3+: 'redoxmc run' needs a table [bonds." in said
