"""Dynamics in LAMMPS: conservation, agreement of its two integrators, forces along a path."""

import numpy as np
import pytest
from toy_models import write_toy

from redoxmc.campaign.system import load_system
from redoxmc.dynamics.candidate import switch
from redoxmc.dynamics.phase import (
    MVV2E,
    Phase,
    degrees_of_freedom,
    kinetic_energy,
    masses_of,
    refreshed,
    thermal_velocities,
)
from redoxmc.dynamics.session import MdSession
from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.single_point import Structure
from redoxmc.errors import EngineError
from redoxmc.model_card import load_card
from redoxmc.models.in_python import evaluate_in_python
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.units import KB

KEYS = "0101|1001", "1001|1001"
TRICLINIC = np.eye(3) + np.array([[0.01, 0.03, -0.02], [0.0, -0.01, 0.04], [0.0, 0.0, 0.02]])


@pytest.fixture
def system(campaign):
    return load_system(campaign())


@pytest.fixture
def session(system):
    session = MdSession(system.card)
    yield session
    session.close()


def structure(system, key=KEYS[0]):
    lattice = system.lattice
    sites, species = lattice.atoms(occupancy_of_key(key))
    return (lattice.scaled @ lattice.cell)[sites], species


def thermal(system, session, temperature=600.0, cell=None):
    cell = system.lattice.cell if cell is None else cell
    positions, species = structure(system)
    positions = positions @ np.linalg.inv(system.lattice.cell) @ cell
    state = session.minimize(cell, positions, species, force_tolerance=0.1)
    rng = np.random.default_rng(1)
    velocities = thermal_velocities(masses_of(species), temperature, rng)
    return cell, Phase(state.positions, velocities), species, state.energy


def total(phase, species, energy):
    return energy + kinetic_energy(masses_of(species), phase.velocities)


def test_energy_is_conserved_to_the_square_of_the_time_step(system, session):
    cell, start, species, energy = thermal(system, session)
    errors = []
    for time_step in (0.002, 0.001, 0.0005):
        end, potential = session.trajectory(
            cell, start, species, round(0.02 / time_step), time_step
        )
        errors.append(total(end, species, potential) - total(start, species, energy))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.3)
    # 2 ps: no drift beyond the fluctuation, which is 1e-4 eV per atom
    end, potential = session.trajectory(cell, start, species, 2000, 0.001)
    drift = total(end, species, potential) - total(start, species, energy)
    assert abs(drift) / len(species) < 5e-4


def test_a_trajectory_is_time_reversible(system, session):
    cell, start, species, _ = thermal(system, session)
    end, _ = session.trajectory(cell, start, species, 40, 0.002)
    back, _ = session.trajectory(cell, end.reversed(), species, 40, 0.002)
    assert np.abs(end.positions - start.positions).max() > 0.1
    assert np.abs(back.positions - start.positions).max() < 1e-8
    assert np.abs(back.velocities + start.velocities).max() < 1e-6


@pytest.mark.parametrize("strain", [np.eye(3), TRICLINIC])
def test_a_path_between_equal_states_is_the_trajectory_of_lammps(system, session, strain):
    """Our integrator and LAMMPS' follow the same equations with the same constants."""
    cell, start, species, _ = thermal(system, session, cell=system.lattice.cell @ strain)
    theirs, energy = session.trajectory(cell, start, species, 30, 0.002)
    session.begin(cell, start.positions, species)

    def forces(x):
        return session.forces(x, species)

    ours = switch(forces, forces, start, masses_of(species), np.linspace(0, 1, 31), 0.002)
    assert np.abs(ours.end.positions - theirs.positions).max() < 1e-7
    assert np.abs(ours.end.velocities - theirs.velocities).max() < 1e-5
    assert ours.energy == pytest.approx(energy, abs=1e-7)
    change = total(theirs, species, energy) - total(
        start, species, session.evaluate(cell, start.positions, species).energy
    )
    assert ours.work == pytest.approx(change, abs=1e-6)


def test_forces_along_a_path_are_those_of_fresh_structures(system, session):
    """Types and charges change from call to call, and atoms cross the boundaries of the cell."""
    cell = system.lattice.cell @ TRICLINIC
    fresh = LammpsSession(system.card)
    positions, _ = structure(system)
    positions = positions @ TRICLINIC
    session.begin(cell, positions, structure(system)[1])
    rng = np.random.default_rng(2)
    for call in range(6):
        key = KEYS[call % 2]
        species = structure(system, key)[1]
        x = positions + 0.1 * rng.normal(size=positions.shape) + call * 0.3 * cell[call % 3]
        energy, forces = session.forces(x, species)
        state = fresh.evaluate(cell, x, species)
        assert energy == pytest.approx(state.energy, abs=1e-7)
        assert np.abs(forces - state.forces).max() < 1e-6
    fresh.close()


