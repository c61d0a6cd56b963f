"""Semigrand chains, annealing, uniform draws and round trips, against what is known exactly."""

import json
import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from lattice_engine import crystal_engine
from scipy.stats import chisquare

from redoxmc.campaign.enumeration import enumerate_states
from redoxmc.campaign.run import run_campaign
from redoxmc.campaign.system import load_system
from redoxmc.report.summary import analyze
from redoxmc.report.tables import print_thermo
from redoxmc.results.record import to_json
from redoxmc.results.store import load
from redoxmc.sampling.cache import EnergyCache
from redoxmc.sampling.chain import make_chain
from redoxmc.sampling.energies import EnergiesOfAnyCount, RelaxedEnergies
from redoxmc.sampling.ladder import advance, exchange_log_ratio, make_ladder
from redoxmc.structures.enumeration import occupancies
from redoxmc.structures.occupancy import ions_of_key, occupancy_of_key
from redoxmc.thermo.correlation import standard_error
from redoxmc.thermo.entropy import boltzmann_probabilities
from redoxmc.units import KB

SEMIGRAND = """
ensemble = "semigrand"
chemical_potential = {mu}
{more}
[sampling.moves]
insertion_removal = 1.0
charge_swap = 1.0
ion_swap = 0.5
ion_charge_swap = 0.5
neighbour_swap = 0.5
"""


def never():
    return False


def on_the_lattice(system, previous=False):
    engine = crystal_engine(
        system.lattice, math.inf, redox_shells=[0.06, -0.04], redox_ion_shells=[-0.05, 0.03]
    )
    cache = EnergyCache()
    move = system.mixture.at_fixed_count()

    def of_count(n_ions):
        return RelaxedEnergies(system.host, engine, cache, move, 0.05, previous)

    return EnergiesOfAnyCount(system.lattice, of_count)


def p_value(keys, probabilities):
    """Chi-square of visits to states, those below 8 expected visits pooled."""
    counts = Counter(keys)
    names = sorted(probabilities, key=lambda key: -probabilities[key])
    assert set(counts) <= set(names)
    expected = np.array([probabilities[key] for key in names]) * len(keys)
    observed = np.array([counts[key] for key in names], dtype=float)
    common = expected >= 8
    assert common.sum() >= 4
    rest, expected_rest = observed[~common].sum(), expected[~common].sum()
    observed, expected = observed[common], expected[common]
    if expected_rest >= 5:
        observed, expected = np.append(observed, rest), np.append(expected, expected_rest)
    else:
        observed[-1], expected[-1] = observed[-1] + rest, expected[-1] + expected_rest
    return chisquare(observed, expected * len(keys) / expected.sum()).pvalue


@pytest.mark.parametrize("tempering", [False, True])
def test_semigrand_chains_sample_all_compositions(campaign, tempering):
    """4 Fe, all 70 neutral occupancies, all moves at once; false alarm 1e-4, of two chains."""
    mu, thin, samples = 0.02, 25, 500
    more = SEMIGRAND.format(mu=mu, more="")
    system = load_system(campaign(ordering="sampled", more=more))
    energies = on_the_lattice(system)
    ions = system.ions(0.5, 1)
    chains = [make_chain(system.lattice, 0.5, ions, t, 1, mu) for t in (500.0, 1000.0)]
    groups = [chains] if tempering else [[chain] for chain in chains]
    for group in groups:
        advance(make_ladder(group, 5), energies, system.mixture, thin * samples, never)
    states = Counter()
    for n in range(5):
        for occupancy in occupancies(4, n, 4, n):
            states[energies.look_up(occupancy).key] += 1
    assert sum(states.values()) == 70
    keys = list(states)
    found = [energies.look_up(occupancy_of_key(key)).entry.energy for key in keys]
    potentials = [e - mu * ions_of_key(key) for e, key in zip(found, keys, strict=True)]
    for chain in chains:
        p = boltzmann_probabilities(potentials, [states[k] for k in keys], chain.temperature)
        assert p_value(chain.keys[thin::thin], dict(zip(keys, p, strict=True))) > 5e-5


