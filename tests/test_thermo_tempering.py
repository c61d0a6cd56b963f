"""Entropy and free energy from tempering, from the chains on, against exact enumeration."""

import math

import numpy as np
import pytest

from redoxmc.config import load_config
from redoxmc.engines.lattice import crystal_engine, occupancies
from redoxmc.models.card import load_card
from redoxmc.moves.mixture import build_moves
from redoxmc.sampling.cache import Entry
from redoxmc.sampling.chain import make_chain
from redoxmc.sampling.energies import Lookup
from redoxmc.sampling.ladder import advance, make_ladder
from redoxmc.structures.lattice import build_lattice, occupancy_key, occupancy_of_key
from redoxmc.structures.symmetry import find_symmetry
from redoxmc.thermo.entropy import canonical_averages
from redoxmc.thermo.ladder import ladder_averages

TEMPERATURES = [200.0, 300.0, 450.0, 700.0, 1100.0, 2000.0]
FIELDS = ("mean_energy", "heat_capacity", "entropy", "free_energy")
IONS = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=np.int8)


class Table:
    """Relaxed energies that are known beforehand."""

    def __init__(self, lattice, energies):
        self.lattice, self.energies = lattice, energies

    def look_up(self, occupancy, current=None):
        key = occupancy_key(self.lattice, occupancy)
        return Lookup(key, Entry(self.energies[key], 0), computed=False)


@pytest.fixture
def lattice(campaign):
    config = load_config(campaign(supercell=[1, 2, 1]))
    return build_lattice(config, load_card(config.model.path))


def tempered(lattice, energies, seed, steps):
    """The energies of one tempering run after burn-in, for each temperature."""
    ions = occupancy_of_key(next(iter(energies)))[lattice.n_redox :]
    chains = [make_chain(lattice, 0.5, ions, t, seed) for t in TEMPERATURES]
    ladder = make_ladder(chains, interval=5)
    mixture = build_moves({"charge_swap": 1.0}, lattice.n_redox, lattice.n_ions)
    advance(ladder, Table(lattice, energies), mixture, steps, lambda: False)
    return [np.array(chain.energies[steps // 10 :]) for chain in ladder.chains]


def coverage(lattice, energies, repeats, steps):
    """For each quantity, how often two standard errors cover the exact value; [repeats, n_T]."""
    levels = np.array(list(energies.values()))
    ground = int(np.sum(levels < levels.min() + 1e-6))
    exact = [canonical_averages(levels, np.ones(len(levels)), t) for t in TEMPERATURES]
    covered = {field: np.zeros((repeats, len(TEMPERATURES))) for field in FIELDS}
    for seed in range(repeats):
        series = tempered(lattice, energies, seed, steps)
        found = ladder_averages(TEMPERATURES, series, math.log(len(levels)), None, ground)
        for n, (a, e) in enumerate(zip(found, exact, strict=True)):
            for field in FIELDS:
                estimate = getattr(a, field)
                error = abs(estimate.value - getattr(e, field))
                covered[field][seed, n] = error <= 2 * estimate.standard_error
    return covered


def test_tempering_agrees_with_enumeration_on_the_lattice_engine(lattice):
    engine = crystal_engine(lattice, permittivity=25.0, redox_shells=[0.03])
    energies = {
        occupancy_key(lattice, state): engine.energy(state)
        for charges in occupancies(8, 4)
        for state in [np.concatenate([charges, IONS])]
    }
    assert np.ptp(list(energies.values())) > 0.2  # eV: neither frozen nor free over the ladder
    covered = coverage(lattice, energies, repeats=10, steps=2000)
    # 60 intervals, 95 % expected, those of one run correlated: below 80 % would be no error at all
    for field, hits in covered.items():
        assert hits.mean() >= 0.8, field


@pytest.mark.slow
def test_errors_are_honest_on_the_reference_potential(lattice, campaign):
    """Fifty tempering runs on LAMMPS' relaxed energies: 90 to 99 % of the intervals cover."""
    from redoxmc.enumeration import enumerate_states

    found = enumerate_states(campaign(supercell=[1, 2, 1], temperatures=TEMPERATURES))
    symmetry = find_symmetry(lattice)
    energies = {}
    ions = occupancy_of_key(found["states"][0]["key"])[lattice.n_redox :]
    for state in found["states"]:
        for image in symmetry.orbit(occupancy_of_key(state["key"])):
            energies[occupancy_key(lattice, image)] = state["energy_eV"]
    energies = {k: e for k, e in energies.items() if (occupancy_of_key(k)[8:] == ions).all()}
    assert len(energies) == 70
    covered = coverage(lattice, energies, repeats=50, steps=4000)
    for field, hits in covered.items():
        assert 0.90 <= hits.mean() <= 0.99, field
