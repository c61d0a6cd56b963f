"""Fits of a pair model to energies, on energies that it can and cannot represent."""

from dataclasses import replace

import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.sampling import surrogate
from redoxmc.sampling.surrogate import fit, make_basis
from redoxmc.structures.ordering import ewald_matrix


@pytest.fixture
def host(campaign):
    return load_system(campaign(supercell=[1, 2, 1])).host


def states(host, count, seed=0, n_ions=4):
    rng, lattice = np.random.default_rng(seed), host.lattice
    drawn = []
    for _ in range(count):
        state = np.zeros(lattice.n_redox + lattice.n_ion_sites, dtype=np.int8)
        state[rng.permutation(lattice.n_redox)[:n_ions]] = 1
        state[lattice.n_redox + rng.permutation(lattice.n_ion_sites)[:n_ions]] = 1
        drawn.append(state)
    return drawn


def test_energies_of_pairs_are_found_exactly(host):
    basis = make_basis(host)
    rng = np.random.default_rng(5)
    weights = 0.05 * rng.normal(size=basis.n_features)
    truth = basis.model(-7.0, weights)
    known, unseen = states(host, 80), states(host, 40, seed=1)
    found = fit(basis, known, np.array([truth.energy(state) for state in known]))
    assert found.error < 5e-3
    for state in unseen:
        assert found.model.energy(state) == pytest.approx(truth.energy(state), abs=5e-3)


def test_what_pairs_cannot_say_is_in_the_error(host):
    basis, rng = make_basis(host), np.random.default_rng(2)
    known = states(host, 150)
    noise = 0.1 * rng.normal(size=150)
    found = fit(basis, known, noise)
    assert 0.08 < found.error < 0.13
    unseen = [found.model.energy(state) for state in states(host, 40, seed=1)]
    assert np.std(unseen) < 0.05  # noise is not believed


def test_the_surrogate_has_the_symmetry_of_the_host(host):
    basis = make_basis(host)
    known = states(host, 60)
    energies = np.random.default_rng(3).normal(size=60)
    model = fit(basis, known, energies).model
    for state in known[:5]:
        images = host.symmetry.orbit(state)
        assert np.ptp([model.energy(image) for image in images]) < 1e-9


def test_the_electrostatic_energy_is_that_of_formal_charges(host):
    basis, lattice = make_basis(host), host.lattice
    matrix = ewald_matrix(lattice.cell, lattice.scaled)
    for state in states(host, 5):
        charges = np.array([float(species.charge) for species in lattice.species])
        reduced = state[: lattice.n_redox]
        charges[lattice.redox_sites] = 3.0 - reduced
        charges[lattice.ion_sites] = state[lattice.n_redox :]
        exact = charges @ matrix @ charges
        assert basis.electrostatic.energy(state) == pytest.approx(exact, abs=1e-8)


def test_a_field_is_what_a_site_adds(host):
    model = make_basis(host).model(1.0, np.linspace(-0.1, 0.1, make_basis(host).n_features))
    (state,) = states(host, 1)
    empty = np.flatnonzero(state == 0)[0]
    filled = state.copy()
    filled[empty] = 1
    added = model.energy(filled) - model.energy(state)
    assert model.field(state)[empty] == pytest.approx(added, abs=1e-9)


def test_too_many_sites_are_refused(host, monkeypatch):
    monkeypatch.setattr(surrogate, "MOST_ENTRIES", 10)
    with pytest.raises(InputError, match=r"has 16 redox and ion sites.*at most 10"):
        make_basis(replace(host))