@pytest.mark.parametrize("tempering", [False, True])
def test_chains_of_constrained_variance_sample_their_own_weights(campaign, tempering):
    """4 Fe, all 70 neutral occupancies, E − μ n + κ n²/N; false alarm 1e-4, of two chains."""
    mu, stiffness, thin, samples = 0.5, 0.45, 25, 500
    more = SEMIGRAND.format(mu=mu, more="")
    system = load_system(campaign(ordering="sampled", more=more))
    energies = on_the_lattice(system)
    chains = [
        make_chain(system.lattice, 0.5, system.ions(0.5, 1), t, 1, mu) for t in (500.0, 1000.0)
    ]
    for chain in chains:
        chain.stiffness = stiffness
    for group in [chains] if tempering else [[chain] for chain in chains]:
        advance(make_ladder(group, 5), energies, system.mixture, thin * samples, never)
    states = Counter()
    for n in range(5):
        for occupancy in occupancies(4, n, 4, n):
            states[energies.look_up(occupancy).key] += 1
    keys = list(states)
    counts = np.array([ions_of_key(key) for key in keys])
    found = np.array([energies.look_up(occupancy_of_key(k)).entry.energy for k in keys])
    weights = found - mu * counts + stiffness * counts**2 / 4
    for chain in chains:
        p = boltzmann_probabilities(weights, [states[k] for k in keys], chain.temperature)
        assert p_value(chain.keys[thin::thin], dict(zip(keys, p, strict=True))) > 5e-5
        # the same without the constraint is another distribution, which this test would notice
        plain = boltzmann_probabilities(
            found - mu * counts, [states[k] for k in keys], chain.temperature
        )
        assert np.abs(p - plain).sum() > 0.2


@pytest.mark.parametrize(
    ("potentials", "stiffness", "temperatures"),
    [((-0.04, 0.02, 0.12), 0.0, (500.0, 1000.0)), ((0.2, 0.45, 0.8), 0.45, (700.0,))],
)
def test_potentials_that_exchange_sample_their_own_distributions(
    campaign, potentials, stiffness, temperatures
):
    """4 Fe, all 70 neutral occupancies; two temperatures and three potentials on a grid, then one
    temperature; false alarm 1e-5 for each of nine points.
    """
    thin, samples = 25, 300
    more = SEMIGRAND.format(mu=list(potentials), more="")
    system = load_system(campaign(ordering="sampled", more=more))
    energies = on_the_lattice(system)
    chains = [
        make_chain(system.lattice, 0.5, system.ions(0.5, 1), t, 1, mu)
        for mu, t in product(potentials, temperatures)
    ]
    for chain in chains:
        chain.stiffness = stiffness
    ladder = make_ladder(chains, 3)
    advance(ladder, energies, system.mixture, thin * samples, never)
    assert len(ladder.tried) == (7 if len(temperatures) == 2 else 2)
    rounds = thin * samples / 3 - 1
    # each quantity takes its turns, even and odd pairs in turn
    assert all(abs(n - rounds / (2 * len(temperatures))) < 2 for n in ladder.tried)
    assert min(ladder.accepted) > 0.05 * rounds / 4
    assert sum(ladder.round_trips) > 20
    states = Counter()
    for n in range(5):
        for occupancy in occupancies(4, n, 4, n):
            states[energies.look_up(occupancy).key] += 1
    keys = list(states)
    found = [energies.look_up(occupancy_of_key(key)).entry.energy for key in keys]
    weights = {}
    for chain in chains:
        own = [chain.potential(e, key) for e, key in zip(found, keys, strict=True)]
        p = boltzmann_probabilities(own, [states[k] for k in keys], chain.temperature)
        assert p_value(chain.keys[thin::thin], dict(zip(keys, p, strict=True))) > 1e-5
        weights[chain.name] = p
    # neighbours differ by far more than what this test would let pass
    first, last = weights[chains[0].name], weights[chains[-1].name]
    assert np.abs(first - last).sum() > 0.3


def test_an_exchange_keeps_the_joint_distribution(campaign):
    """Exactly: π_1(a) π_2(b) times the ratio is π_1(b) π_2(a), for any two chains and states."""
    system = load_system(campaign(ordering="sampled", more=SEMIGRAND.format(mu=0.0, more="")))
    energies, rng = on_the_lattice(system), np.random.default_rng(4)
    every = [o for n in range(5) for o in occupancies(4, n, 4, n)]
    ions = system.ions(0.5, 1)
    for _ in range(200):
        chains = [
            make_chain(system.lattice, 0.5, ions, t, 1, mu)
            for t, mu in zip(rng.uniform(200, 2000, 2), rng.normal(0.0, 0.2, 2), strict=True)
        ]
        states = [energies.look_up(every[n]) for n in rng.integers(len(every), size=2)]
        stiffness = rng.uniform(0.0, 1.0)
        for chain, state in zip(chains, states, strict=True):
            chain.key, chain.energy, chain.stiffness = state.key, state.entry.energy, stiffness

        def log_p(chain, state):
            return -chain.potential(state.entry.energy, state.key) / (KB * chain.temperature)

        (one, two), (a, b) = chains, states
        wanted = log_p(one, b) + log_p(two, a) - log_p(one, a) - log_p(two, b)
        assert exchange_log_ratio(one, two) == pytest.approx(wanted, abs=1e-9)


