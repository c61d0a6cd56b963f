"""Paths of candidate moves on the moving atoms and their surroundings, against all atoms."""

import numpy as np
import pytest
from conftest import REPO

from redoxmc.campaign.system import load_system
from redoxmc.config.dynamics import MdConfig
from redoxmc.dynamics.distortion import make_distortions
from redoxmc.dynamics.replica import MdChain, MdWorld
from redoxmc.dynamics.session import MdSession
from redoxmc.dynamics.start import begin
from redoxmc.dynamics.step import candidate
from redoxmc.sampling.chain import make_chain

SMALL = REPO / "potentials" / "mace-nafepo4-small"


class WholeCell(MdSession):
    """Evaluates all atoms, whatever stands still."""

    def local(self, *_):
        return None


def replica(system, kind):
    first = make_chain(system.lattice, 0.5, system.ions(0.5, 1), 3000.0, 1)
    chain = MdChain(0.5, first.n_ions, 3000.0, 1, first.rng, first.occupancy)
    system.host.geometries[chain.n_ions] = system.host.unrelaxed
    distortions = make_distortions(system.host, chain.occupancy)
    md = MdConfig(time_step=2.0, mobile_radius=3.0)
    return chain, MdWorld(system.lattice, kind(system.card), distortions, system.mixture, md)


def test_a_local_path_decides_as_one_on_all_atoms(campaign):
    """The same seed: works and energies to 1e-9 eV, the same decisions and charge orders."""
    system = load_system(campaign(model=SMALL, supercell=[1, 2, 2], temperatures=[3000.0]))
    found = []
    for kind in (MdSession, WholeCell):
        chain, world = replica(system, kind)
        begin(chain, world)
        attempts = [candidate(chain, world, 6) for _ in range(6)]
        found.append((chain, attempts))
        world.dynamics.close()
    (local, short), (whole, long) = found
    for a, b in zip(short, long, strict=True):
        assert a.work == pytest.approx(b.work, abs=1e-9)
        assert a.protocol_work == pytest.approx(b.protocol_work, abs=1e-9)
        assert a.outside == pytest.approx(b.outside, abs=1e-9)
        assert a.accepted == b.accepted
    assert {a.accepted for a in short} == {True, False}
    assert local.energy == pytest.approx(whole.energy, abs=1e-9)
    assert np.array_equal(local.occupancy, whole.occupancy)
    assert np.abs(local.positions - whole.positions).max() < 1e-9
    assert np.abs(local.velocities - whole.velocities).max() < 1e-7
    assert np.isfinite(local.energy)