def test_a_trajectory_depends_on_the_call_alone(system, session):
    cell, start, species, _ = thermal(system, session)
    first, energy = session.trajectory(cell, start, species, 20, 0.002)
    session.trajectory(cell, first, structure(system, KEYS[1])[1], 15, 0.001)
    session.close()
    again, energy_again = session.trajectory(cell, start, species, 20, 0.002)
    assert np.array_equal(first.positions, again.positions)
    assert np.array_equal(first.velocities, again.velocities)
    assert energy == energy_again


def test_atoms_that_leave_the_cell_do_not_jump(system, session):
    cell, start, species, _ = thermal(system, session)
    velocities = start.velocities + np.array([60.0, 0.0, 0.0])  # Å/ps: 1.2 Å in 20 fs
    end, _ = session.trajectory(cell, Phase(start.positions, velocities), species, 20, 0.001)
    moved = end.positions - start.positions
    assert np.abs(moved[:, 0] - 1.2).max() < 0.3


def test_failures_are_engine_errors_and_the_session_survives(system, session):
    cell, start, species, _ = thermal(system, session)
    broken = Phase(start.positions, np.full_like(start.velocities, np.nan))
    with pytest.raises(EngineError):
        session.trajectory(cell, broken, species, 5, 0.001)
    with pytest.raises(EngineError):
        session.trajectory(cell, start, species, 50, 1.0)  # a time step of a picosecond
    session.trajectory(cell, start, species, 5, 0.001)


def test_thermal_velocities_are_maxwells():
    """Kinetic energies of 4,000 draws against the gamma distribution, total momentum zero.

    False alarm 1e-4, of four comparisons.
    """
    from scipy.stats import gamma, kstest

    masses = np.array([23.0, 55.8, 55.8, 16.0, 31.0])
    rng = np.random.default_rng(3)
    for drifting in (False, True):
        draws = [thermal_velocities(masses, 600.0, rng, drifting) for _ in range(4000)]
        energies = [kinetic_energy(masses, v) for v in draws]
        half = degrees_of_freedom(5, drifting) / 2
        assert half == (7.5 if drifting else 6.0)
        assert kstest(energies, gamma(a=half, scale=KB * 600.0).cdf).pvalue > 2.5e-5
        momentum = np.array([masses @ v for v in draws])
        assert (np.abs(momentum).max() < 1e-10) is not drifting
        # a refresh leaves the distribution as it is
        mixed = [
            kinetic_energy(
                masses, refreshed(Phase(v, v), masses, 600.0, 0.7, rng, drifting).velocities
            )
            for v in draws
        ]
        assert kstest(mixed, gamma(a=half, scale=KB * 600.0).cdf).pvalue > 2.5e-5
    assert kinetic_energy(np.array([2.0]), np.array([[3.0, 0.0, 0.0]])) == 9.0 * MVV2E


def test_frames_carry_moments_and_charges_where_the_model_has_them(system, tmp_path):
    """In the dump and returned, as the model in Python gives them; dynamics is as without."""
    folder = write_toy(tmp_path / "toy")
    session = MdSession(load_card(folder))
    positions, species = structure(system)
    cell = system.lattice.cell
    rng = np.random.default_rng(1)
    start = Phase(positions, thermal_velocities(masses_of(species), 300.0, rng))
    path = tmp_path / "one.lammpstrj"
    first = session.trajectory(cell, start, species, 3, 0.0005)
    found = session.dump(path, 7, cell, start, species)
    again = session.trajectory(cell, start, species, 3, 0.0005)
    assert np.array_equal(first[0].positions, again[0].positions)
    session.dump(path, 8, cell, start, species)
    session.close()
    wanted = evaluate_in_python(folder, Structure(cell, positions, tuple(map(str, species))))
    assert found["moment"] == pytest.approx(wanted.moments, abs=1e-9)
    assert found["charge"] == pytest.approx(wanted.charges, abs=1e-9)
    text = path.read_text()
    assert text.count("ITEM: ATOMS id typelabel element x y z vx vy vz moment charge\n") == 2
    rows = [line.split() for line in text.split("moment charge\n")[-1].splitlines()]
    assert [float(row[-2]) for row in rows] == pytest.approx(wanted.moments, rel=1e-8)


def test_states_carry_moments_where_the_model_has_them(system, session, tmp_path):
    folder = write_toy(tmp_path / "toy")
    positions, species = structure(system)
    given = LammpsSession(load_card(folder)).evaluate(system.lattice.cell, positions, species)
    names = tuple(map(str, species))
    wanted = evaluate_in_python(folder, Structure(system.lattice.cell, positions, names))
    assert given.per_atom["moment"] == pytest.approx(wanted.moments, abs=1e-9)
    assert session.evaluate(system.lattice.cell, positions, species).per_atom == {}


def test_frames_of_a_model_without_moments(system, session, tmp_path):
    cell, start, species, _ = thermal(system, session)
    path = tmp_path / "one.lammpstrj"
    assert session.dump(path, 0, cell, start, species) == {}
    assert "vx vy vz" in path.read_text()
    assert "moment" not in path.read_text()