def test_a_constrained_variance_holds_compositions_inside_a_gap(campaign):
    """Alike neighbours attract: at fixed μ all is empty or full, and with κ every x is sampled.

    The mean x at every μ is that of enumeration, and μ − 2κx falls where x rises: inside a gap of
    a finite cell the isotherm bends back.
    """
    system = load_system(campaign(ordering="sampled", more=SEMIGRAND.format(mu=0.0, more="")))
    engine = crystal_engine(system.lattice, math.inf, redox_shells=[-0.07] * 3)
    cache, move, t = EnergyCache(), system.mixture.at_fixed_count(), 300.0
    energies = EnergiesOfAnyCount(
        system.lattice, lambda n: RelaxedEnergies(system.host, engine, cache, move, 0.0)
    )
    every = [o for n in range(5) for o in occupancies(4, n, 4, n)]
    found = np.array([energies.look_up(o).entry.energy for o in every])
    counts = np.array([o[4:].sum() for o in every])
    level = (found[counts == 4].min() - found[counts == 0].min()) / 4  # of coexistence

    def exact_x(mu, stiffness):
        weights = found - mu * counts + stiffness * counts**2 / 4
        p = boltzmann_probabilities(weights, np.ones(len(every)), t)
        return float(p @ counts) / 4, float(p @ (counts == 2))

    assert exact_x(level, 0.0)[1] < 0.03  # half full is hardly ever seen
    stiffness, potentials = 0.6, []
    for target, share in ((0.25, 0.01), (0.5, 0.95), (0.75, 0.01)):
        mu = level + 2 * stiffness * target
        chain = make_chain(system.lattice, 0.5, system.ions(0.5, 1), t, 3, mu)
        chain.stiffness = stiffness
        advance(make_ladder([chain], 5), energies, system.mixture, 8000, never)
        x = np.array([ions_of_key(key) for key in chain.keys[500:]]) / 4
        exact, half_full = exact_x(mu, stiffness)
        # false alarm 1.7e-5 for each of three
        assert abs(x.mean() - exact) < max(4.3 * standard_error(x), 2e-3)
        assert half_full > share
        potentials.append(mu - 2 * stiffness * x.mean())
    assert potentials[0] > potentials[1] + 0.05 > potentials[2] + 0.1


def test_the_summary_gives_the_potential_inside(campaign, tmp_path):
    more = SEMIGRAND.format(mu=[10.4, 12.7], more="variance_constraint = 2.0")
    out = tmp_path / "run"
    config = campaign(ordering="sampled", temperatures=[2000.0], steps=300, more=more)
    assert run_campaign(config, out, progress=False) == 0
    summary = json.loads((out / "summary.json").read_text())
    for record in summary["thermo"]:
        inside = record["chemical_potential_eV"] - 2 * 2.0 * record["x"]
        assert record["internal_potential_eV"] == pytest.approx(inside)
        if record["x_standard_error"] is not None:
            error = record["internal_potential_standard_error_eV"]
            assert error == pytest.approx(4.0 * record["x_standard_error"])
    low, high = summary["thermo"]
    assert low["x"] < high["x"]
    assert {chain.stiffness for chain in load(out / "results.h5").chains} == {2.0}


