"""Plots and thermodynamics of molecular dynamics from made-up histories."""

import matplotlib.image
import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.dynamics.replica import MdChain
from redoxmc.report.analysis import Analysis
from redoxmc.report.md_plots import (
    MdSeries,
    plot_dynamics,
    plot_outside,
    plot_path_lengths,
    plot_swaps,
    plot_work,
)
from redoxmc.report.md_thermo import md_thermo_records
from redoxmc.report.order import OrderParameters
from redoxmc.results.store import Store
from redoxmc.sampling.trace import Trace

PLOTS = (plot_dynamics, plot_outside, plot_path_lengths, plot_swaps, plot_work)
VERMILION = np.array([0xD5, 0x5E, 0x00]) / 255


def series(x=0.5, temperature=600.0, n=300, works=True, seed=1):
    rng = np.random.default_rng(seed)
    work = rng.normal(0.2, 0.1, n) if works else np.full(n, np.nan)
    accepted = (rng.random(n) < 0.2).astype(float) if works else np.zeros(n)
    return MdSeries(
        x, temperature, seed, np.arange(n) * 0.05, rng.normal(-50, 0.01, n),
        rng.normal(temperature, 60, n), np.cumsum(rng.normal(0, 0.01, n)), work, accepted,
        np.abs(rng.normal(0.05, 0.02, n)), rng.random(n), np.minimum(np.arange(n), 6.0),
        {16: 0.1, 32: 0.2, 64: 0.25} if works else {}, 32,
    )  # fmt: skip


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_of_several_replicas(tmp_path, plot):
    several = [series(x, t, seed=s) for x in (0.25, 0.5) for t in (300.0, 600.0) for s in (1, 2)]
    plot(tmp_path / "plot.png", several)
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_refused_and_accepted_paths_are_told_apart(tmp_path):
    def shown(one):
        plot_outside(tmp_path / "plot.png", [one])
        image = matplotlib.image.imread(tmp_path / "plot.png")[..., :3]
        return np.sum(np.abs(image - VERMILION).max(axis=-1) < 0.25)  # dots are translucent

    one = series()
    refused = MdSeries(**(one.__dict__ | {"accepted": np.zeros(300)}))
    assert shown(one) > 2 * shown(refused)


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_of_a_single_step_and_of_no_path(tmp_path, plot):
    plot(tmp_path / "plot.png", [series(n=1), series(works=False, x=1.0)])
    assert (tmp_path / "plot.png").stat().st_size > 5_000


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    from conftest import CAMPAIGN, HOST, REFERENCE

    path = tmp_path_factory.mktemp("md") / "campaign.toml"
    values = {"host": HOST, "supercell": [1, 1, 1], "x": [0.5], "ordering": "ewald"}
    values |= {"model": REFERENCE, "cell": "fixed", "start": "reference", "steps": 6}
    path.write_text(CAMPAIGN.format(temperatures=[600.0], seeds=[1], more="", **values))
    return load_system(path)


def records(system, steps, failed=False, sticking=False, hops=None):
    """Of x = 0, 1/2, 1 at 600 K, two seeds each; the charge orders at 1/2 are equally frequent.

    hops: of ions, after each step.
    """
    rng = np.random.default_rng(3)
    orders = ["1100", "1010", "1001", "0110", "0101", "0011"]
    keys = {0.0: ["0000|0000"], 0.5: [f"{o}|1001" for o in orders], 1.0: ["1111|1111"]}
    energy = {0.0: -180.0, 0.5: -201.0, 1.0: -220.0}
    chains, traces = [], {}
    for x in (0.0, 0.5, 1.0):
        for seed in (1, 2):
            chain = MdChain(x, round(4 * x), 600.0, seed, rng, np.zeros(8, dtype=np.int8))
            chain.failure = "told to" if failed and x == 0.5 else ""
            energies = energy[x] + 0.1 * rng.standard_normal(steps)
            visits = [str(key) for key in rng.choice(keys[x], steps)]
            visits = sorted(visits) if sticking else visits
            chains.append(chain)
            columns = {} if hops is None else {"hops": hops, "ions_away": [0.0] * steps}
            traces[chain.name] = Trace(energies.tolist(), raw_keys=visits, columns=columns)
    header = {"config": {"sampling": {"burn_in": 0.1}}}
    store = Store(header, traces=traces, md_chains=chains)
    order = OrderParameters.of(system.lattice, [1, 1, 1])
    return {record.x: record for record in md_thermo_records(Analysis(store, system.host, order))}


def test_entropy_and_hull_where_the_run_is_long_enough(system):
    found = records(system, 2000)
    half = found[0.5]
    assert half.formation_energy_eV_per_fu == pytest.approx(-0.25, abs=0.01)
    assert [found[x].on_hull for x in (0.0, 0.5, 1.0)] == [True, True, True]
    error = half.electronic_entropy_standard_error
    assert error < 0.0033
    # of thousands of independent visits: false alarm 1e-5
    assert abs(half.electronic_entropy_kB_per_site - np.log(6) / 4) < 4.4 * error
    assert half.ideal_kB_per_site == pytest.approx(np.log(2))
    assert half.r_hat < 1.05
    assert half.r_hat_order < 1.05
    assert found[0.0].electronic_entropy_kB_per_site == 0.0  # a single charge order
    assert found[0.0].electronic_entropy_standard_error == 0.0


def test_states_that_hardly_change_and_a_failed_run_tell_nothing(system):
    stuck = records(system, 2000, sticking=True)[0.5]
    assert stuck.electronic_entropy_kB_per_site is None
    assert stuck.electronic_entropy_standard_error is None
    assert stuck.energy_eV_per_fu is not None
    failed = records(system, 200, failed=True)[0.5]
    assert failed.energy_eV_per_fu is None
    assert failed.r_hat is None
    assert failed.electronic_entropy_kB_per_site is None
    assert failed.formation_energy_eV_per_fu is None


def test_charge_orders_on_sites_that_ions_have_left_tell_no_entropy(system):
    never, once = [0.0] * 2000, [0.0] * 1900 + [1.0] + [0.0] * 99
    assert records(system, 2000, hops=never)[0.5].electronic_entropy_kB_per_site is not None
    half = records(system, 2000, hops=once)[0.5]
    assert half.electronic_entropy_kB_per_site is None
    assert "ions have left the sites" in half.why_unknown
    assert half.energy_eV_per_fu is not None
