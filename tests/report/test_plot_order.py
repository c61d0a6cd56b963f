"""Pictures of charge orders: which sites lie in which layer, and what is drawn."""

import matplotlib.image
import numpy as np
import pytest

from redoxmc.campaign.system import load_system
from redoxmc.report.plot_order import (
    ParameterCurve,
    clearest_axis,
    draw_order,
    layers_along,
    plot_order_parameters,
)
from redoxmc.structures.occupancy import occupancy_of_key

BLUE, VERMILION = "#0072B2", "#D55E00"


def pixels(path, colour):
    image = matplotlib.image.imread(path)[..., :3]
    target = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return int(np.sum(np.abs(image - target).max(axis=-1) < 0.02))


@pytest.fixture
def lattice(campaign):
    return load_system(campaign(supercell=[1, 2, 1])).lattice


def test_layers_hold_all_sites_once_and_whole_layers_of_redox_sites(lattice):
    layers = layers_along(lattice, 1)
    assert len(layers) == 4  # two in the unit cell
    assert sorted(np.concatenate(layers)) == list(range(len(lattice.species)))
    for number, sites in enumerate(layers):
        assert len(np.intersect1d(sites, lattice.redox_sites)) == 2
        assert len(np.intersect1d(sites, lattice.ion_sites)) == 2
        redox = lattice.scaled[np.intersect1d(sites, lattice.redox_sites), 1]
        assert np.ptp(redox) < 1e-3
        assert number / 4 < redox[0] < (number + 1) / 4


def test_the_view_is_along_the_vector_with_the_clearest_layers(lattice):
    assert clearest_axis(lattice) == 1


def test_each_charge_state_takes_as_much_of_the_picture_as_it_has_ions(lattice, tmp_path):
    path = tmp_path / "order.png"
    draw_order(path, lattice, occupancy_of_key("11000000|11000000"))
    few = pixels(path, BLUE) / pixels(path, VERMILION)
    draw_order(path, lattice, occupancy_of_key("11110000|11110000"))
    half = pixels(path, BLUE) / pixels(path, VERMILION)
    # the legend adds one of each
    assert few == pytest.approx(3 / 7, rel=0.1)
    assert half == pytest.approx(1.0, rel=0.1)


def test_a_single_cell_along_every_axis(campaign, tmp_path):
    lattice = load_system(campaign(supercell=[[1, 1, 0], [-1, 1, 0], [0, 0, 1]])).lattice
    for axis in range(3):
        assert sum(map(len, layers_along(lattice, axis))) == len(lattice.species)
        path = tmp_path / f"{axis}.png"
        draw_order(path, lattice, occupancy_of_key("10101010|10101010"), axis)
        assert pixels(path, BLUE) > 500


def test_order_parameters_with_and_without_errors(tmp_path):
    values = np.linspace(-0.3, 0.1, 6).reshape(2, 3)
    one = ParameterCurve(0.5, [300.0, 600.0], values, np.zeros((2, 3)), values, 0.1 + 0 * values)
    gap = ParameterCurve(0.75, [300.0, 600.0], values * np.nan, 0 * values, values, 0 * values)
    plot_order_parameters(tmp_path / "p.png", [one, gap])
    assert pixels(tmp_path / "p.png", BLUE) > 100
    assert pixels(tmp_path / "p.png", VERMILION) > 100
    plot_order_parameters(tmp_path / "none.png", [])
    assert (tmp_path / "none.png").is_file()
