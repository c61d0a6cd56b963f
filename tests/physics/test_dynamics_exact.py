"""Candidate moves on the classical reference, 4 Fe, 600 K, against thermodynamic integration."""

from itertools import combinations

import numpy as np
import pytest
from conftest import REFERENCE, REPO
from thermodynamic_integration import integrate

from redoxmc.campaign.system import load_system
from redoxmc.config.dynamics import MdConfig
from redoxmc.dynamics.distortion import make_distortions
from redoxmc.dynamics.phase import degrees_of_freedom, kinetic_energy
from redoxmc.dynamics.replica import COLUMNS, MdChain, MdWorld
from redoxmc.dynamics.session import MdSession
from redoxmc.dynamics.start import prepare
from redoxmc.dynamics.step import step
from redoxmc.sampling.chain import make_chain
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.thermo.correlation import standard_error
from redoxmc.units import KB

TEMPERATURE = 600.0
KILOJOULE = 96.48533212  # kJ/mol per eV
MACE = REPO / "potentials" / "mace-nafepo4-small"
STEPS, PIECES, REPEATS = 4000, 1500, 4
DYNAMICS = {
    "time_step": 2.0,
    "damping": 60.0,
    "segment": 5,
    "interval": 8,
    "equilibration": 500.0,
    "site_tolerance": 0.8,  # ions of these potentials leave their sites otherwise
}


@pytest.fixture
def replica(campaign):
    """Makes a replica and its world; sessions are closed at the end."""
    sessions, hosts = [], {}

    def make(model=REFERENCE, occupancy=None, seed=1, **settings):
        system = load_system(campaign(model=model, cell="per_x", temperatures=[TEMPERATURE]))
        lattice = system.lattice
        sessions.append(MdSession(system.card))
        first = make_chain(lattice, 0.5, system.ions(0.5, 1), TEMPERATURE, seed)
        occupancy = first.occupancy if occupancy is None else occupancy
        chain = MdChain(0.5, 2, TEMPERATURE, seed, first.rng, occupancy)
        if model not in hosts:  # stretched in the host's own cell, a model has soft, slow modes
            hosts[model] = system.relaxer.geometry(2)
            system.session.close()
        system.host.geometries[2] = hosts[model]
        distortions = make_distortions(system.host, occupancy)
        md = MdConfig(**(DYNAMICS | settings))
        return system, chain, MdWorld(lattice, sessions[-1], distortions, system.mixture, md)

    yield make
    for session in sessions:
        session.close()


def canonical(system, occupancy):
    return tuple(int(value) for value in system.host.symmetry.canonical(occupancy))


@pytest.mark.slow
@pytest.mark.parametrize(("model", "length", "seeds"), [(REFERENCE, 128, 1), (MACE, 32, 3)])
def test_populations_agree_with_thermodynamic_integration(replica, model, length, seeds):
    """Shares of the distinct charge orders both ways, within 2 standard errors.

    False-alarm rate: about 10 % for each of three shares over fresh seeds, as the error of four
    repeats is itself uncertain; these are fixed.
    """
    chains = []
    for seed in range(1, seeds + 1):
        system, chain, world = replica(model, seed=seed, protocol_steps=length)
        prepare(chain, world)
        for _ in range(STEPS):
            step(chain, world)
        moves = chain.moves["charge_swap"]
        assert moves.accepted > 0.05 * moves.proposed
        chains.append(chain)
    ions = chain.occupancy[world.lattice.n_redox :]
    orders = {}
    for pair in combinations(range(4), 2):
        charges = np.zeros(4, dtype=np.int8)
        charges[list(pair)] = 1
        occupancy = np.concatenate([charges, ions])
        orders.setdefault(canonical(system, occupancy), []).append(occupancy)
    assert [len(members) for members in orders.values()] == [2, 2, 2]
    states = list(orders)
    visited = [[canonical(system, occupancy_of_key(k)) for k in one.raw_keys] for one in chains]
    differences, errors = [0.0], [0.0]
    for state in states[1:]:
        values = []
        for seed in range(5, 5 + REPEATS):
            _, begin, other = replica(model, orders[states[0]][0], seed=seed, protocol_steps=1)
            prepare(begin, other)
            values.append(integrate(begin, other, orders[state][0], 5, PIECES).value)
        differences.append(np.mean(values))
        # of repeats: a single one does not see modes slower than itself
        errors.append(np.std(values, ddof=1) / np.sqrt(REPEATS))
    assert max(errors) < 0.015
    rng, kt = np.random.default_rng(0), KB * TEMPERATURE
    draws = np.array(differences) + np.array(errors) * rng.standard_normal((2000, 3))
    weights = np.exp(-(draws - draws.min(axis=1, keepdims=True)) / kt)
    shares = weights / weights.sum(axis=1, keepdims=True)
    compared = 0
    for state, expected, spread in zip(
        states, shares.mean(axis=0), shares.std(axis=0), strict=True
    ):
        series = np.array([[v == state for v in one] for one in visited], dtype=float)
        if expected < 0.01:  # too rare to be visited; then it must not be common
            assert series.mean() < 0.03
            continue
        error = standard_error(series)
        assert error < 0.06
        assert abs(series.mean() - expected) < 2 * np.hypot(error, spread)
        compared += 1
    assert compared >= 2


