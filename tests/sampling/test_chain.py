"""Chains and ladders on the lattice engine, whose Boltzmann distribution is known exactly."""

import math
from itertools import combinations

import numpy as np
import pytest
from lattice_engine import crystal_engine, random_engine
from scipy.stats import chisquare

from redoxmc.campaign.system import load_system
from redoxmc.engines.relaxed import Relaxed
from redoxmc.errors import EngineError
from redoxmc.moves.mixture import build_moves
from redoxmc.moves.sites import Sites
from redoxmc.sampling.cache import EnergyCache, Entry
from redoxmc.sampling.chain import make_chain, start, step
from redoxmc.sampling.energies import RelaxedEnergies
from redoxmc.sampling.ladder import advance, make_ladder
from redoxmc.structures.occupancy import occupancy_key, occupancy_of_key


class Engine:
    """A lattice engine that counts, and can be told to fail."""

    def __init__(self, lattice, fails=(), drift=0.0):
        self.inner = crystal_engine(lattice, 40.0, redox_shells=[0.05, -0.03])
        self.lattice, self.fails, self.drift = lattice, fails, drift
        self.asked, self.along = [], 0

    def relax(self, occupancy):
        key = occupancy_key(self.lattice, occupancy)
        self.asked.append(key)
        if key in self.fails:
            raise EngineError("told to")
        return self.inner.relax(occupancy)

    def relax_from(self, occupancy, previous, previous_occupancy):
        self.along += 1
        state = self.inner.relax(occupancy)
        return Relaxed(state.energy + self.drift, state.cell, state.positions, 1)

    def transform(self, state, occupancy, rotation, source):
        return state


@pytest.fixture
def system(campaign):
    return load_system(campaign(supercell=[1, 2, 1]))


def energies_of(system, **engine):
    audit = engine.pop("audit", 0.0)
    previous = engine.pop("from_previous", False)
    own = Engine(system.lattice, **engine)
    cache, move = EnergyCache(), system.mixture
    return RelaxedEnergies(system.host, own, cache, move, audit, previous)


def new_chain(system, temperature=600.0, seed=1):
    ions = system.ions(0.5, seed)
    return make_chain(system.lattice, 0.5, ions, temperature, seed)


def never():
    return False


def test_equivalent_states_are_computed_once_on_their_canonical_form(system):
    energies = energies_of(system)
    orbit = system.host.symmetry.orbit(occupancy_of_key("11000011|01100110"))
    assert len(orbit) > 2
    found = [energies.look_up(image) for image in orbit]
    assert [f.computed for f in found] == [True] + [False] * (len(orbit) - 1)
    assert len({f.entry.energy for f in found}) == 1
    assert energies.engine.asked == [found[0].key]


def test_a_chain_is_neutral_and_reproducible(system):
    runs = []
    for _ in range(2):
        chain, energies = new_chain(system), energies_of(system)
        start(chain, energies)
        for _ in range(100):
            step(chain, energies, system.mixture)
            assert system.lattice.total_charge(chain.occupancy) == 0
        runs.append((chain.energies, chain.keys))
    assert runs[0] == runs[1]
    assert len(set(runs[0][1])) > 3


def test_chains_do_not_depend_on_what_else_is_in_the_campaign(campaign):
    def first(**changes):
        system = load_system(campaign(supercell=[1, 2, 1], **changes))
        chain = make_chain(system.lattice, 0.5, system.ions(0.5, 1), 600.0, 1)
        return chain.occupancy.tolist(), chain.rng.random()

    assert first() == first(temperatures=[300.0, 600.0], x=[0.25, 0.5, 0.75], seeds=[3, 1])


def test_a_failed_relaxation_rejects_the_move_and_is_counted(system):
    chain, energies = new_chain(system), energies_of(system)
    start(chain, energies)
    keys = {chain.key}
    energies.engine.fails = {
        occupancy_key(system.lattice, system.host.symmetry.canonical(p.apply(chain.occupancy)))
        for p, _ in system.mixture.proposals(chain.occupancy)
    } - keys
    before = chain.occupancy.copy()
    for _ in range(20):
        step(chain, energies, system.mixture)
    count = chain.moves["charge_swap"]
    assert np.array_equal(
        system.host.symmetry.canonical(chain.occupancy), system.host.symmetry.canonical(before)
    )
    assert count.failed > 0
    assert count.failed + count.accepted == 20
    assert chain.energies == [chain.energy] * 20
    reasons = {e.reason for e in energies.cache.entries.values() if e.energy is None}
    assert reasons == {"told to"}


def test_what_a_failed_relaxation_has_cost_is_counted(system):
    class Costly(Engine):
        def relax(self, occupancy):
            error = EngineError("left its site")
            error.force_evaluations = 40
            raise error

    energies = energies_of(system)
    energies.engine = Costly(system.lattice)
    assert energies.look_up(occupancy_of_key("11000011|01100110")).entry.force_evaluations == 40


def test_a_chain_that_finds_no_start_says_why(system):
    class Broken(Engine):
        def relax(self, occupancy):
            raise EngineError("nothing relaxes here")

    chain, energies = new_chain(system), energies_of(system)
    energies.engine = Broken(system.lattice)
    start(chain, energies)
    assert not chain.started
    assert "nothing relaxes here" in chain.failure


