import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.structures import ordering
from redoxmc.structures.occupancy import occupancy_of_key


@pytest.fixture
def system(campaign):
    return load_system(campaign(supercell=[1, 2, 1]))


def madelung(system, occupancy):
    """Ewald energy (eV) of the formal charges, from pymatgen directly."""
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.core import Lattice, Structure

    sites, species = system.lattice.atoms(occupancy)
    names = [str(s) for s in species]
    cell = Lattice(system.lattice.cell)
    return EwaldSummation(Structure(cell, names, system.lattice.scaled[sites])).total_energy


def test_ewald_matrix_gives_the_energy_of_charges():
    cell, scaled = np.diag([5.64] * 3), np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    matrix = ordering.ewald_matrix(cell, scaled)
    q = np.array([1.0, -1.0])
    # CsCl structure: Madelung constant 1.76267, nearest distance a sqrt(3)/2
    expected = -1.76267 * 14.39964 / (5.64 * np.sqrt(3) / 2)
    assert q @ matrix @ q == pytest.approx(expected, rel=1e-5)


def test_lowest_charge_order_is_the_lowest(system):
    ions = ordering.lowest_electrostatic(system.host, 4)
    best = ordering.lowest_charge_order(system.lattice, ions)
    rng = np.random.default_rng(0)
    lowest = madelung(system, best)
    for _ in range(10):
        charges = rng.permutation([1, 1, 1, 1, 0, 0, 0, 0]).astype(np.int8)
        assert madelung(system, np.concatenate([charges, ions])) > lowest - 1e-4


def test_annealing_finds_what_exhaustion_finds(system, monkeypatch):
    exact = ordering.lowest_electrostatic(system.host, 4)
    monkeypatch.setattr(ordering, "EXHAUSTIVE", 0)
    annealed = ordering.lowest_electrostatic(system.host, 4)
    assert np.array_equal(annealed, exact)


def test_random_order_depends_on_the_seed_alone(system):
    one, again, other = (
        ordering.ion_order(system.host, 4, "random", np.random.default_rng(s)) for s in (1, 1, 7)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert one.sum() == other.sum() == 4


def test_order_of_a_file_round_trips(system, tmp_path):
    from ase import Atoms
    from ase.io import write

    wanted = occupancy_of_key("11000000|01000001")
    sites, species = system.lattice.atoms(wanted)
    positions = (system.lattice.scaled @ system.lattice.cell)[sites] + 0.2
    atoms = Atoms([s.element for s in species], positions, cell=system.lattice.cell, pbc=True)
    write(tmp_path / "order.xyz", atoms, format="extxyz")
    found = ordering.ion_order_of_file(system.lattice, 2, tmp_path / "order.xyz")
    assert np.array_equal(found, wanted[8:])
    with pytest.raises(InputError, match="no frame has 3 Na"):
        ordering.ion_order_of_file(system.lattice, 3, tmp_path / "order.xyz")
    with pytest.raises(InputError, match="nor a readable structure file"):
        ordering.ion_order_of_file(system.lattice, 2, tmp_path / "nothing.xyz")


def test_a_cell_too_large_for_ewald_is_refused(system, monkeypatch):
    monkeypatch.setattr(ordering, "EWALD_LIMIT", 10)
    with pytest.raises(InputError, match="too many for an Ewald matrix"):
        ordering.lowest_electrostatic(system.host, 4)
