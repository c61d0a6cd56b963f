"""Campaigns of several cells: the infinite crystal, its boundaries, and what is refused."""

import json
import math

import numpy as np
import pytest
from known_chains import ring_free_energy
from scipy.optimize import brentq

from redoxmc.campaign.enumeration import enumerate_states
from redoxmc.campaign.run import run_campaign
from redoxmc.cli.analyze import analyze
from redoxmc.errors import InputError
from redoxmc.report.phases import boundary_records
from redoxmc.report.sizes import extrapolate
from redoxmc.thermo.sizes import infinite_size
from redoxmc.units import KB

X, SIZES, GRID = [0.0, 0.5, 1.0], [8, 16, 24], np.linspace(300.0, 900.0, 7)
COST, REPEL = 0.03, 0.07  # eV: of unlike neighbours, and REPEL x (1 − x) for each site
ERROR, RUNS = 2e-4, 100


def infinite_boundary():
    """Where half full becomes stable against full and empty: the chain's largest eigenvalue."""
    return brentq(
        lambda t: REPEL / 4 - KB * t * math.log1p(math.exp(-COST / (KB * t))), 200.0, 1000.0
    )


def test_boundaries_of_the_infinite_chain_lie_in_their_brackets():
    """Brackets that hold it in 95.45 % of runs do so in fewer than 86 of 100 with p = 5e-5.

    A single cell with its exact free energies has another boundary, with a bracket beside it.
    """
    truth = infinite_boundary()
    exact = np.array(
        [
            [
                [REPEL * x * (1 - x) + ring_free_energy(n, round(n * x), COST, t) for x in X]
                for t in GRID
            ]
            for n in SIZES
        ]
    )
    missing = np.array([[0, math.log(2) - math.log(math.comb(n, n // 2)) / n, 0] for n in SIZES])
    (cell,) = boundary_records(X, GRID, exact[-1], np.zeros_like(exact[-1]), missing[-1])
    assert truth < cell.low_K - 5.0
    rng = np.random.default_rng(11)
    covered, widths = 0, []
    for _ in range(RUNS):
        noise = ERROR * np.array([0, 1, 0]) * rng.standard_normal((len(SIZES), 1, 1))
        errors = np.broadcast_to(ERROR * np.array([0.0, 1.0, 0.0]), exact.shape)
        plain, spread = infinite_size(SIZES, exact + noise, errors)
        thermal = KB * GRID[:, None]
        corrected, more = infinite_size(
            SIZES, exact + noise - thermal * missing[:, None, :], errors
        )
        (found,) = boundary_records(
            X, GRID, plain, np.maximum(spread, more), (plain - corrected) / thermal
        )
        covered += (found.low_K or 0.0) <= truth <= (found.high_K or math.inf)
        widths.append((found.high_K or math.inf) - (found.low_K or 0.0))
    assert covered >= 86, covered
    assert np.median(widths) < 0.25 * truth


def run(campaign, out, **changes):
    settings = {"temperatures": [1500.0], "steps": 300, "more": "uniform_draws = 150\naudit = 0.0"}
    config = campaign(f"{out.name}.toml", **(settings | changes))
    assert run_campaign(config, out, progress=False) == 0
    return config


def test_two_cells_of_the_reference_potential_agree_with_their_enumerations(
    campaign, tmp_path, capsys
):
    """Limits from chains against those of exact free energies; 5 errors, false alarm 1e-5."""
    cells = {4: [1, 1, 1], 8: [1, 2, 1]}
    configs = {n: run(campaign, tmp_path / f"{n}", supercell=cells[n]) for n in cells}
    analyze([tmp_path / "4", tmp_path / "8"], None, sizes=True, json_file=tmp_path / "sizes.json")
    assert "1/N = 0" in capsys.readouterr().out
    found = json.loads((tmp_path / "sizes.json").read_text())
    assert found["formula_units"] == [4, 8]
    exact = {}
    for n, config in configs.items():
        for point in enumerate_states(config).thermo:
            exact[n, point.x, point.temperature_K] = point.free_energy_eV_per_fu
    (point,) = found["points"]
    pair = [exact[n, 0.5, 1500.0] for n in cells]
    assert point["free_energy_eV_per_fu"] == pytest.approx(pair, abs=0.02)
    plain = 2 * pair[1] - pair[0]
    lacking = [math.log(2) - math.log(math.comb(n, n // 2)) / n for n in cells]
    missing, error = 2 * lacking[1] - lacking[0], point["limit_standard_error"]
    assert error < 0.02
    assert abs(point["limit_plain_eV_per_fu"] - plain) < 5 * error
    assert abs(point["limit_eV_per_fu"] - plain + KB * 1500.0 * missing) < 5 * error
    with pytest.raises(InputError, match=r"cells of \[4\] formula units"):
        extrapolate([tmp_path / "4", tmp_path / "4"])
    with pytest.raises(InputError, match="writes no folder"):
        analyze([tmp_path / "4", tmp_path / "8"], tmp_path / "out", sizes=True)
    run(
        campaign,
        tmp_path / "other",
        supercell=[1, 2, 1],
        start="previous",
        steps=2,
        more="",
    )
    with pytest.raises(InputError, match="differ in more than the supercell"):
        extrapolate([tmp_path / "4", tmp_path / "other"])
    run(campaign, tmp_path / "short", supercell=[1, 2, 1], steps=2, more="")
    with pytest.raises(InputError, match="no temperature at which every x"):
        extrapolate([tmp_path / "4", tmp_path / "short"])
