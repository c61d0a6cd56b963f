import math

import numpy as np
import pytest

from redoxmc.thermo.entropy import boltzmann_probabilities, log_binomial
from redoxmc.thermo.mbar import NoOverlapError, density_of_states
from redoxmc.units import KB

TEMPERATURES = [200.0, 400.0, 900.0, math.inf]


def spectrum(seed=51):
    return np.sort(np.random.default_rng(seed).normal(-700.0, 0.08, size=70))


def draw(levels, temperatures, n, seed):
    rng = np.random.default_rng(seed)
    p = [boltzmann_probabilities(levels, np.ones(len(levels)), t) for t in temperatures]
    return [rng.choice(levels, size=n, p=q) for q in p]


def test_density_of_states_is_found():
    levels = np.array([0.0, 0.05, 0.12, 0.2])
    g = np.array([2, 4, 24, 40])
    rng = np.random.default_rng(52)
    samples = [
        rng.choice(levels, size=20_000, p=boltzmann_probabilities(levels, g, t))
        for t in TEMPERATURES
    ]
    dos = density_of_states(TEMPERATURES, samples, math.log(70))
    assert dos.energies == pytest.approx(levels)
    assert np.exp(dos.log_degeneracies).sum() == pytest.approx(70.0)
    assert np.exp(dos.log_degeneracies) == pytest.approx(g, rel=0.05)
    assert dos.counts.sum() == 80_000


def test_the_solution_satisfies_the_mbar_equations():
    samples = draw(spectrum(), TEMPERATURES, 500, 53)
    dos = density_of_states(TEMPERATURES, samples, 0.0)
    beta = [1.0 / (KB * t) for t in TEMPERATURES]
    log_z = [np.log(np.sum(np.exp(dos.log_degeneracies - b * (dos.energies + 700)))) for b in beta]
    denominator = sum(
        500 * np.exp(-z - b * (dos.energies + 700)) for z, b in zip(log_z, beta, strict=True)
    )
    weights = dos.counts / denominator
    assert weights == pytest.approx(np.exp(dos.log_degeneracies), rel=1e-9)


def test_pymbar_gives_the_same_free_energies():
    import pymbar

    finite = TEMPERATURES[:-1]
    samples = draw(spectrum(), finite, 400, 54)
    beta = np.array([1.0 / (KB * t) for t in finite])
    u = beta[:, None] * (np.concatenate(samples) + 700.0)[None, :]
    reference = pymbar.MBAR(u, [400] * 3).compute_free_energy_differences()["Delta_f"][0]
    dos = density_of_states(finite, samples, 0.0)
    log_z = [np.log(np.sum(np.exp(dos.log_degeneracies - b * (dos.energies + 700)))) for b in beta]
    assert -(np.array(log_z) - log_z[0]) == pytest.approx(reference, abs=1e-6)


def test_one_temperature_is_plain_reweighting():
    energies = draw(spectrum(), [500.0], 1000, 55)
    dos = density_of_states([500.0], energies, 0.0)
    log_w = np.log(dos.counts) + (dos.energies + 700) / (KB * 500.0)
    shift = dos.log_degeneracies - log_w
    assert np.ptp(shift) < 1e-9


def test_effective_samples_tell_where_the_samples_reach():
    levels = spectrum()
    cold = density_of_states([150.0], draw(levels, [150.0], 2000, 56), log_binomial(8, 4))
    assert cold.effective_samples(150.0) == pytest.approx(2000, rel=1e-6)
    assert cold.effective_samples(math.inf) < 50
    uniform = density_of_states([math.inf], draw(levels, [math.inf], 2000, 57), log_binomial(8, 4))
    assert uniform.effective_samples(math.inf) == pytest.approx(2000, rel=1e-6)


def test_a_large_cell_with_distinct_energies_does_not_overflow():
    rng = np.random.default_rng(58)
    # Gaussian density of states of 5,000 sites: mean −σ²/kT at temperature T, width σ
    sigma = 0.5
    temperatures = [2000.0, 3000.0, 6000.0, math.inf]
    samples = [rng.normal(-1e5 - sigma**2 / (KB * t), sigma, size=2000) for t in temperatures]
    dos = density_of_states(temperatures, samples, log_binomial(5000, 2500))
    beta = 1.0 / (KB * 2000.0)
    log_z = np.logaddexp.reduce(dos.log_degeneracies - beta * (dos.energies + 1e5))
    assert log_z == pytest.approx(log_binomial(5000, 2500) + (beta * sigma) ** 2 / 2, abs=0.3)


@pytest.mark.parametrize(
    ("temperatures", "energies", "words"),
    [
        ([300.0], [np.array([])], "needs samples"),
        ([300.0, 300.0], [np.zeros(3)] * 2, "all different"),
        ([-1.0], [np.zeros(3)], "positive"),
        ([300.0], [], "needs samples"),
    ],
)
def test_nonsense_is_refused(temperatures, energies, words):
    with pytest.raises(ValueError, match=words):
        density_of_states(temperatures, energies, 0.0)


def test_disjoint_samples_are_refused():
    rng = np.random.default_rng(59)
    samples = [rng.normal(0.0, 1e-3, 500), rng.normal(1.0, 1e-3, 500)]
    with pytest.raises(NoOverlapError, match="overlap"):
        density_of_states([100.0, 1000.0], samples, 0.0)