@pytest.mark.slow
def test_equivalent_charge_orders_are_equally_populated(replica):
    """Exact by symmetry, whatever the model: the two members of each class, within 3 errors."""
    system, chain, world = replica(MACE, protocol_steps=32, seed=2)
    prepare(chain, world)
    for _ in range(STEPS):
        step(chain, world)
    for state in {canonical(system, occupancy_of_key(key)) for key in chain.raw_keys}:
        members = [
            k for k in set(chain.raw_keys) if canonical(system, occupancy_of_key(k)) == state
        ]
        difference = np.array(
            [(key == members[0]) - (key == members[-1]) for key in chain.raw_keys], dtype=float
        )
        assert len(members) == 2
        assert abs(difference.mean()) < 3 * standard_error(difference)


def test_the_length_of_paths_is_chosen_and_more_than_5_percent_are_accepted(replica):
    _, chain, world = replica(equilibration=200.0, pilot_moves=8)
    prepare(chain, world)
    assert chain.length in chain.pilots
    assert chain.length >= 32  # an instant swap costs far more than kT here, even with the escort
    for _ in range(240):  # 16 are accepted; the error of the share is 1.6 %
        step(chain, world)
    count = chain.moves["charge_swap"]
    assert count.accepted > 0.05 * count.proposed


def test_kinetic_energies_pass_the_tests_of_physical_validation(replica):
    """Their distribution against the exact one (Merz & Shirts, PLoS ONE 13, e0202764 (2018))."""
    import physical_validation as validation

    _, chain, world = replica(swaps=False, interval=4, damping=20.0)
    prepare(chain, world)
    for _ in range(500):
        step(chain, world)
    kinetic = np.array(chain.records)[:, COLUMNS.index("kinetic_eV")]
    n = len(chain.positions)
    data = validation.data.SimulationData(
        units=validation.data.UnitData.units("GROMACS"),
        ensemble=validation.data.EnsembleData("NVT", natoms=n, volume=1.0, temperature=TEMPERATURE),
        observables=validation.data.ObservableData(
            kinetic_energy=kinetic * KILOJOULE, potential_energy=np.zeros_like(kinetic)
        ),
        system=validation.data.SystemData(
            natoms=n, nconstraints=0, ndof_reduction_tra=3, ndof_reduction_rot=0
        ),
    )
    assert degrees_of_freedom(n) == 3 * n - 3
    p = validation.kinetic_energy.distribution(data, strict=True, verbosity=0)
    assert p > 0.01


def test_nve_converges_as_physical_validation_asks(replica):
    """Fluctuations of the conserved energy fall with the square of the time step."""
    import physical_validation as validation

    _, chain, world = replica(swaps=False)
    prepare(chain, world)
    _, species = world.lattice.atoms(chain.occupancy)
    masses, data = world.masses(chain), []
    for time_step in (0.002, 0.001, 0.0005):
        phase, energies = chain.phase, []
        for _ in range(100):  # 1 ps
            steps = round(0.01 / time_step)
            phase, potential = world.dynamics.trajectory(
                chain.cell, phase, species, steps, time_step
            )
            energies.append(potential + kinetic_energy(masses, phase.velocities))
        data.append(
            validation.data.SimulationData(
                units=validation.data.UnitData.units("GROMACS"),
                dt=time_step,
                observables=validation.data.ObservableData(
                    constant_of_motion=np.array(energies) * KILOJOULE
                ),
            )
        )
    deviation = validation.integrator.convergence(data, verbose=False)
    assert deviation < 0.25  # relative, of the ratios 4 : 1 of a second-order integrator
