"""Surrogates that are refitted in burn-in: exact, frozen after it, the same after a stop."""

import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from lattice_engine import crystal_engine
from scipy.stats import chisquare
from stopped_runs import run

from redoxmc.campaign import surrogates, walks
from redoxmc.campaign.system import System, load_system
from redoxmc.moves.surrogate_walk import SWEEPS
from redoxmc.results.store import load
from redoxmc.sampling.cache import Entry
from redoxmc.sampling.chain import MoveCount
from redoxmc.sampling.energies import Lookup
from redoxmc.structures.enumeration import occupancies
from redoxmc.thermo.entropy import boltzmann_probabilities

STEPS, BURN_IN, TEMPERATURE = 1000, 0.2, 600.0


class Fake:
    """Pairs, which a surrogate learns, and 20 meV of noise of each state, which it does not."""

    def __init__(self, system, cache):
        self.lattice, self._host, self._cache = system.lattice, system.host, cache
        self._engine = crystal_engine(
            system.lattice, np.inf, redox_shells=[0.06, -0.04], redox_ion_shells=[-0.05, 0.03]
        )

    def look_up(self, occupancy, current=None):
        key = self._host.canonical_key(occupancy)
        computed = key not in self._cache
        if computed:
            noise = np.random.default_rng(list(sha256(key.encode()).digest())).normal(scale=0.02)
            self._cache.add(key, Entry(self._engine.energy(occupancy) + noise, 1))
        return Lookup(key, self._cache[key], computed)


def pretend(put=setattr):
    """Energies of the fake; the first fit is to 16 states."""
    put(System, "energies", lambda system, n_ions, cache: Fake(system, cache))
    put(surrogates, "LEAST_STATES", 16)
    put(surrogates, "STATES_PER_FEATURE", 0)


@pytest.fixture
def config(campaign, monkeypatch):
    """8 Fe, ions and charges at x = 1/2, on the fake."""
    pretend(monkeypatch.setattr)

    def write(**changes):
        more = f"surrogate = true\naudit = 0.0\nburn_in = {BURN_IN}\ntempering = true\n"
        more += "[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0"
        settings = {"supercell": [1, 2, 1], "ordering": "sampled", "steps": STEPS, "more": more}
        return campaign(**(settings | {"temperatures": [TEMPERATURE, 1200.0]} | changes))

    return write


