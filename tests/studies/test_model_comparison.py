"""The comparison on small models of random weights: every part, resumed, and its page."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from conftest import HOST, REPO
from models_helpers import NAMES, SPECIES

from model_comparison.barrier import read_path
from model_comparison.compared_model import ComparedModel
from model_comparison.energies import Point, hull, hull_rmse, order_statistics
from model_comparison.errors import measure_errors
from model_comparison.judged import read_verdicts, verdict_rows
from model_comparison.models import find_models
from model_comparison.orders import distinct_orders
from model_comparison.page import write_page
from model_comparison.parts import has_seen, name_of, part_of
from model_comparison.records import Records
from model_comparison.relaxations import final_order, kept, mean_bonds
from model_comparison.run import collect, csv_text, run_comparison
from model_comparison.settings import FramesSettings, Settings, StatesSettings, load_settings
from redoxmc.errors import EngineError, InputError
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.model_card import Bonds, load_card
from redoxmc.models.frames import hash_files
from redoxmc.species import Species
from redoxmc.structures.occupancy import occupancy_of_key
from study_tools.order_energies import OrderEnergy, order_errors, spearman_text
from study_tools.orders import occupancy_of_frame

TEXT = """
[material]
host = "{host}"
species = ["Na+", "Fe2+", "Fe3+", "P5+", "O2-"]
reduced = "Fe2+"
oxidised = "Fe3+"
ion = "Na+"
moment_midpoint = 4.15
[material.bonds."Fe2+"]
mean = 2.16
coordination = 6
ligand = "O2-"
[material.bonds."Fe3+"]
mean = 2.08
coordination = 6
ligand = "O2-"
{models}
[relax]
force_tolerance = 0.02
max_iterations = 100
[[states]]
name = "small"
supercell = [1, 1, 1]
concentrations = [0.25, 0.5]
rattled = 1
others = 1
distribution = true
[[frames]]
name = "held out"
files = ["{frames}"]
[[frames]]
name = "VASP"
files = ["neb_image_1.OUTCAR"]
published = true
[[references]]
name = "teacher"
frames = "{frames}"
[moments]
supercell = [1, 1, 1]
orders = ["0101|0110"]
[[lattices]]
name = "experiment"
empty = [9.82, 5.79, 4.79]
full = [10.41, 6.22, 4.95]
[barrier]
path = "path.traj"
"""
SHIPPED = REPO / "potentials" / "mace-nafepo4-small"
TEACHER = REPO / "potentials" / "data" / "dft" / "teacher.extxyz"


def write_settings(folder: Path, models: str) -> Path:
    path = folder / "comparison.toml"
    path.write_text(TEXT.format(host=HOST, frames=TEACHER, models=models), encoding="utf-8")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    models = f'[[models]]\nname = "mace"\npath = "{SHIPPED}"\n'
    models += '[[models]]\nname = "absent"\npath = "nowhere"\n'
    return load_settings(write_settings(tmp_path, models))


@pytest.fixture
def model(settings: Settings, tmp_path: Path) -> Any:
    card = find_models(settings, tmp_path / "out", ["mace"])["mace"]
    work = ComparedModel("mace", card, settings, tmp_path / "out" / "mace")
    yield work
    work.close()


def test_the_whole_comparison_and_its_page(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    results = run_comparison(settings, out, tmp_path)
    said = capsys.readouterr().err
    assert "no model 'absent'" in said
    assert "has no moments" in said
    assert "path.traj is not in the folder" in said
    assert "neb_image_1.OUTCAR not in the folder" in said

    states = results["states-small"]["mace"]
    rows = {(row["x"], row["start"]): row for row in states["assignment"]}
    assert rows[0.5, "reference"]["relaxations"] == 10
    assert rows[0.5, "symmetric"]["relaxations"] == 1
    # species carry the order, so a charge-aware model keeps it
    assert all(row["kept_by_bonds"] == row["relaxations"] for row in states["assignment"])
    assert all(row["kept_by_moments"] is None for row in states["assignment"])
    distribution = states["distribution"][1]
    assert distribution["states"] == 36  # of all ion orders
    assert 0 < distribution["entropy_kB_per_site"]["300"] < distribution["limit_kB_per_site"]

    teacher = results["energies-teacher"]["mace"]
    fixed, relaxed = teacher["rows"]
    assert (fixed["at"], relaxed["at"], relaxed["part"]) == ("fixed", "relaxed", "test")
    assert (relaxed["states"], relaxed["lost"], relaxed["orders"]["orders"]) == (14, 0, 14)
    assert relaxed["orders"]["spearman_95"][0] > 0.5
    assert fixed["hull_rmse_meV_per_site"] < 50

    (errors,) = results["errors-held-out"]["mace"]["rows"]
    assert errors["frames"] == 16
    assert 0 < errors["energy_meV_per_atom"] < 10
    assert 0 < errors["force_meV_per_A"] < 200

    lattice = results["lattices"]["mace"]
    assert lattice["change_percent"] == pytest.approx(17.7, abs=3.0)

    page = tmp_path / "docs" / "comparison.md"
    write_page(settings, results, page, "command")
    text = page.read_text(encoding="utf-8")
    assert "Not yet there: absent." in text
    assert "| small: kept from symmetric, % | 100 |" in text
    assert "| held out | test | mace | held out | 16 |" in text
    assert "| mace | MACE | 1.9" in text
    assert "| mace | 0.5 | – / 10 of 10 | – / 1 of 1 | – / 1 of 1 |" in text
    # the relaxed energy is a function of the order
    assert all(row["orders"] == 1 and row["largest_meV"] < 1 for row in states["spread"])
    for plot in ("assignment", "orders-teacher", "hull-teacher", "distribution-small"):
        assert f"comparison/{plot}.png" in text
        assert (page.with_suffix("") / f"{plot}.png").stat().st_size > 5000
    assert (page.with_suffix("") / "states-small.csv").is_file()
    with (out / "lattices.csv").open(encoding="utf-8") as stream:
        names = [row["model"] for row in csv.DictReader(stream)]
    assert names == ["mace", "experiment"]


def judged_states(folder: Path) -> Settings:
    """Two charge orders of one ion order and a third state; DFT has one of each verdict."""
    from redoxmc.data.compute import read_tasks
    from redoxmc.data.settings import load_settings as load_recipe

    orders = {str(f.info["order"]): f for f in read_labelled(TEACHER)}
    states, energies = [], (-10.0, -10.4, -9.0, -8.0)
    keys = ("0101|0110", "0011|0110", "0001|0001", "0111|0111")
    for number, key in enumerate(keys):
        frame = orders[f"1x1x1:{key}"].copy()
        frame.info |= {"model": "m", "model_energy": energies[number], "made_by": "relaxed"}
        frame.info["starts"] = "reference symmetric" if number < 3 else "symmetric"
        states.append(frame)
    write_labelled(folder / "states.extxyz", states)
    (folder / "recipe.toml").write_text("", encoding="utf-8")
    tasks = read_tasks([folder / "states.extxyz"], load_recipe("gpaw", folder / "recipe.toml"))
    labels = []
    for number, task in enumerate(tasks[:3]):
        frame = task.atoms.copy()
        frame.info |= {"key": task.key, "order_kept": number != 2}
        forces = np.zeros((len(frame), 3))
        forces[0] = [0.3, 0.0, 0.4]
        frame.calc = SinglePointCalculator(
            frame, energy=(-20.0, -20.2, -5.0)[number], forces=forces, stress=np.full(6, 0.01)
        )
        labels.append(frame)
    write_labelled(folder / "labels.extxyz", labels)
    failed = {tasks[3].key: "did not converge", "of another": "x"}
    (folder / "labels.extxyz.failed.json").write_text(json.dumps(failed), encoding="utf-8")
    path = write_settings(folder, f'[[models]]\nname = "mace"\npath = "{SHIPPED}"\n')
    judged = 'states = ["states.extxyz"]\nframes = "labels.extxyz"\nrecipe = "recipe.toml"\n'
    path.write_text(f"{path.read_text(encoding='utf-8')}[judged]\n{judged}", encoding="utf-8")
    return load_settings(path)


def test_dft_says_which_relaxed_states_keep_their_order(tmp_path: Path) -> None:
    settings = judged_states(tmp_path)
    reference, symmetric = verdict_rows(read_verdicts(settings), settings)
    assert (reference["model"], reference["start"]) == ("m", "reference")
    assert (reference["states"], reference["did_not_relax"]) == (3, 1)
    assert [reference[k] for k in ("computed", "kept", "lost", "did_not_converge")] == [3, 2, 1, 0]
    assert [symmetric[k] for k in ("computed", "kept", "lost", "did_not_converge")] == [3, 2, 1, 1]
    assert (symmetric["states"], symmetric["did_not_relax"]) == (4, 0)
    assert reference["kept_percent"] == pytest.approx(200 / 3)
    assert symmetric["kept_percent"] == pytest.approx(50.0)  # what failed is not kept
    atoms = sum(len(v.label) for v in read_verdicts(settings) if v.label is not None)
    assert reference["force_largest_eV_per_A"] == pytest.approx(0.5)
    assert reference["force_mean_eV_per_A"] == pytest.approx(3 * 0.5 / atoms)
    assert reference["stress_GPa"] == pytest.approx(1.602, abs=1e-3)
    assert reference["bonds_A"]["Fe2+"] > reference["bonds_A"]["Fe3+"] + 0.05
    # the model's -0.4 eV between two orders of four sites, DFT's -0.2
    assert (reference["pairs"], reference["mae_meV_per_site"]) == (1, pytest.approx(50.0))
    page = tmp_path / "docs" / "comparison.md"
    write_page(settings, collect(settings, tmp_path / "out", tmp_path), page, "command")
    text = page.read_text(encoding="utf-8")
    assert "| m | symmetric | 4 | 0 | 3 | 2 | 1 | 1 | 50 |" in text
    assert (page.with_suffix("") / "judged.csv").is_file()

    states = read_labelled(tmp_path / "states.extxyz")
    del states[1].info["model"]
    write_labelled(tmp_path / "states.extxyz", states)
    with pytest.raises(InputError, match=r"states.extxyz, frame 1: a relaxed state has"):
        read_verdicts(settings)


def test_a_model_knows_what_it_has_seen(tmp_path: Path) -> None:
    card = load_card(SHIPPED)
    frames = read_labelled(TEACHER)
    assert card.raw["data"]["train"] == ["train.extxyz"]
    assert not has_seen(card, [TEACHER], frames)
    named = tmp_path / "train.extxyz"
    named.write_text("any content: the set may have grown", encoding="utf-8")
    assert has_seen(card, [TEACHER, named], frames)
    hashed = replace(card, raw={"training_data_sha256": hash_files([TEACHER])})
    assert has_seen(hashed, [TEACHER], frames)
    (example,) = read_labelled(SHIPPED / "example.extxyz")
    assert has_seen(card, [TEACHER], [*frames, example])  # a copy under another name
    example.calc.results["energy"] += 1e-3  # one structure with other labels is another set
    example.calc.results.pop("free_energy", None)
    assert not has_seen(card, [TEACHER], [*frames, example])
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    example.info["key"] = "a4bc80f889701fe8"
    write_labelled(folder / "example.extxyz", [example])
    example.calc.results["energy"] += 1e-3  # the labels of the set were corrected since
    assert has_seen(replace(card, folder=folder), [TEACHER], [*frames, example])
    example.info["key"] = "of another structure"
    assert not has_seen(replace(card, folder=folder), [TEACHER], [*frames, example])

    parts = [{"part": "train"}, {"part": "valid"}, {"part": "test"}, {}]
    some = [Atoms(info=info) for info in parts]
    assert [name_of(part_of(f, True), True) for f in some] == ["in-sample"] * 2 + [
        "held out",
        "in-sample",
    ]
    assert [part_of(f, False) for f in some] == ["train", "train", "test", "test"]
    assert {name_of(part_of(f, False), False) for f in some} == {"held out"}


def test_errors_are_told_apart_by_part(model: ComparedModel, tmp_path: Path) -> None:
    frames = read_labelled(TEACHER)
    for number, frame in enumerate(frames):
        frame.info["part"] = "test" if number < 4 else "train"
        if number < 4:
            frame.calc.results["forces"] = frame.calc.results["forces"] + 1.0
        frame.calc.results["energy"] += 0.01 * len(frame)
    path = tmp_path / "train.extxyz"  # the name among the training files of the card
    write_labelled(path, frames)
    seen = measure_errors(model, FramesSettings(name="DFT", files=[path]), tmp_path)["rows"]
    assert [(r["part"], r["errors"], r["frames"], r["fitted"]) for r in seen] == [
        ("train", "in-sample", 12, 0),
        ("test", "held out", 4, 0),
    ]
    assert seen[0]["force_meV_per_A"] < 200 < 800 < seen[1]["force_meV_per_A"]
    assert 0 < seen[0]["stress_GPa"] < 3
    other = path.rename(tmp_path / "other.extxyz")
    unseen = measure_errors(model, FramesSettings(name="DFT", files=[other]), tmp_path)["rows"]
    assert [(r["part"], r["errors"]) for r in unseen] == [
        ("train", "held out"),
        ("test", "held out"),
    ]
    assert unseen[0]["fitted"] > 0
    # the other scale of 10 meV per atom is fitted away where the set was not trained on
    assert unseen[0]["energy_meV_per_atom"] < 8 < seen[0]["energy_meV_per_atom"]


def test_a_stopped_comparison_goes_on(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    whole = run_comparison(settings, out, tmp_path, only=["states-small"])
    file = out / "mace" / "states-small.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    lost = next(iter(content["entries"]))
    del content["entries"][lost]
    file.write_text(json.dumps(content), encoding="utf-8")
    asked = []

    def relax(model: Any, engine: Any, key: str, start: str) -> dict[str, Any]:
        asked.append(f"{key}/{start}")
        return whole["states-small"]["mace"]["relaxations"][0]

    monkeypatch.setattr("model_comparison.states.relax_order", relax)
    again = run_comparison(settings, out, tmp_path, only=["states-small"])
    assert asked == [lost]
    parts = [found["states-small"]["mace"]["assignment"] for found in (whole, again)]
    assert parts[0] == parts[1]
    assert again["lattices"] == {}


def test_results_of_a_model_that_changed_are_left_out(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = run_comparison(settings, out, tmp_path, only=["lattices"])
    assert "mace" in found["lattices"]
    table = json.loads((out / "lattices.json").read_text(encoding="utf-8"))
    table["mace"]["sha256"] = "of another one"
    (out / "lattices.json").write_text(json.dumps(table), encoding="utf-8")
    assert collect(settings, out, tmp_path)["lattices"] == {}


def test_records_of_something_else_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    assert Records(path, "a").get("k", lambda: {"v": 1}) == {"v": 1}
    assert Records(path, "a").get("k", lambda: {"v": 2}) == {"v": 1}
    assert Records(path, "b").get("k", lambda: {"v": 2}) == {"v": 2}

    def fail() -> dict[str, Any]:
        raise EngineError("no minimum", 7)

    assert Records(path, "b").get("f", fail) == {"error": "no minimum", "evaluations": 7}
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(InputError, match="is no file of a comparison"):
        Records(path, "b")


@pytest.mark.parametrize(
    ("bonds", "order"),
    [
        ([2.16, 2.08, 2.17, 2.07], "1010"),
        ([2.20, 2.13, 2.19, 2.12], "1010"),  # a wide lattice: all are above the midpoint
        ([2.13, 2.12, 2.13, 2.12], "averaged"),
        ([2.16, 2.15, 2.16, 2.07], "averaged"),  # one electron on two ions
        ([2.08, 2.16, 2.07, 2.17], "0101"),
    ],
)
def test_orders_by_bonds(settings: Settings, bonds: list[float], order: str) -> None:
    record = {"bonds_A": bonds, "moments_muB": None}
    assert final_order("1010|0110", record, settings, "bonds") == order
    assert kept("1010|0110", record, settings, "bonds") is (order == "1010")
    assert kept("1010|0110", record, settings, "moments") is None


def test_orders_by_moments_and_failures(settings: Settings) -> None:
    record = {"bonds_A": [2.2] * 4, "moments_muB": [3.95, 4.38, 4.0, 4.3]}
    assert kept("1010|0110", record, settings, "moments") is True
    assert kept("1100|0110", record, settings, "moments") is False
    assert final_order("1010|0110", record, settings, "midpoint") == "1111"
    assert kept("1010|0110", {"error": "x"}, settings, "moments") is False


def test_mean_bonds_see_images() -> None:
    """In a thin cell two images of one ligand are two ligands."""
    cell = np.diag([20.0, 20.0, 4.0])
    positions = np.array([[0.0, 0, 0], [0, 0, 2.0], [2.1, 0, 0]])
    species = [Species.parse(n) for n in ("Fe2+", "O2-", "O2-")]
    bond = Bonds(2.1, 3, Species.parse("O2-"))
    found = mean_bonds(cell, positions, species, np.array([0]), bond)
    assert found[0] == pytest.approx((2.0 + 2.0 + 2.1) / 3)
    missing = mean_bonds(cell, positions, species, np.array([0]), replace(bond, coordination=6))
    assert np.isnan(missing[0])


def test_distinct_orders(model: ComparedModel) -> None:
    cell = model.supercell((1, 1, 1))
    every = StatesSettings(name="s", supercell=[1, 1, 1], concentrations=[0.5])
    space = distinct_orders(cell, every, 0.5)
    assert (len(space), sum(space.values())) == (10, 36)
    one = every.model_copy(update={"orders": 100})
    assert sum(distinct_orders(cell, one, 0.5).values()) == 6
    few = every.model_copy(update={"orders": 2})
    assert len(distinct_orders(cell, few, 0.5)) == 2


def test_a_frame_has_the_order_of_its_states(model: ComparedModel) -> None:
    lattice = model.supercell((1, 1, 1)).lattice
    wanted = occupancy_of_key("0101|0110")
    sites, species = lattice.atoms(wanted)
    atoms = Atoms(
        [s.element for s in species], scaled_positions=lattice.scaled[sites], cell=lattice.cell
    )
    atoms.set_array("charge_state", np.array([str(s) for s in species]))
    shuffled = atoms[np.random.default_rng(0).permutation(len(atoms))]
    shuffled.rattle(0.1, seed=1)
    assert np.array_equal(occupancy_of_frame(lattice, shuffled), wanted)
    with pytest.raises(InputError, match="no site of its own"):
        occupancy_of_frame(lattice, shuffled + shuffled[[0]])
    del shuffled[int(shuffled.symbols.indices()["Fe"][0])]
    with pytest.raises(InputError, match="atoms on the"):
        occupancy_of_frame(lattice, shuffled)


def points(model: dict[str, float], held_out: str = "abc") -> list[Point]:
    table = {"0|0": (0.0, 0.0), "a": (0.5, -0.1), "b": (0.5, -0.07), "c": (0.5, -0.02)}
    table["1|1"] = (1.0, 0.0)
    return [
        Point(
            k,
            "ions" if 0 < x < 1 else k,
            x,
            e + 5.0 * x,
            model[k],
            model[k] + 0.001,
            True,
            "test" if k in held_out else "train",
        )
        for k, (x, e) in table.items()
    ]


def test_statistics_of_orders_and_hull() -> None:
    exact = points({"0|0": 1.0, "a": 3.4, "b": 3.43, "c": 3.48, "1|1": 6.0})
    found = order_statistics(exact, "fixed", "test")
    assert found is not None
    assert found["mae_meV_per_site"] == pytest.approx(0.0, abs=1e-9)
    assert (found["pairs"], found["pairs_in_order"]) == (3, 3)
    of_both = hull(exact, "fixed")
    assert of_both is not None
    assert hull_rmse(of_both, "test") == pytest.approx(0.0, abs=1e-9)
    assert hull_rmse(of_both, "train") is None
    assert order_statistics(exact, "fixed", "train") is None

    wrong = points({"0|0": 1.0, "a": 3.53, "b": 3.52, "c": 3.51, "1|1": 6.0}, "c")
    found = order_statistics(wrong, "relaxed", "test")
    assert found is not None
    assert (found["orders"], found["pairs"], found["pairs_in_order"]) == (1, 2, 0)
    assert found["mae_meV_per_site"] == pytest.approx((60 + 100) / 2)  # of pairs with c
    # relative to the mean of all three
    assert found["reference_meV_per_site"] == pytest.approx([130 / 3])
    assert found["model_meV_per_site"] == pytest.approx([-10.0])
    found = order_statistics(wrong, "relaxed", "train")
    assert found is not None
    assert (found["pairs"], found["mae_meV_per_site"]) == (1, pytest.approx(40.0))
    of_wrong = hull(wrong, "relaxed")
    assert of_wrong is not None
    assert of_wrong["stable_model"] == [0.0, 1.0] != of_wrong["stable_reference"]
    assert hull_rmse(of_wrong, "test") == pytest.approx(30.0)
    assert hull(exact[1:], "fixed") is None


def test_ranks_and_their_interval() -> None:
    def found(predicted: list[float]) -> dict[str, Any]:
        entries = [
            OrderEnergy("ab"[n % 2], 0.001 * n, energy, True) for n, energy in enumerate(predicted)
        ]
        result = order_errors(entries, held_out=True)
        assert result is not None
        return result

    rising = found([0.002 * n for n in range(8)])
    assert (rising["spearman"], rising["spearman_95"]) == (
        pytest.approx(1.0),
        [pytest.approx(1)] * 2,
    )
    falling = found([-0.002 * n for n in range(8)])
    assert falling["spearman"] == pytest.approx(-1.0)
    equal = found([1.0 + 1e-6 * n for n in range(8)])  # fallen together: ties, no ranks
    assert (equal["spearman"], equal["spearman_95"]) == (0.0, [0.0, 0.0])
    noisy = found([0.0, 0.003, 0.001, 0.002, 0.005, 0.004, 0.007, 0.001])
    low, high = noisy["spearman_95"]
    assert -1 < low < noisy["spearman"] < high <= 1
    assert found([0.0, 1.0, 2.0])["spearman"] is None
    assert spearman_text(noisy) == f"{noisy['spearman']:.2f} [{low:.2f}, {high:.2f}]"


def test_a_band_over_a_path(model: ComparedModel, tmp_path: Path) -> None:
    from ase.io import write

    from model_comparison.barrier import measure_barrier
    from model_comparison.settings import BarrierSettings

    lattice = model.supercell((1, 1, 2)).lattice
    key = "1" + "0" * 7 + "|" + "1" + "0" * 7
    sites, species = lattice.atoms(occupancy_of_key(key))
    images = []
    for step, along in enumerate((0.0, 0.4, 0.8)):
        atoms = Atoms(
            [s.element for s in species],
            scaled_positions=lattice.scaled[sites],
            cell=lattice.cell,
            pbc=True,
        )
        ion = atoms.symbols.indices()["Na"][0]
        atoms.positions[ion, 2] += along
        results: dict[str, Any] = {"energy": [0.0, 0.2, 0.1][step]}
        results["forces"] = np.zeros((len(atoms), 3))
        if step != 1:
            table = {"Fe2+": 3.79, "Fe3+": 4.32}
            results["magmoms"] = np.array([table.get(str(s), 0.0) for s in species])
        atoms.calc = SinglePointCalculator(atoms, **results)
        images.append(atoms)
    write(tmp_path / "path.traj", images)
    found, energies = read_path(tmp_path / "path.traj")
    assert energies == [0.0, 0.2, 0.1]
    assert all(list(i.arrays["charge_state"]) == [str(s) for s in species] for i in found)
    result = measure_barrier(model, BarrierSettings(path="path.traj", max_steps=2), tmp_path)
    assert result["published_barrier_eV"] == pytest.approx(0.2)
    alone = [
        model.session.evaluate(np.array(i.cell), i.get_positions(), species).energy for i in found
    ]
    assert result["single_points_eV"] == pytest.approx(np.array(alone) - alone[0], abs=1e-6)
    assert len(result["band_eV"]) == 3
    assert result["barrier_eV"] == max(result["band_eV"])
    assert (result["steps"], result["converged"]) == (2, False)
    write(tmp_path / "bare.traj", images[1])
    with pytest.raises(InputError, match="two ends"):
        read_path(tmp_path / "bare.traj")


def test_moments_are_followed_and_read(settings: Settings, tmp_path: Path) -> None:
    """With a cPaiNN of random weights: the driver's session and the dump agree at the end."""
    from model_comparison.trajectories import measure_trajectories
    from redoxmc.models.cpainn import CPainnSettings, cpainn_from_table
    from redoxmc.models.export import Provenance, export_model
    from redoxmc.models.table import make_table

    small = CPainnSettings(width=8, n_layers=2, scale=0.01)
    network = cpainn_from_table(small, make_table(SPECIES, True), True, 1)
    folder = tmp_path / "cpainn"
    export_model(network, folder, Provenance(bonds=settings.bonds))
    text = f'[[models]]\nname = "cpainn"\npath = "{folder}"\n'
    own = load_settings(write_settings(tmp_path, text))
    own = own.model_copy(update={"relax": own.relax.model_copy(update={"force_tolerance": 0.1})})
    card = find_models(own, tmp_path / "out")["cpainn"]
    model = ComparedModel("cpainn", card, own, tmp_path / "out" / "cpainn")
    lattice = model.supercell((1, 1, 1)).lattice
    # a random model has no sensible lattice: the host's own is taken
    model.hosts.get(
        "1x1x1/2",
        lambda: {
            "cell": lattice.cell.tolist(),
            "positions": (lattice.scaled @ lattice.cell).tolist(),
        },
    )
    assert own.moments is not None
    found = measure_trajectories(model, own.moments)["trajectories"]
    assert [t["start"] for t in found] == ["reference", "symmetric"]
    for entry in found:
        table = np.array(entry["moments_muB"])
        assert table.shape[1] == 4
        assert np.ptp(table[-1]) > 1e-3  # two species
    last = model.session.per_atom()["moment"]
    _, species = lattice.atoms(occupancy_of_key("0101|0110"))
    iron = [k for k, s in enumerate(species) if s.element == "Fe"]
    np.testing.assert_allclose(last[iron], found[-1]["moments_muB"][-1], atol=1e-4)
    model.close()
    with pytest.raises(EngineError, match="no structure"):
        model.session.per_atom()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('oxidised = "Fe3+"', 'oxidised = "Fe4+"', "material.bonds lacks 'Fe4\\+'"),
        ("rattled = 1", "ratled = 1", "unknown key 'states.0.ratled'"),
        ('name = "mace"', 'name = "a/b"', "'a/b' is not one folder name"),
        (f'path = "{SHIPPED}"', "", "'mace' needs either path or pretrained"),
    ],
)
def test_faults_of_the_file(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = write_settings(tmp_path, f'[[models]]\nname = "mace"\npath = "{SHIPPED}"\n')
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        load_settings(path)


def test_the_shipped_file_is_right() -> None:
    settings = load_settings(REPO / "scripts" / "studies" / "reproduce_paper.toml")
    assert len(settings.models) == 9
    assert all(reference.frames.is_file() for reference in settings.references)
    assert settings.judged is not None
    of_models = {str(v.state.info["model"]) for v in read_verdicts(settings)}
    assert of_models
    assert settings.material.host.is_file()
    assert tuple(settings.material.species) == NAMES


def test_csv_has_all_columns() -> None:
    assert csv_text([{"a": 1}, {"b": 2}]) == "a,b\n1,\n,2\n"
