import numpy as np
import pytest

from redoxmc.config.campaign import load_config
from redoxmc.model_card import load_card
from redoxmc.report.order import OrderParameters
from redoxmc.structures.host_file import build_lattice
from redoxmc.structures.occupancy import occupancy_key


@pytest.fixture
def lattice(campaign):
    config = load_config(campaign(supercell=[1, 2, 1]))
    return build_lattice(config, load_card(config.model.path))


@pytest.fixture
def stripes(lattice):
    """Layers of reduced and oxidised sites along c: those near 1/2 are reduced."""
    half = np.abs(lattice.scaled[lattice.redox_sites][:, 2] % 1.0 - 0.5) < 0.25
    ions = lattice.scaled[lattice.ion_sites][:, 1] % 1.0 < 0.5 - 1e-6
    return occupancy_key(lattice, np.concatenate([half, ions]).astype(np.int8))


def test_a_stacking_is_found_in_words_and_as_a_peak(lattice, stripes):
    order = OrderParameters.of(lattice, [1, 2, 1])
    peak = order.peaks(stripes)[0]
    assert peak.q == [0.0, 0.0, 1.0]
    assert 0.9 < peak.share < 1.0  # the layers are puckered
    assert "layers normal to (0 0 1)" in order.describe(stripes)


def test_means_weigh_states_by_their_visits(lattice, stripes):
    order = OrderParameters.of(lattice, [1, 2, 1])
    other = "10101010|" + stripes.split("|")[1]
    one, two = order.of_visits([stripes]), order.of_visits([other])
    mixed = order.of_visits([stripes, other, other, stripes, other])
    for name in ("warren_cowley", "warren_cowley_ions"):
        expected = 0.4 * np.array(getattr(one, name)) + 0.6 * np.array(getattr(two, name))
        assert getattr(mixed, name) == pytest.approx(expected)
    assert mixed.dominant == order.describe(other)
    assert order.nearest([stripes, other]).tolist() == [
        one.warren_cowley[0],
        two.warren_cowley[0],
    ]


def test_no_visits_and_uniform_sites_are_unknown_and_not_zero(lattice):
    order = OrderParameters.of(lattice, [1, 2, 1])
    assert order.of_visits([]).warren_cowley == [None] * 3
    assert order.of_visits(["0" * 8 + "|" + "0" * 8]).warren_cowley_ions == [None] * 3


def test_a_supercell_matrix_is_its_own_unit_cell(lattice, stripes):
    order = OrderParameters.of(lattice, [[1, 0, 0], [0, 2, 0], [0, 0, 1]])
    assert order.repeats == (1, 1, 1)
    peak, half = order.peaks(stripes)[0], "1" * 4 + "0" * 4 + "|" + "0" * 8
    assert peak.q == [0.0, 0.0, 1.0]  # c is not repeated
    assert order.describe(half).count("(0 1 0)") == 1  # (0 1/2 0) of the host's cell


def test_what_is_no_stacking_is_named_by_its_wave_and_its_neighbours(lattice):
    order = OrderParameters.of(lattice, [1, 2, 1])
    key = "11010010|11110000"
    name = order.describe(key)
    assert name.startswith("no layered order")
    assert f"{order.peaks(key)[0].share:.0%} of full order" in name
    assert "Warren-Cowley" in name


def test_very_large_cells_have_no_peaks(lattice, stripes, monkeypatch):
    monkeypatch.setattr("redoxmc.report.order._MOST_PHASES", 100)
    order = OrderParameters.of(lattice, [1, 2, 1])
    assert order.peaks(stripes) == []
    assert "layers normal to (0 0 1)" in order.describe(stripes)