def test_a_chain_samples_what_is_enumerated_and_after_burn_in_nothing_changes(
    config, tmp_path, monkeypatch
):
    """False alarm 1e-4: 5e-5 for each of two temperatures."""
    monkeypatch.setattr(walks, "SWEEPS", (0.5, 2.0, 8.0))  # cheaper
    seen, inner = [], walks.Walks.mixture

    def mixture(self, chain):
        made, step = inner(self, chain), chain.step
        model = self._models.get(4)  # 16 states in four rounds are too few for the first of them
        words = (model.pair.tobytes(), model.triple.tobytes()) if model else ("", "")
        seen.append((chain.name, step, *words, made))
        return made

    monkeypatch.setattr(walks.Walks, "mixture", mixture)
    path = config()
    path.write_text(path.read_text() + "\n[parallel]\nsync_seconds = 0.2\n")
    assert run(path, tmp_path / "out")
    store = load(tmp_path / "out" / "results.h5")
    fitted, least = store.surrogates[4], int(BURN_IN * STEPS)
    assert fitted.refits >= 2
    assert fitted.step <= least
    for chain in store.chains:
        frozen = [one for one in seen if one[0] == chain.name and one[1] > least]
        assert len(frozen) > 1
        assert len({one[2:4] for one in frozen}) == 1
        assert len({(m.probabilities, m.moves[-1].sweeps) for *_, m in frozen}) == 1
        early = [one for one in seen if one[0] == chain.name and one[1] <= least]
        assert len({one[2] for one in early}) > 1  # they did change
        assert chain.settled == least
        assert chain.sweeps in SWEEPS
    lattice, energies = load_system(path).lattice, Fake(load_system(path), store.cache)
    states = Counter(energies.look_up(one).key for one in occupancies(8, 4, 8, 4))
    assert sum(states.values()) == 4900
    assert lattice.n_redox == 8
    keys = list(states)
    levels = [store.cache[key].energy for key in keys]
    for chain in store.chains:
        trace = store.kept(chain)
        assert len(trace.keys) == STEPS - least
        visited = Counter(trace.keys[::4])
        p = boltzmann_probabilities(levels, [states[k] for k in keys], chain.temperature)
        expected = p * sum(visited.values())
        # the likely ones by themselves, the rest in groups of like energy
        order = np.argsort(-expected)
        group = np.minimum((np.cumsum(expected[order]) // 10).astype(int), 19)
        counts = np.array([visited[keys[n]] for n in order], dtype=float)
        pooled = [np.bincount(group, values) for values in (counts, expected[order])]
        pooled = [values[pooled[1] > 0] for values in pooled]
        assert len(pooled[0]) >= 8
        assert chisquare(*pooled).pvalue > 5e-5


@pytest.mark.parametrize("stop_after", [10, 60, 130])
def test_a_run_stopped_in_burn_in_goes_on_bit_for_bit(config, tmp_path, stop_after):
    path = config(steps=250)
    assert run(path, tmp_path / "whole")
    assert not run(path, tmp_path / "parts", stop_after=stop_after)
    assert run(path, tmp_path / "parts", resume=True)
    whole, parts = (load(tmp_path / name / "results.h5") for name in ("whole", "parts"))
    assert whole.surrogates[4].refits >= 1
    for name in ("refits", "step", "states", "error"):
        assert getattr(parts.surrogates[4], name) == getattr(whole.surrogates[4], name)
    for name in ("single", "pair", "triplets", "triple"):
        mine, theirs = (getattr(one.surrogates[4].model, name) for one in (parts, whole))
        assert np.array_equal(mine, theirs)
    for mine, theirs in zip(parts.chains, whole.chains, strict=True):
        assert (mine.settled, mine.sweeps, mine.walk_share) == (
            theirs.settled, theirs.sweeps, theirs.walk_share,
        )  # fmt: skip
    assert {n: t.keys for n, t in parts.traces.items()} == {
        n: t.keys for n, t in whole.traces.items()
    }


RANKS = "import sys, test_refits as t; t.pretend(); t.run(sys.argv[1], t.Path(sys.argv[2]))"


def test_two_ranks_go_by_the_same_fits_as_one(config, tmp_path):
    path = config(steps=120, seeds=[1, 2, 3], temperatures=[TEMPERATURE])
    assert run(path, tmp_path / "one")
    here = Path(__file__).parent
    paths = [here, here.parent / "helpers", os.environ.get("PYTHONPATH", "")]
    launcher = [Path(sys.executable).parent / "mpirun", "-n", "2", sys.executable]
    command = [*launcher, "-c", RANKS, path, tmp_path / "two"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    subprocess.run(command, env=environment, check=True, timeout=600)
    one, two = (load(tmp_path / name / "results.h5") for name in ("one", "two"))
    assert one.surrogates[4].refits >= 1
    assert len(two.idle_shares) == 2
    assert np.array_equal(one.surrogates[4].model.triple, two.surrogates[4].model.triple)
    assert {n: t.keys for n, t in one.traces.items()} == {n: t.keys for n, t in two.traces.items()}


def test_a_walk_is_as_long_as_it_is_worth():
    def count(**accepted):
        names = dict(zip(("a", "b", "c", "d"), SWEEPS, strict=True))
        return {
            f"surrogate_walk_{names[n]:g}": MoveCount(40, taken) for n, taken in accepted.items()
        }

    assert walks.choose(count(a=40, b=40, c=39, d=38))[0] == SWEEPS[3]
    assert walks.choose(count(a=40, b=39, c=30, d=3))[0] == SWEEPS[2]
    assert walks.choose(count(a=38, b=1, c=0, d=0))[0] == SWEEPS[0]
    assert walks.choose({})[0] == SWEEPS[0]
    good, bad = (walks.choose(count(a=n, b=n, c=n, d=n))[1] for n in (38, 0))
    assert 0.95 < good < 1.0
    assert 0.3 < bad < 0.7  # of 40 none was accepted: it is not worth much more than an exchange
