import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.structures.compositions import ion_count
from redoxmc.structures.lattice import Lattice
from redoxmc.structures.occupancy import occupancy_key, occupancy_of_key


@pytest.fixture
def lattice(campaign):
    return load_system(campaign()).lattice


def test_sites_of_the_host(lattice):
    assert (lattice.formula, lattice.formula_units) == ("NaFePO4", 4)
    assert (lattice.n_redox, lattice.n_ion_sites, len(lattice.species)) == (4, 4, 28)
    assert {str(s) for s in lattice.species} == {"Na+", "Fe2+", "P5+", "O2-"}


def test_neutral_counts(lattice):
    assert [lattice.n_reduced(n) for n in range(5)] == [0, 1, 2, 3, 4]
    assert lattice.total_charge(occupancy_of_key("0101|1010")) == 0
    assert lattice.total_charge(occupancy_of_key("0100|1010")) == 1


def test_atoms_follow_the_occupancy(lattice):
    sites, species = lattice.atoms(occupancy_of_key("0101|1010"))
    names = [str(s) for s in species]
    assert len(sites) == 26
    assert (names.count("Na+"), names.count("Fe2+"), names.count("Fe3+")) == (2, 2, 2)
    fe = [names[list(sites).index(site)] for site in lattice.redox_sites]
    assert fe == ["Fe3+", "Fe2+", "Fe3+", "Fe2+"]


def test_key_and_data_round_trip(lattice):
    occupancy = occupancy_of_key("0110|1001")
    assert occupancy_key(lattice, occupancy) == "0110|1001"
    again = Lattice.from_data(lattice.to_data())
    assert again.species == lattice.species
    assert np.array_equal(again.scaled, lattice.scaled)


def test_a_concentration_that_does_not_fit_says_which_do(lattice):
    assert ion_count(lattice, 0.75) == 3
    for x in (0.3, 1.25):
        with pytest.raises(InputError, match=r"it can hold 0, 0\.25, 0\.5, 0\.75, 1"):
            ion_count(lattice, x)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('reduced = "Fe2+"', 'reduced = "Mn2+"', "must be one element"),
        ('oxidised = "Fe3+"', 'oxidised = "Fe4+"', "has no species 'Fe4\\+'; it has Na\\+, Fe2"),
        ('species = "Na+"', 'species = "Li+"', "has no species 'Li\\+'"),
        ('reduced = "Fe2+"\noxidised = "Fe3+"', 'reduced = "Fe3+"\noxidised = "Fe2+"', "lower"),
        ("host.cif", "missing.cif", "does not exist"),
    ],
)
def test_bad_input_is_one_sentence(campaign, old, new, sentence):
    path = campaign()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=sentence):
        load_system(path)


def test_a_host_without_redox_sites_is_refused(campaign, tmp_path):
    from ase.io import read, write

    path = campaign()
    host = read(path.read_text().split('structure = "')[1].split('"')[0])
    del host[[atom.symbol == "Fe" for atom in host]]
    write(tmp_path / "no_fe.cif", host)
    path = campaign(host=tmp_path / "no_fe.cif")
    with pytest.raises(InputError, match="has no redox site: no Fe in it"):
        load_system(path)


def test_sampled_ion_orders_need_their_move_and_the_move_needs_them(campaign):
    with pytest.raises(InputError, match="'sampled' needs the move ion_swap or ion_charge_swap"):
        load_system(campaign(ordering="sampled"))
    moves = "[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0"
    with pytest.raises(InputError, match="ion_swap changes the ion order and needs"):
        load_system(campaign(more=moves))
    assert load_system(campaign(ordering="sampled", more=moves)).mixture.moves
