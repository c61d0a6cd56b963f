"""The comparison on small models of random weights: every part, resumed, and its page."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from conftest import HOST, REPO
from models_helpers import NAMES, SPECIES

from model_comparison.barrier import read_path
from model_comparison.compared_model import ComparedModel
from model_comparison.energies import Point, hull_statistics, order_statistics
from model_comparison.models import find_models
from model_comparison.orders import distinct_orders
from model_comparison.page import write_page
from model_comparison.records import Records
from model_comparison.relaxations import final_order, kept, mean_bonds
from model_comparison.run import collect, csv_text, run_comparison
from model_comparison.settings import Settings, StatesSettings, load_settings
from redoxmc.errors import EngineError, InputError
from redoxmc.model_card import Bonds
from redoxmc.species import Species
from redoxmc.structures.occupancy import occupancy_of_key
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
supercell = [1, 1, 1]
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
    assert teacher["frames"] == 16
    assert teacher["orders"]["relaxed"]["ion_orders"] == 5
    assert teacher["orders"]["relaxed"]["spearman"] > 0.8
    hull = teacher["hull"]["fixed"]
    assert hull["orders"] == 14
    assert hull["rmse_meV_per_site"] < 50

    errors = results["errors-held-out"]["mace"]
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
    assert "| held out | mace | 16 |" in text
    assert "| mace | MACE | 1.9" in text
    assert "| mace | 0.5 | – / – / 10 of 10 | – / – / 1 of 1 | – / – / 1 of 1 |" in text
    # the relaxed energy is a function of the order
    assert all(row["orders"] == 1 and row["largest_meV"] < 1 for row in states["spread"])
    for plot in ("assignment", "orders-teacher", "hull-teacher", "distribution-small"):
        assert f"comparison/{plot}.png" in text
        assert (page.with_suffix("") / f"{plot}.png").stat().st_size > 5000
    assert (page.with_suffix("") / "states-small.csv").is_file()
    with (out / "lattices.csv").open(encoding="utf-8") as stream:
        names = [row["model"] for row in csv.DictReader(stream)]
    assert names == ["mace", "experiment"]


def test_a_judge_looks_at_the_ends(tmp_path: Path) -> None:
    models = f'[[models]]\nname = "mace"\npath = "{SHIPPED}"\n'
    models += '[[models]]\nname = "judge"\npretrained = "CHGNet"\n'
    path = write_settings(tmp_path, models)
    path.write_text('judge = "judge"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    settings = load_settings(path)
    one = settings.states[0].model_copy(update={"concentrations": [0.25], "orders": 1})
    settings = settings.model_copy(update={"states": [one]})
    found = run_comparison(
        settings, tmp_path / "out", tmp_path, models=["mace"], only=["states-small"]
    )["states-small"]["mace"]
    rows = {row["start"]: row for row in found["assignment"]}
    assert rows["symmetric"]["kept_by_judge"] == rows["symmetric"]["relaxations"] == 1
    assert rows["symmetric"]["kept_by_moments"] is None
    first = found["relaxations"][0]
    assert first["end"]["judge"] == first["order"].partition("|")[0]
    assert sorted(first["judged_muB"])[0] < 4.15 < sorted(first["judged_muB"])[1]
    assert not (tmp_path / "out" / "judge" / "lattices.json").exists()


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


def points(model: dict[str, float]) -> list[Point]:
    table = {"0|0": (0.0, 0.0), "a": (0.5, -0.1), "b": (0.5, -0.07), "c": (0.5, -0.02)}
    table["1|1"] = (1.0, 0.0)
    return [
        Point(k, "ions" if 0 < x < 1 else k, x, e + 5.0 * x, model[k], model[k] + 0.001, True)
        for k, (x, e) in table.items()
    ]


def test_statistics_of_orders_and_hull() -> None:
    exact = points({"0|0": 1.0, "a": 3.4, "b": 3.43, "c": 3.48, "1|1": 6.0})
    found = order_statistics(exact, "fixed")
    assert found is not None
    assert found["spearman"] == pytest.approx(1.0)
    assert found["spearman_pooled"] == pytest.approx(1.0)
    assert found["mae_meV_per_site"] == pytest.approx(0.0, abs=1e-9)
    assert (found["pairs"], found["pairs_in_order"]) == (3, 3)
    hull = hull_statistics(exact, "fixed")
    assert hull is not None
    assert hull["rmse_meV_per_site"] == pytest.approx(0.0, abs=1e-9)
    assert hull["same_stable_x"]

    wrong = points({"0|0": 1.0, "a": 3.53, "b": 3.52, "c": 3.51, "1|1": 6.0})
    found = order_statistics(wrong, "relaxed")
    assert found is not None
    assert found["spearman"] == pytest.approx(-1.0)
    assert found["pairs_in_order"] == 0
    assert found["mae_meV_per_site"] == pytest.approx((40 + 60 + 100) / 3)
    hull = hull_statistics(wrong, "relaxed")
    assert hull is not None
    assert hull["stable_model"] == [0.0, 1.0]
    assert not hull["same_stable_x"]
    collapsed = points({"0|0": 1.0, "a": 3.51, "b": 3.51001, "c": 3.510002, "1|1": 6.0})
    found = order_statistics(collapsed, "fixed")
    assert found is not None
    assert (found["spearman"], found["spearman_pooled"], found["pairs_in_order"]) == (0.0, None, 0)
    assert order_statistics(exact[:2], "fixed") is None
    assert hull_statistics(exact[1:], "fixed") is None


def test_a_band_over_a_path(model: ComparedModel, tmp_path: Path) -> None:
    from ase.calculators.singlepoint import SinglePointCalculator
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
        ("[material]\n", 'judge = "x"\n[material]\n', "judge = 'x' is none of the models"),
    ],
)
def test_faults_of_the_file(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = write_settings(tmp_path, f'[[models]]\nname = "mace"\npath = "{SHIPPED}"\n')
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        load_settings(path)


def test_the_shipped_file_is_right() -> None:
    settings = load_settings(REPO / "scripts" / "studies" / "reproduce_paper.toml")
    assert len(settings.models) == 8
    assert all(reference.frames.is_file() for reference in settings.references)
    assert settings.material.host.is_file()
    assert tuple(settings.material.species) == NAMES


def test_csv_has_all_columns() -> None:
    assert csv_text([{"a": 1}, {"b": 2}]) == "a,b\n1,\n,2\n"
