"""Candidate moves, 4 Fe, 600 K, against thermodynamic integration and tests of the dynamics."""

from itertools import combinations

import numpy as np
import pytest
from conftest import REFERENCE, REPO
from scipy.stats import t as student
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
from redoxmc.structures.occupancy import occupancy_key
from redoxmc.thermo.correlation import standard_error
from redoxmc.units import KB

TEMPERATURE = 600.0
KILOJOULE = 96.48533212  # kJ/mol per eV
MACE = REPO / "potentials" / "mace-nafepo4-small"
CHAINS, STEPS, PIECES, REPEATS = 2, 1000, 250, 8
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
def test_populations_agree_with_thermodynamic_integration(replica):
    """Free energies of the three distinct charge orders both ways, and what symmetry says.

    False-alarm rate: at most 1e-4 in all. Two differences of free energy, each within the limit of
    Student's t that two-sided 2.5e-5 is beyond, for the 14 degrees of freedom of the pooled errors
    of integration (those of the chains have some hundred); and three differences of equivalent
    orders within 5 errors, whose two-sided 1e-5 each holds for more than 60 effective samples.
    """
    chains = []
    for seed in range(1, 1 + CHAINS):
        system, chain, world = replica(MACE, seed=seed, protocol_steps=32)
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
    keys = np.array([one.raw_keys for one in chains])

    def visits(occupancies):
        """Whether each step is at one of them, (chains, steps)."""
        return np.isin(keys, [occupancy_key(system.lattice, o) for o in occupancies]).astype(float)

    for members in orders.values():  # exact by symmetry, whatever the model
        difference = visits(members[:1]) - visits(members[1:])
        assert abs(difference.mean()) < 5 * standard_error(difference)
    common, *others = sorted(orders.values(), key=lambda members: -visits(members).mean())
    passes = np.array(
        [
            [integral(replica, common[0], other[0], seed) for seed in range(5, 5 + REPEATS)]
            for other in others
        ]
    )
    # of repeats, from starts of their own: a single pass does not see modes slower than itself
    error = np.sqrt(passes.var(axis=1, ddof=1).mean() / REPEATS)
    assert error < 0.01
    limit = student.isf(2.5e-5 / 2, len(others) * (REPEATS - 1))
    kt, base, compared = KB * TEMPERATURE, visits(common), 0
    for members, expected in zip(others, passes.mean(axis=1), strict=True):
        series = visits(members)
        if expected > 5 * kt:  # too rare to be visited; then it must not be common
            assert series.mean() < 0.1
            continue
        found = -kt * np.log(series.mean() / base.mean())
        # that of ln(p/q), to first order
        spread = kt * standard_error(series / series.mean() - base / base.mean())
        assert spread < 0.02
        assert abs(found - expected) < limit * np.hypot(error, spread)
        compared += 1
    assert compared


def integral(replica, before, after, seed):
    """F(after) - F(before), eV, of one pass."""
    _, begin, world = replica(MACE, before, seed=seed, protocol_steps=1)
    prepare(begin, world)
    return integrate(begin, world, after, 5, PIECES).value


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
    assert p > 1e-4  # the false-alarm rate


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
