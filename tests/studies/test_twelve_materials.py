"""The study of twelve materials: all of them can be said, and what is compared is right."""

from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from conftest import HOST

from redoxmc.campaign.system import load_system
from redoxmc.thermo.entropy import boltzmann_probabilities
from twelve.compare import THIN, compare, p_value, tables
from twelve.hosts import materials
from twelve.page import page

MATERIALS = {material.name: material for material in materials(HOST)}


def test_there_are_twelve_kinds():
    assert len(MATERIALS) == 12
    assert len({material.kind for material in MATERIALS.values()}) == 12


@pytest.mark.parametrize("name", MATERIALS)
def test_each_is_a_folder_and_no_code(tmp_path, name):
    """It loads; its cations have the neighbours that its potential is made for."""
    material = MATERIALS[name]
    system = load_system(tables(material, tmp_path / "a", 10))
    assert system.counts
    lattice = system.lattice
    assert all(lattice.n_reduced(n) is not None for n in system.counts.values())
    system.host.distorter_of(system.host.unrelaxed)  # refuses a site with too few ligands


def test_one_of_them_from_end_to_end(tmp_path):
    outcome = compare(MATERIALS["Fe3O4"], tmp_path / "a", 1200)
    assert (outcome.sites, outcome.states, outcome.orders, outcome.failed) == ("8", 9, 70, 0)
    assert outcome.p > 1e-4  # the false-alarm rate
    assert "| Fe3O4 | no mobile ion" in page([outcome], 1200)


@pytest.mark.parametrize(("wrong", "low", "high"), [(0.0, 1e-4, 1.0), (0.05, 0.0, 1e-4)])
def test_p_tells_right_visits_from_wrong_ones(wrong, low, high):
    """wrong: eV added to one energy of the enumeration."""
    energies, degeneracies = np.array([0.0, 0.05, 0.1]), np.array([2, 3, 1])
    p = boltzmann_probabilities(energies, degeneracies, 900.0)
    keys = np.random.default_rng(1).choice(["a", "b", "c"], size=THIN * 1500, p=p)
    traces = pandas.DataFrame({"replica": "x0.5_T900_seed1", "key": keys})
    listed = zip("abc", np.add(energies, [0.0, wrong, 0.0]), degeneracies, strict=True)
    states = [SimpleNamespace(key=k, x=0.5, energy_eV=e, degeneracy=g) for k, e, g in listed]
    exact = SimpleNamespace(states=states)
    results = SimpleNamespace(to_dataframe=lambda rows: traces)
    assert low <= p_value(exact, results, 900.0) < high
