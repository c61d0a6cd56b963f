import matplotlib.image
import numpy as np
import pytest

from redoxmc.errors import InputError
from redoxmc.report.plot_curves import (
    Curve,
    Isotherm,
    plot_entropy,
    plot_heat_capacity,
    plot_isotherms,
    plot_phase_diagram,
    plot_voltage,
)
from redoxmc.report.plots import (
    EnergyTrace,
    Points,
    StateHistogram,
    plot_hull,
    plot_states,
    plot_traces,
)
from redoxmc.results.phases import Phases, VoltagePlateau


def has_colour(path, colour, at_least=20):
    """Count the pixels of a colour that the plot must contain."""
    image = matplotlib.image.imread(path)[..., :3]
    target = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.sum(np.all(np.abs(image - target) < 0.02, axis=-1)) >= at_least


def test_hull_with_and_without_references(tmp_path):
    x, e = [0, 0.5, 0.5, 1, 0.75], [0, -0.1, 0.02, 0, np.nan]
    plain, compared = tmp_path / "plots" / "hull.png", tmp_path / "both.png"
    plot_hull(plain, x, e)
    plot_hull(compared, x, e, [Points("DFT", [0.5], [-0.08])], ion="Na")
    assert has_colour(plain, "#0072B2")  # the hull line
    assert not has_colour(plain, "#D55E00", at_least=1)
    assert has_colour(compared, "#D55E00")
    assert [p.name for p in (tmp_path / "plots").iterdir()] == ["hull.png"]  # nothing half-written


def test_a_hull_of_one_composition_or_none(tmp_path):
    plot_hull(tmp_path / "one.png", [0.5, 0.5], [0.0, 0.1])
    plot_hull(tmp_path / "none.png", [0.5], [np.nan])
    assert not has_colour(tmp_path / "none.png", "#56B4E9", at_least=200)


def test_traces_show_every_replica(tmp_path):
    rng = np.random.default_rng(1)
    traces = [
        EnergyTrace(x, t, s, -30 + 0.02 * rng.random(3000))
        for x in (0.25, 0.5) for t in (300.0, 900.0) for s in (1, 2)
    ]  # fmt: skip
    plot_traces(tmp_path / "t.png", [*traces, EnergyTrace(1.0, 300.0, 1, np.full(5, -31.0))])
    assert has_colour(tmp_path / "t.png", "#440154")  # cold end of viridis


@pytest.mark.parametrize("n", [6, 100])
def test_states_as_bars_or_as_energies(tmp_path, n):
    rng = np.random.default_rng(2)
    share = rng.dirichlet(np.ones(n))
    histogram = StateHistogram(0.5, 300.0, rng.random(n) * 0.05, share, expected=share)
    plot_states(tmp_path / "s.png", [histogram, StateHistogram(1.0, 300.0, [0.0], [1.0])])
    assert (tmp_path / "s.png").stat().st_size > 5000


def test_curves(tmp_path):
    t = np.array([900.0, 300.0, 600.0])
    curves = [
        Curve(0.5, t, [0.5, 0.2, np.nan], [0.01, 0.02, np.nan], ideal=0.693, finite_size=0.53),
        Curve(0.25, np.linspace(100, 900, 50), np.linspace(0.1, 0.4, 50), np.full(50, 0.01)),
    ]
    plot_entropy(tmp_path / "s.png", curves)
    plot_heat_capacity(tmp_path / "c.png", curves)
    for name in ("s.png", "c.png"):
        assert has_colour(tmp_path / name, "#0072B2")
        assert has_colour(tmp_path / name, "#D55E00")


def test_a_path_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "hull.png").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        plot_hull(tmp_path / "hull.png", [0, 1], [0, 0])
    assert [p.name for p in tmp_path.iterdir()] == ["hull.png"]


def test_voltage_leaves_unknown_plateaus_out(tmp_path):
    def plateau(low, high, temperature, voltage):
        return VoltagePlateau(x_low=low, x_high=high, temperature_K=temperature, voltage_V=voltage)

    known = [plateau(0.0, 0.5, 300.0, 3.0), plateau(0.5, 1.0, 300.0, 2.8)]
    plot_voltage(tmp_path / "v.png", [*known, plateau(0.0, 0.5, 900.0, 3.0)])
    assert has_colour(tmp_path / "v.png", "#440154")
    plot_voltage(tmp_path / "none.png", [plateau(0.0, 1.0, 300.0, None)])
    assert (tmp_path / "none.png").exists()


def test_isotherms(tmp_path):
    cold = Isotherm(300.0, [10.2, 10.6, 10.9], [0.0, 0.5, 1.0], [0.0, 0.01, 0.0])
    hot = Isotherm(900.0, [10.2, 10.6, 10.9], [0.1, 0.5, 0.9], [0.02, 0.01, 0.02])
    plot_isotherms(tmp_path / "i.png", [cold, hot])
    assert has_colour(tmp_path / "i.png", "#440154")
    plot_isotherms(tmp_path / "one.png", [hot])
    assert not has_colour(tmp_path / "one.png", "#440154", at_least=1)


def phases(temperature, apart, unresolved):
    return Phases(
        temperature_K=temperature,
        two_phase=apart,
        unresolved=unresolved,
        stable=sorted({x for region in apart + unresolved for x in region}),
        boundaries=[],
    )


def test_phase_diagram(tmp_path):
    hot = phases(900.0, [], [])
    plot_phase_diagram(tmp_path / "p.png", [phases(300.0, [[0.0, 0.5]], [[0.5, 1.0]]), hot])
    assert has_colour(tmp_path / "p.png", "#56B4E9", at_least=500)
    plot_phase_diagram(tmp_path / "none.png", [hot])
    assert not has_colour(tmp_path / "none.png", "#56B4E9", at_least=1)
