import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.engines.host import HostRelaxer
from redoxmc.engines.relaxed import check_sites
from redoxmc.errors import EngineError
from redoxmc.structures.occupancy import occupancy_of_key


def make(campaign, **changes):
    system = load_system(campaign(**changes))
    relax = system.config.relax.model_copy(update={"force_tolerance": 1e-4})
    return system, HostRelaxer(system.host, system.session, relax).engine(2)


def test_equivalent_orders_relax_to_one_energy(campaign):
    system, engine = make(campaign)
    for key in ("0101|0110", "0011|0110", "0110|0110"):
        orbit = system.host.symmetry.orbit(occupancy_of_key(key))
        energies = [engine.relax(image).energy for image in orbit]
        assert np.ptp(energies) < 1e-6


def test_the_relaxed_energy_is_a_function_of_the_occupancy(campaign):
    """Reached along every swap path from every other order, to 1e-6 eV."""
    _, engine = make(campaign)
    keys = ["0011", "0101", "0110", "1001", "1010", "1100"]
    states = {key: engine.relax(occupancy_of_key(f"{key}|0110")) for key in keys}
    assert np.ptp([state.energy for state in states.values()]) > 0.3
    for start in keys:
        for end in keys:
            old, new = (occupancy_of_key(f"{key}|0110") for key in (start, end))
            along = engine.relax_from(new, states[start], old)
            assert along.energy == pytest.approx(states[end].energy, abs=1e-6)


@pytest.mark.parametrize("cell", ["fixed", "full"])
def test_transformed_states_are_relaxed_states(campaign, cell):
    """Turning a relaxed state by a symmetry operation gives the relaxed state of the image."""
    system, engine = make(campaign, cell=cell)
    occupancy = occupancy_of_key("0101|0110")
    state = engine.relax(occupancy)
    symmetry = system.host.symmetry
    identity = next(o for o, s in enumerate(symmetry.sites) if (s == np.arange(len(s))).all())
    for operation in range(len(symmetry.sites)):
        image = occupancy[symmetry.occupancies[operation]]
        turned = engine.transform(state, occupancy, *symmetry.between(identity, operation))
        _, species = system.lattice.atoms(image)
        there = system.session.evaluate(turned.cell, turned.positions, species)
        assert there.energy == pytest.approx(state.energy, abs=1e-7)
        assert there.largest_force < 1e-3


def test_the_host_of_an_x_has_the_symmetry_of_the_host(campaign):
    system, engine = make(campaign, cell="per_x")
    geometry = engine.geometry
    cell = geometry.cell
    assert np.abs(cell - np.diag(np.diag(cell))).max() < 1e-9
    assert not np.allclose(cell, system.lattice.cell, atol=0.05)
    scaled = geometry.positions @ np.linalg.inv(cell)
    for rotation, shift, source in zip(
        system.host.symmetry.rotations,
        system.host.symmetry.translations,
        system.host.symmetry.sites,
        strict=True,
    ):
        difference = scaled[source] @ rotation.T + shift - scaled
        assert np.abs(difference - np.round(difference)).max() < 1e-3


def test_an_atom_that_left_its_site_is_a_failure():
    sites = np.zeros((4, 3))
    moved = sites.copy()
    moved[2, 0] = 1.6
    with pytest.raises(EngineError, match=r"atom 2 ended 1\.20 Å from its site"):
        check_sites(moved, sites, 1.0)
    check_sites(sites + 5.0, sites, 1.0)  # a common shift is none


def test_a_failure_says_what_it_cost(campaign):
    _, engine = make(campaign)
    engine.settings = engine.settings.model_copy(update={"site_tolerance": 0.01})
    with pytest.raises(EngineError, match="from its site") as caught:
        engine.relax(occupancy_of_key("0101|0110"))
    assert caught.value.force_evaluations > 10