def test_a_semigrand_campaign_on_the_reference_potential(campaign, tmp_path, capsys):
    """Composition and visits at 2000 K against enumeration over all x; false alarm 1e-4 in all."""
    mu, temperature, thin = 10.69, 2000.0, 30
    config = campaign(
        "semigrand.toml",
        x=[0.5],
        ordering="sampled",
        temperatures=[temperature],
        seeds=[1, 2],
        steps=300 * thin,
        more=SEMIGRAND.format(mu=mu, more=""),
    )
    out = tmp_path / "run"
    assert run_campaign(config, out, progress=False) == 0
    moves = "[sampling.moves]\ncharge_swap = 1.0\nion_swap = 1.0"
    every = [0.0, 0.25, 0.5, 0.75, 1.0]
    states = to_json(enumerate_states(campaign(x=every, ordering="sampled", more=moves)))["states"]
    assert len({state["x"] for state in states}) == 5
    potentials = [state["energy_eV"] - mu * 4 * state["x"] for state in states]
    p = boltzmann_probabilities(potentials, [s["degeneracy"] for s in states], temperature)
    exact = {state["key"]: value for state, value in zip(states, p, strict=True)}
    kept = [k for t in load(out / "results.h5").traces.values() for k in t.keys[10 * thin :: thin]]
    assert p_value(kept, exact) > 5e-5
    summary = json.loads((out / "summary.json").read_text())
    (record,) = summary["thermo"]
    mean_x = sum(value * state["x"] for value, state in zip(p, states, strict=True))
    assert record["x"] == pytest.approx(mean_x, abs=4.3 * record["x_standard_error"])
    assert 0.0 < record["x_standard_error"] < 0.05
    assert {run["chemical_potential_eV"] for run in summary["runs"]} == {mu}
    assert [low["x"] for low in summary["lowest_states"]] == every
    print_thermo(analyze([out]))
    assert f"{mu:.4f}" in capsys.readouterr().out
    assert f"<td>{mu:.4f}</td>" in (out / "report.html").read_text()


@pytest.mark.parametrize("exchange", ["", "\npotential_exchange = true"])
def test_semigrand_runs_do_not_depend_on_stops(campaign, tmp_path, exchange):
    settings = {"ordering": "sampled", "temperatures": [900.0, 2000.0], "cell": "per_x"}
    more = SEMIGRAND.format(mu=[10.5, 10.8], more="tempering = true" + exchange)
    histories = []
    for steps in ([300], [70, 300]):
        out = tmp_path / f"{len(steps)}"
        for n, target in enumerate(steps):
            config = campaign(steps=target, more=more, **settings)
            assert run_campaign(config, out, resume=n > 0, progress=False) == 0
        traces = load(out / "results.h5").traces
        histories.append({name: (t.energies, t.keys) for name, t in traces.items()})
    assert histories[0] == histories[1]
    assert len(histories[0]) == 4
    summary = json.loads((out / "summary.json").read_text())
    assert [one["chemical_potential_eV"] for one in summary["exchanges"]] == [10.5, 10.8]
    told = summary["potential_exchanges"]
    assert [one["temperature_K"] for one in told] == ([900.0, 2000.0] if exchange else [])
    for one in told:
        assert one["chemical_potentials_eV"] == [10.5, 10.8]
        assert one["tried"] == [7]  # the third of every four rounds, of 29
        assert one["acceptance"] == [one["accepted"][0] / 7]
    assert len({ions_of_key(k) for _, keys in histories[0].values() for k in keys}) > 2


def test_annealing_cools_and_then_stays(campaign):
    more = "[sampling.annealing]\nstart = 4000.0\nsteps = 100"
    system = load_system(campaign(supercell=[1, 2, 1], temperatures=[50.0], more=more))
    chain = make_chain(system.lattice, 0.5, system.ions(0.5, 1), 50.0, 1)
    chain.anneal_from, chain.anneal_steps = 4000.0, 100
    seen = []
    for step in (0, 50, 99, 100, 500):
        chain.step = step
        seen.append(chain.present_temperature)
    assert seen == pytest.approx([4000.0, math.sqrt(4000.0 * 50.0), 52.24, 50.0, 50.0], rel=1e-3)


def test_annealing_finds_the_lowest_charge_order(campaign, tmp_path):
    more = "[sampling.annealing]\nstart = 4000.0\nsteps = 150"
    settings = {"supercell": [1, 2, 1], "temperatures": [100.0], "more": more}
    out = tmp_path / "run"
    config = campaign(steps=250, seeds=[1, 2, 3], **settings)
    assert run_campaign(config, out, progress=False) == 0
    lowest = min(state.energy_eV for state in enumerate_states(config).states)
    summary = json.loads((out / "summary.json").read_text())
    found = [run["energy_eV_per_fu"]["min"] * 8 for run in summary["runs"]]
    assert found == pytest.approx([lowest] * 3, abs=1e-6)
    assert summary["lowest_states"][0]["energy_eV_per_fu"] * 8 == pytest.approx(lowest, abs=1e-9)
    for run in summary["runs"]:  # what was hot does not enter the averages
        assert sum(run["state_counts"].values()) == 100


