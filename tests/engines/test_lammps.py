import numpy as np
import pytest
from conftest import REFERENCE

from redoxmc.campaign.system import load_system
from redoxmc.engines.box import lammps_axes
from redoxmc.engines.lammps import LammpsSession
from redoxmc.errors import EngineError, InputError
from redoxmc.model_card import load_card
from redoxmc.species import Species
from redoxmc.structures.occupancy import occupancy_of_key


@pytest.fixture
def system(campaign):
    system = load_system(campaign())
    yield system
    system.session.close()


def rattled(system, key="0101|1001", amplitude=0.05, seed=0):
    lattice = system.lattice
    sites, species = lattice.atoms(occupancy_of_key(key))
    rng = np.random.default_rng(seed)
    positions = (lattice.scaled @ lattice.cell)[sites]
    return lattice.cell, positions + amplitude * rng.normal(size=positions.shape), species


TRICLINIC = np.eye(3) + np.array([[0.01, 0.03, -0.02], [0.0, -0.01, 0.04], [0.0, 0.0, 0.02]])


def rotation():
    q, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_axes_are_lower_triangular_and_rotate_back():
    cell = np.diag([9.0, 6.0, 5.0]) @ TRICLINIC @ rotation()
    box, turn = lammps_axes(cell)
    assert np.allclose(box @ turn, cell)
    assert np.allclose(np.triu(box, 1), 0)
    assert (np.diag(box) > 0).all()
    with pytest.raises(InputError, match="left-handed"):
        lammps_axes(cell[[1, 0, 2]])


@pytest.mark.parametrize("strain", [np.eye(3), TRICLINIC])
def test_forces_and_stress_are_derivatives_of_the_energy(system, strain):
    cell, x, species = rattled(system)
    cell, x = cell @ strain, x @ strain
    session, h = system.session, 5e-4  # smaller: the noise of the Ewald cutoff; larger: h^2
    state = session.evaluate(cell, x, species)
    for atom, axis in ((0, 0), (5, 1), (20, 2)):
        up, down = x.copy(), x.copy()
        up[atom, axis] += h
        down[atom, axis] -= h
        slope = (
            session.evaluate(cell, up, species).energy
            - session.evaluate(cell, down, species).energy
        ) / (2 * h)
        assert -slope == pytest.approx(state.forces[atom, axis], abs=2e-5)
    volume = abs(np.linalg.det(cell))
    for component, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        tensor = np.zeros((3, 3))
        tensor[a, b] = tensor[b, a] = h / 2 if a != b else h
        plus, minus = np.eye(3) + tensor, np.eye(3) - tensor
        slope = (
            session.evaluate(cell @ plus, x @ plus, species).energy
            - session.evaluate(cell @ minus, x @ minus, species).energy
        ) / (2 * h)
        assert slope / volume == pytest.approx(state.stress[component], abs=2e-6)


def test_a_rotated_structure_gives_the_same_energy_and_rotated_forces(system):
    cell, x, species = rattled(system)
    turn = rotation()
    state, turned = (
        system.session.evaluate(c, p, species) for c, p in ((cell, x), (cell @ turn, x @ turn))
    )
    assert turned.energy == pytest.approx(state.energy, abs=1e-7)
    assert np.abs(turned.forces - state.forces @ turn).max() < 1e-5


def test_results_do_not_depend_on_what_was_computed_before(system):
    """Bit for bit: this is what makes a relaxed energy a function, and a chain reproducible."""
    first = rattled(system)
    alone = system.session.minimize(*first, force_tolerance=1e-3)
    system.session.minimize(*rattled(system, "1111|1111", 0.1, 7), force_tolerance=1e-2)
    system.session.evaluate(first[0] @ TRICLINIC, first[1] @ TRICLINIC, first[2])
    after = system.session.minimize(*first, force_tolerance=1e-3)
    system.session.close()
    fresh = system.session.minimize(*first, force_tolerance=1e-3)
    for other in (after, fresh):
        assert other.energy == alone.energy
        assert np.array_equal(other.positions, alone.positions)
        assert other.force_evaluations == alone.force_evaluations


def test_minimization_lowers_the_energy_to_the_tolerance(system):
    start = rattled(system)
    before = system.session.evaluate(*start)
    after = system.session.minimize(*start, force_tolerance=1e-3)
    assert after.energy < before.energy - 0.1
    assert after.largest_force <= 1e-3 < before.largest_force
    assert after.force_evaluations > 10


def test_a_swap_of_charges_changes_the_energy(system):
    cell, x, _ = rattled(system)
    energies = {
        key: system.session.evaluate(cell, x, system.lattice.atoms(occupancy_of_key(key))[1]).energy
        for key in ("0101|1001", "1001|1001")
    }
    assert abs(energies["0101|1001"] - energies["1001|1001"]) > 1e-3


def test_failures_are_engine_errors_and_the_session_survives(system):
    good = rattled(system)
    energy = system.session.evaluate(*good).energy
    cell, x, species = good
    on_top = x.copy()
    on_top[1] = on_top[0]
    with pytest.raises(EngineError):
        system.session.evaluate(cell, on_top, species)
    with pytest.raises(EngineError):
        system.session.evaluate(cell, np.full_like(x, np.nan), species)
    with pytest.raises(EngineError, match="ended at a force"):
        system.session.minimize(*good, force_tolerance=1e-9, max_iterations=1)
    assert system.session.evaluate(*good).energy == energy


def test_a_species_that_the_model_lacks_is_bad_input(system):
    cell, x, species = rattled(system)
    wrong = (Species.parse("Li+"), *species[1:])
    with pytest.raises(InputError, match="has no species 'Li\\+'; it has Na\\+, Fe2"):
        system.session.evaluate(cell, x, wrong)


def test_positions_stay_in_their_image(system):
    cell, x, species = rattled(system)
    far = x + cell[0] - 2 * cell[2]
    state = system.session.minimize(cell, far, species, force_tolerance=1e-2)
    assert np.abs(state.positions - far).max() < 1.0


def test_the_reference_session_needs_no_torch(system):
    assert load_card(REFERENCE).is_classical
    assert LammpsSession(system.card).card.lammps_charges["Fe3+"] == 1.8
