"""`redoxmc generate`: distinct neutral orders, their distortions, variants, the committee's choice.

The model is the classical reference in the 28-atom cell: no training is needed.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import HOST, REFERENCE
from typer.testing import CliRunner

from redoxmc.cli.main import app
from redoxmc.config.campaign import load_config
from redoxmc.data.bond_bias import find_shells
from redoxmc.data.committee import disagreement, select
from redoxmc.data.generate import Extent, around_run, generate
from redoxmc.data.orders import choose_orders
from redoxmc.data.variants import Variety
from redoxmc.engines.lammps import LammpsSession
from redoxmc.errors import InputError
from redoxmc.io.extxyz import read_labelled, species_of, write_labelled
from redoxmc.model_card import load_card
from redoxmc.structures.host import Host
from redoxmc.structures.host_file import build_lattice
from redoxmc.structures.occupancy import occupancy_key

NOTHING = Variety(rattles=())
CONFIG = """
[host]
structure = "{host}"
supercell = [1, 1, 1]
[redox]
reduced = "Fe2+"
oxidised = "Fe3+"
[ions]
species = "Na+"
concentrations = {concentrations}
[model]
path = "{model}"
[relax]
cell = "fixed"
[sampling]
temperatures = [300.0]
steps = 1
"""


def write_config(folder: Path, model: Path = REFERENCE, concentrations: str = "[0.5]") -> Path:
    path = folder / "campaign.toml"
    path.write_text(CONFIG.format(host=HOST, model=model, concentrations=concentrations))
    return path


def altered(folder: Path, name: str, old: str, new: str) -> Path:
    """Return a copy of the reference model with one parameter changed."""
    target = folder / name
    shutil.copytree(REFERENCE, target)
    text = (target / "potential.lmp").read_text()
    assert old in text
    (target / "potential.lmp").write_text(text.replace(old, new))
    return target


@pytest.fixture(scope="module")
def lattice(tmp_path_factory):
    config = load_config(write_config(tmp_path_factory.mktemp("lattice")))
    return build_lattice(config, load_card(config.model.path))


def test_orders_are_all_the_distinct_ones(lattice) -> None:
    host = Host.of(lattice)
    symmetry = host.symmetry
    chosen = choose_orders(host, 2, 99, 99, np.random.default_rng(1))
    every = set()
    for code in range(256):
        bits = np.array([int(b) for b in f"{code:08b}"], dtype=np.int8)
        if bits[:4].sum() == bits[4:].sum() == 2:
            every.add(symmetry.canonical(bits).tobytes())
    assert {symmetry.canonical(one).tobytes() for one in chosen} == every
    assert len(chosen) == len(every)


def test_orders_are_limited_neutral_and_reproducible(lattice) -> None:
    host = Host.of(lattice)
    runs = [choose_orders(host, 2, 2, 2, np.random.default_rng(3)) for _ in range(2)]
    assert [one.tobytes() for one in runs[0]] == [one.tobytes() for one in runs[1]]
    assert len(runs[0]) == 4
    assert all(lattice.total_charge(one) == 0 for one in runs[0])
    assert len({occupancy_key(lattice, one).split("|")[1] for one in runs[0]}) == 2


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    path = write_config(tmp_path_factory.mktemp("made"), concentrations="[0.25, 0.5]")
    variety = Variety(rattles=(0.03,), temperatures=(300.0,), md_steps=10, snapshots=2)
    return generate(path, Extent(ion_orders=1, charge_orders=2), variety)


def test_frames_are_neutral_and_carry_their_distortion(generated, tmp_path: Path) -> None:
    write_labelled(tmp_path / "a.extxyz", generated.frames)  # refuses nothing that is read below
    frames = read_labelled(tmp_path / "a.extxyz")
    assert len(frames) == sum(generated.counts.values())
    bonds = load_card(REFERENCE).bonds
    means: dict[str, list[float]] = {"Fe2+": [], "Fe3+": []}
    for frame in (one for one in frames if one.info["made_by"] == "relaxation"):
        states = [str(one) for one in species_of(frame)]
        for shell in find_shells(frame, states, bonds):
            length = np.linalg.norm(shell.vectors(frame.positions), axis=1).mean()
            means[states[shell.centre]].append(length)
    assert min(means["Fe2+"]) > max(means["Fe3+"]) + 0.03


def test_variants_belong_to_their_state(generated) -> None:
    by_order: dict[str, list] = {}
    for frame in generated.frames:
        by_order.setdefault(frame.info["order"], []).append(frame)
    for frames in by_order.values():
        assert [one.info["made_by"] for one in frames] == ["relaxation", "rattle", "md", "md"]
        state, rattled, first, second = frames
        assert all(
            (one.arrays["charge_state"] == state.arrays["charge_state"]).all() for one in frames
        )
        moved = rattled.get_scaled_positions() - state.get_scaled_positions()
        moved = (moved - np.round(moved)) @ state.cell.array
        assert 0.02 < moved.std() < 0.04
        assert not np.allclose(rattled.cell, state.cell)
        assert first.info["time_fs"] == 20.0
        assert second.info["time_fs"] == 40.0
        assert np.abs(second.positions - first.positions).max() > 0.01


def test_the_same_seed_gives_the_same_frames(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    plan, variety = Extent(1, 1), Variety((0.03,), temperatures=(300.0,), md_steps=5, snapshots=1)
    first, second = generate(path, plan, variety), generate(path, plan, variety)
    for one, two in zip(first.frames, second.frames, strict=True):
        assert np.abs(one.positions - two.positions).max() < 1e-6
    other = generate(path, Extent(1, 1, seed=2), variety)
    assert np.abs(other.frames[1].positions - first.frames[1].positions).max() > 1e-3


def test_a_model_that_loses_the_order_is_helped_by_the_bias(tmp_path: Path) -> None:
    """Fe2+ with shorter bonds than Fe3+: relaxed alone, the distortions would be exchanged."""
    blind = altered(
        tmp_path, "blind", "pair_coeff 2 5 pedone 0.078171 1.822638 2.658163",
        "pair_coeff 2 5 pedone 2.0 1.62 2.0",
    )  # fmt: skip
    result = generate(write_config(tmp_path, blind), Extent(1, 1, bias=2000.0), NOTHING)
    assert result.counts == {"biased relaxation": 1}
    (frame,) = result.frames
    bonds = load_card(REFERENCE).bonds
    for shell in find_shells(frame, [str(one) for one in species_of(frame)], bonds):
        length = np.linalg.norm(shell.vectors(frame.positions), axis=1).mean()
        assert abs(length - shell.target) < 0.05


def test_without_relaxation_bond_lengths_are_the_targets(tmp_path: Path) -> None:
    result = generate(write_config(tmp_path), Extent(1, 1, relax=False), NOTHING)
    (frame,) = result.frames
    bonds = load_card(REFERENCE).bonds
    for shell in find_shells(frame, [str(one) for one in species_of(frame)], bonds):
        length = np.linalg.norm(shell.vectors(frame.positions), axis=1).mean()
        assert length == pytest.approx(shell.target, abs=1e-3)


# --- committee ---------------------------------------------------------------------------------


def test_disagreement_is_the_deviation_of_the_forces(generated, tmp_path: Path) -> None:
    other = altered(tmp_path, "other", "2.658163", "2.700000")
    frames = generated.frames[:2]
    values, energies = disagreement(frames, [REFERENCE, other])
    for index, frame in enumerate(frames):
        forces = []
        for row, folder in enumerate((REFERENCE, other)):
            session = LammpsSession(load_card(folder))
            state = session.evaluate(np.array(frame.cell), frame.positions, species_of(frame))
            session.close()
            forces.append(state.forces)
            assert energies[row, index] == pytest.approx(state.energy, abs=1e-9)
        half = (
            np.linalg.norm(forces[0] - forces[1], axis=1).max() / 2
        )  # of two: half the difference
        assert values[index] == pytest.approx(half, rel=1e-9)
    assert values.min() > 0.01


def test_choice_is_ranked_and_has_no_duplicates(generated, tmp_path: Path) -> None:
    other = altered(tmp_path, "other", "2.658163", "2.700000")
    models = [REFERENCE, other]
    frames = [one.copy() for one in generated.frames]
    moved = frames[0].copy()
    moved.positions += 0.7  # the same crystal
    nudged = frames[0].copy()
    nudged.positions[3] += 0.03  # nearly the same
    chosen = select([*frames, moved, nudged], models, 99)
    values = [one.info["disagreement_eV_per_A"] for one in chosen]
    assert values == sorted(values, reverse=True)
    kin = [
        one for one in chosen if len(one) == len(moved) and one.info["order"] == moved.info["order"]
    ]
    assert sum(one.info["made_by"] == "relaxation" for one in kin) == 1
    assert len(select(frames, models, 3)) == 3
    best = select(frames, models, 1)[0].info["disagreement_eV_per_A"]
    assert best == pytest.approx(disagreement(frames, models)[0].max())


def test_a_committee_needs_two_models_that_know_the_species(generated, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 2 models, not 1"):
        select(generated.frames, [REFERENCE], 3)
    poor = altered(tmp_path, "poor", "pair_coeff", "pair_coeff")
    for name in ("card.toml", "potential.lmp"):
        text = (poor / name).read_text().replace("Fe2+", "Mn2+")
        (poor / name).write_text(text)
    with pytest.raises(InputError, match=r"poor has no species Fe2\+"):
        select(generated.frames, [REFERENCE, poor], 3)


# --- the command -------------------------------------------------------------------------------


def test_command_and_start_from_a_run(generated, tmp_path: Path) -> None:
    config, out, report = write_config(tmp_path), tmp_path / "a.extxyz", tmp_path / "a.json"
    other = altered(tmp_path, "other", "2.658163", "2.700000")
    (tmp_path / "run" / "structures").mkdir(parents=True)
    write_labelled(tmp_path / "run" / "structures" / "best.extxyz", generated.frames[:1])
    words = ["generate", str(config), "--out", str(out), "--run", str(tmp_path / "run")]
    words += ["--rattle", "0.02", "--rattle", "0.05", "--committee", str(REFERENCE)]
    words += ["--committee", str(other), "--select", "2", "--json", str(report)]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.output
    data = json.loads(report.read_text())
    assert data == {
        "generated": 3,
        "written": 2,
        "made_by": {"run": 1, "rattle": 2},
        "failed": [],
    }
    frames = read_labelled(out)
    assert len(frames) == 2
    assert {one.info["run_structure"] for one in frames} == {"best.extxyz#0"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rattle", "-1"], "--rattle must be positive"),
        (["--committee", "a"], "needs at least 2 models"),
        (["--run", "nowhere"], "nowhere holds no structures"),
    ],
)
def test_bad_input(tmp_path: Path, words: list[str], message: str) -> None:
    start = ["generate", str(write_config(tmp_path)), "--out", str(tmp_path / "o.extxyz")]
    outcome = CliRunner().invoke(app, [*start, *words])
    assert isinstance(outcome.exception, InputError)
    assert message in str(outcome.exception)


def test_a_run_without_structures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the folder of a run"):
        around_run(write_config(tmp_path), tmp_path, NOTHING, 1)
