"""A campaign of each kind of material on a classical model, from the config to the report."""

import json

import numpy as np
import pytest
from conftest import HOST
from materials import cobaltate, magnetite, nickelate, two_couples, write_campaign

from redoxmc.campaign.enumeration import enumerate_states
from redoxmc.campaign.run import run_campaign
from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.results.store import load
from redoxmc.structures.exclusion import allowed
from redoxmc.structures.lattice import Lattice
from redoxmc.structures.occupancy import occupancy_of_key

SAMPLING = "[sampling]\ntemperatures = [1500.0]\nsteps = 30\nseeds = [1, 2]\n"
IONS_TOO = SAMPLING + "[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0\n"
DYNAMICS = """[sampling]
ensemble = "md"
temperatures = [300.0]
steps = 4
[md]
segment = 5
interval = 2
equilibration = 40.0
protocol_steps = 8
"""


def run(folder, material, sampling):
    config = write_campaign(folder, material, sampling)
    assert run_campaign(config, folder / "run", progress=False) == 0
    return json.loads((folder / "run/summary.json").read_text()), load(folder / "run/results.h5")


@pytest.mark.parametrize(
    ("material", "x", "states", "move"),
    [
        (nickelate(), 1.0, {"Ni2+", "Ni3+", "Ni4+"}, "electron_transfer"),
        (two_couples(HOST), 0.5, {"Fe2+", "Fe3+", "Mn2+", "Mn3+"}, "electron_transfer"),
        (magnetite(), 0.5, {"Fe2+", "Fe3+"}, "charge_swap"),
    ],
)
def test_a_campaign(tmp_path, material, x, states, move):
    summary, store = run(tmp_path, material, SAMPLING)
    assert [point["x"] for point in summary["thermo"]] == [x]
    assert summary["voltage"] == []
    assert summary["thermo"][0]["formation_energy_eV_per_fu"] is None
    failed = len(summary["failed_states"]) / summary["distinct_states"]
    assert summary["thermo"][0]["failed_share"] == failed < 0.2
    assert not failed or summary["thermo"][0]["electronic_entropy_standard_error"] != 0.0
    assert all(set(one["moves"]) == {move} for one in summary["runs"])
    lattice = Lattice.from_data(store.header["lattice"])
    assert {str(state) for ladder in lattice.ladders for state in ladder} == states
    for key in store.cache.entries:
        assert lattice.total_charge(occupancy_of_key(key)) == 0
    assert (tmp_path / "run" / f"plots/lowest_x{x:g}.png").is_file()


def test_magnetite_is_enumerated_with_octahedral_sites_only(tmp_path):
    config = write_campaign(tmp_path, magnetite(), SAMPLING)
    exact = enumerate_states(config)
    assert sum(state.degeneracy for state in exact.states) == 70
    assert {state.x for state in exact.states} == {0.5}
    species = load_system(config).lattice.species
    assert sum(str(one) == "Fe3+" for one in species) == 4  # tetrahedral: they stay


def test_ions_keep_their_distance(tmp_path):
    """Every state met is allowed; without the key most states fail."""
    summary, store = run(tmp_path, cobaltate(), IONS_TOO)
    lattice = Lattice.from_data(store.header["lattice"])
    met = [occupancy_of_key(key)[lattice.n_redox :] for key in store.cache.entries]
    assert len(met) > 3
    assert all(allowed(lattice.excluded, ions) for ions in met)
    assert {run["failure"] for run in summary["runs"]} == {None}
    assert 0.0 <= summary["thermo"][0]["failed_share"] < 0.5


def test_a_part_of_the_range_has_a_hull_between_its_ends(tmp_path):
    material = two_couples(HOST)
    ions = material.ions.replace("[0.5]", "[0.25, 0.5, 0.75]")
    material = type(material)(material.cell, material.sites, material.species, material.redox, ions)
    summary, _ = run(tmp_path, material, SAMPLING)
    formation = [point["formation_energy_eV_per_fu"] for point in summary["thermo"]]
    assert (formation[0], formation[-1]) == (0.0, 0.0)
    energies = [point["energy_eV_per_fu"] for point in summary["thermo"]]
    assert formation[1] == pytest.approx(energies[1] - (energies[0] + energies[2]) / 2, abs=1e-12)
    assert summary["host"]["end_members"] == ["Na0.5MnFeP2O8", "Na1.5MnFeP2O8"]
    assert (tmp_path / "run/plots/hull.png").is_file()
    assert summary["phase_diagram"][0]["stable"][0] == 0.25


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("sites = [6]", 'sites = ["Fe9"]'), "'Fe9' is no site of that element"),
        (('oxidised = "Fe3+"\n', ""), "reduced and oxidised are needed, or states"),
        (('reduced = "Fe2+"\n', 'states = ["Fe2+", "Fe3+"]\n'), "not both"),
        (("sites = [6]", "sites = [6]\nspin = 1"), "unknown key 'redox.0.spin'"),
        (("[sampling]", '[sampling]\nensemble = "semigrand"'), r"needs the table \[ions\]"),
        (("seeds = [1, 2]\n", "[sampling.moves]\nion_swap = 1.0"), r"needs the table \[ions\]"),
    ],
)
def test_what_is_refused_of_magnetite(tmp_path, change, sentence):
    config = write_campaign(tmp_path, magnetite(), SAMPLING)
    text = config.read_text()
    assert change[0] in text
    config.write_text(text.replace(*change))
    with pytest.raises(InputError, match=sentence):
        load_system(config)


@pytest.mark.parametrize("move", ["charge_swap", "charge_swap_2", "neighbour_swap"])
def test_swaps_of_one_couple_refuse_three_states(tmp_path, move):
    config = write_campaign(tmp_path, nickelate(), f"{SAMPLING}[sampling.moves]\n{move} = 1.0\n")
    with pytest.raises(InputError, match=f"{move} exchanges the two .* use electron_transfer"):
        load_system(config)


def test_steps_of_different_size_are_refused(tmp_path):
    material = two_couples(HOST)
    redox = material.redox.replace('"Mn3+"', '"Mn4+"')
    material = type(material)(material.cell, material.sites, material.species, redox, material.ions)
    with pytest.raises(InputError, match="by the same number of electrons"):
        load_system(write_campaign(tmp_path, material, SAMPLING))


def test_a_distance_that_leaves_no_room_is_refused(tmp_path):
    too_long = cobaltate(minimum_distance=3.0)  # Na of one layer are 2.84 Å apart: at most 4 of 8
    material = type(too_long)(
        too_long.cell,
        too_long.sites,
        too_long.species,
        too_long.redox,
        too_long.ions.replace("[0.5]", "[1.0]"),
        (2, 2, 1),
    )
    with pytest.raises(InputError, match=r"x = 1 cannot be held .* it can hold 0, "):
        load_system(write_campaign(tmp_path, material, IONS_TOO))


def test_electrons_pass_between_couples_in_dynamics(tmp_path):
    """Exactness is tested on wells (test_replica.py); here LAMMPS and the records are."""
    summary, store = run(tmp_path, two_couples(HOST), DYNAMICS)
    lattice = Lattice.from_data(store.header["lattice"])
    (record,) = summary["runs"]
    assert record["moves"]["electron_transfer"]["proposed"] == 4
    assert record["n_reduced"] == 2
    for trace in store.traces.values():
        for key in trace.raw_keys:
            assert occupancy_of_key(key)[: lattice.n_redox].sum() == 2
    assert record["failure"] is None
    ideal = summary["thermo"][0]["ideal_finite_size_kB_per_site"]
    assert ideal == pytest.approx(np.log(6) / 4)