def test_audit_reports_the_difference_between_paths(system):
    honest, drifting = energies_of(system, audit=1.0), energies_of(system, audit=1.0, drift=0.02)
    for energies, expected in ((honest, 0.0), (drifting, 0.02)):
        entry = energies.look_up(occupancy_of_key("11000011|01100110")).entry
        assert entry.audit == pytest.approx(expected)
        assert energies.engine.along == 2
    share = energies_of(system, audit=0.3)
    rng = np.random.default_rng(0)
    for _ in range(200):
        charges = rng.permutation([1] * 4 + [0] * 4)
        share.look_up(np.concatenate([charges, [0, 1, 1, 0, 0, 1, 1, 0]]).astype(np.int8))
    audited = [e.audit is not None for e in share.cache.entries.values()]
    assert 0 < sum(audited) < len(audited)


def test_from_previous_relaxes_along_the_path_of_the_chain(system):
    chain, energies = new_chain(system), energies_of(system, from_previous=True)
    start(chain, energies)
    for _ in range(20):
        step(chain, energies, system.mixture)
    assert len(energies.engine.asked) == 1  # the initial state
    assert energies.engine.along == len(energies.cache) - 1


def test_uniform_draws_have_no_state_before(system):
    chain, energies = new_chain(system, math.inf), energies_of(system, from_previous=True)
    for _ in range(20):
        step(chain, energies, system.mixture)
    assert energies.engine.along == 0
    assert len(energies.cache) > 2


def test_where_a_ladder_stops_leaves_no_trace(system):
    def history(pause):
        chains = [new_chain(system, t) for t in (300.0, 600.0, 1200.0)]
        ladder, energies = make_ladder(chains, interval=7), energies_of(system)
        calls = 0

        def stop():
            nonlocal calls
            calls += 1
            return calls % pause == 0

        while not ladder.finished(60):
            advance(ladder, energies, system.mixture, 60, stop)
        return [(c.energies, c.keys, c.step) for c in ladder.chains], ladder.accepted

    whole = history(pause=10**9)
    assert whole == history(pause=1) == history(pause=5) == history(pause=13)
    assert sum(whole[1]) > 0


def test_an_extended_ladder_equals_a_long_one(system):
    def run(*targets):
        chains = [new_chain(system, t) for t in (300.0, 900.0)]
        ladder, energies = make_ladder(chains, interval=10), energies_of(system)
        for steps in targets:
            advance(ladder, energies, system.mixture, steps, never)
        return [c.energies for c in ladder.chains]

    assert run(80) == run(20, 80) == run(33, 80)


@pytest.mark.parametrize("tempering", [False, True])
def test_chains_and_ladders_sample_boltzmann(system, tempering):
    """Visits against exact probabilities, chi-square on thinned samples; false alarm 1e-4 each."""
    temperatures = (400.0, 900.0)
    energies, thin, samples = energies_of(system), 40, 400
    chains = [new_chain(system, t, seed=3) for t in temperatures]
    groups = [chains] if tempering else [[c] for c in chains]
    for group in groups:
        advance(make_ladder(group, 5), energies, system.mixture, thin * samples, never)
    ions = system.ions(0.5, 3)
    degeneracy: dict[str, int] = {}
    for chosen in combinations(range(8), 4):
        occupancy = np.zeros(16, dtype=np.int8)
        occupancy[list(chosen)], occupancy[8:] = 1, ions
        key = energies.look_up(occupancy).key
        degeneracy[key] = degeneracy.get(key, 0) + 1
    for chain in chains:
        keys = list(degeneracy)
        e = np.array([energies.cache[k].energy for k in keys])
        p = np.array([degeneracy[k] for k in keys]) * np.exp(
            -(e - e.min()) / (8.617333262e-5 * chain.temperature)
        )
        p /= p.sum()
        visits = np.array([chain.keys[thin::thin].count(k) for k in keys])
        total = visits.sum()
        rare = p * total < 8
        observed = np.append(visits[~rare], visits[rare].sum())
        expected = np.append(p[~rare], p[rare].sum()) * total
        keep = expected > 0
        assert keep.sum() >= 3
        assert chisquare(observed[keep], expected[keep]).pvalue > 1e-4


def test_cache_keeps_what_it_knows_and_passes_on_only_its_own():
    cache = EnergyCache()
    cache.add("a", Entry(1.0, 3))
    other = EnergyCache()
    other.add("a", Entry(2.0, 1))
    other.add("b", Entry(3.0, 1))
    assert cache.take_fresh()[0] == ["a"]
    cache.merge([other.take_fresh()])
    assert (cache["a"].energy, cache["b"].energy, len(cache)) == (1.0, 3.0, 2)
    assert cache.take_fresh()[0] == []


def test_unknown_moves_are_refused_with_the_nearest():
    from redoxmc.errors import InputError

    with pytest.raises(InputError, match="did you mean 'charge_swap'"):
        build_moves({"charge_swop": 1.0}, Sites(4, 4))


def test_lattice_engine_without_symmetry_is_exact():
    engine = random_engine(4, 0.1, 0)
    assert engine.relax(np.array([1, 0, 1, 0], dtype=np.int8)).energy == engine.energy(
        np.array([1, 0, 1, 0], dtype=np.int8)
    )