def test_uniform_draws_are_uniform_and_anchor_the_entropy(campaign, tmp_path):
    config = campaign(
        supercell=[1, 2, 1],
        x=[0.5],
        temperatures=[500.0, 1000.0],
        steps=400,
        more="tempering = true\nuniform_draws = 1400",
    )
    out = tmp_path / "run"
    assert run_campaign(config, out, progress=False) == 0
    states = to_json(enumerate_states(config))["states"]
    exact = {state["key"]: state["degeneracy"] / 70 for state in states}
    store = load(out / "results.h5")
    (chain,) = store.uniform_chains
    assert chain.step == 1400
    assert p_value(store.traces[chain.name].keys, exact) > 1e-4
    summary = json.loads((out / "summary.json").read_text())
    (draws,) = summary["uniform_draws"]
    assert (draws["drawn"], draws["failed"]) == (1400, 0)
    assert len(summary["runs"]) == 2


def test_round_trips_count_walks_from_cold_to_hot_and_back(campaign):
    """All states of x = 0 have one energy: every exchange is accepted, walkers go round."""
    system = load_system(campaign(x=[0.0, 0.5]))
    chains = [make_chain(system.lattice, 0.0, system.ions(0.0, 1), t, 1) for t in (1.0, 2.0, 3.0)]
    ladder = make_ladder(chains, 1)
    advance(ladder, on_the_lattice(system), system.mixture, 7, never)
    # even and odd pairs in turn: 012 → 102 → 120 → 210 → 201 → 021 → 012, which closes the walk
    assert ladder.exchanges == 6
    assert ladder.walkers == [0, 1, 2]
    assert ladder.round_trips == [1, 0, 0]
    assert ladder.accepted == [3, 3]


def test_all_moves_of_the_catalogue_keep_cells_neutral(campaign):
    more = SEMIGRAND.format(mu=0.0, more="") + "charge_swap_2 = 0.5\n"
    system = load_system(campaign(supercell=[1, 2, 1], ordering="sampled", more=more))
    assert {m.name for m in system.mixture.moves} == {
        "insertion_removal", "charge_swap", "ion_swap", "ion_charge_swap", "neighbour_swap",
        "charge_swap_2",
    }  # fmt: skip
    chain = make_chain(system.lattice, 0.5, system.ions(0.5, 1), 2000.0, 1, 0.0)
    ladder = make_ladder([chain], 1)
    energies = on_the_lattice(system, previous=True)
    for steps in range(50, 2000, 50):
        advance(ladder, energies, system.mixture, steps, never)
        assert system.lattice.total_charge(chain.occupancy) == 0
    assert set(chain.moves) == {m.name for m in system.mixture.moves}
    assert all(count.accepted for count in chain.moves.values())


def test_neighbours_of_the_moves_are_those_of_the_crystal(campaign):
    """In olivine a redox site has 4 nearest redox neighbours and 2 nearest ion sites."""
    more = "[sampling.moves]\ncharge_swap = 1.0\nneighbour_swap = 1.0\nion_charge_swap = 1.0"
    system = load_system(campaign(supercell=[1, 2, 2], ordering="sampled", more=more))
    moves = {move.name: move for move in system.mixture.moves}
    pairs = moves["neighbour_swap"].pairs
    assert Counter(pairs.ravel().tolist()) == dict.fromkeys(range(16), 4)
    assert moves["neighbour_swap"].connects_all is False  # sheets of redox sites
    assert {len(near) for near in moves["ion_charge_swap"].neighbours} == {2}


def test_product_of_settings_makes_one_ladder_each(campaign, tmp_path):
    more = SEMIGRAND.format(mu=[10.5, 10.8], more="")
    config = campaign(x=[0.25, 0.5], ordering="sampled", seeds=[3, 4], steps=5, more=more)
    run_campaign(config, tmp_path / "run", progress=False)
    names = set(load(tmp_path / "run" / "results.h5").traces)
    wanted = {
        f"x{x}_mu{mu}_T600_seed{seed}" for x, mu, seed in product((0.25, 0.5), (10.5, 10.8), (3, 4))
    }
    assert names == wanted
