"""The shipped inputs of other materials: a spinel and an olivine of two couples, in tiny cells."""

import numpy as np
import pytest
from conftest import REPO

import redoxmc
from redoxmc.structures.lattice import Lattice

INPUTS = REPO / "lammps_inputs"


def shortened(name, supercell, x):
    """A shipped campaign with another supercell, other x and few steps at one temperature."""
    config = redoxmc.load_config(INPUTS / name / "campaign.toml")
    few = {"temperatures": [1200.0], "steps": 60, "tempering": False, "uniform_draws": 0}
    return config.model_copy(
        update={
            "host": config.host.model_copy(update={"supercell": supercell}),
            "ions": config.ions.model_copy(update={"concentrations": x}),
            "sampling": config.sampling.model_copy(update=few),
        }
    )


@pytest.mark.parametrize(
    ("name", "supercell", "x", "ends"),
    [
        ("spinel_limn2o4", [1, 1, 1], [0.0, 0.25, 0.5], ["Mn2O4", "LiMn2O4"]),
        ("olivine_limnfepo4", [1, 1, 1], [0.0, 0.5, 1.0], ["MnFeP2O8", "Li2MnFeP2O8"]),
    ],
)
def test_a_shipped_material_runs_and_has_a_hull(tmp_path, name, supercell, x, ends):
    results = redoxmc.run(shortened(name, supercell, x), tmp_path / "run")
    assert results.summary.complete
    thermo = results.to_dataframe()
    assert thermo["x"].tolist() == x
    assert thermo["formation_energy_eV_per_fu"].iloc[[0, -1]].tolist() == [0.0, 0.0]
    assert thermo["formation_energy_eV_per_fu"].iloc[1] < -0.05
    assert thermo["on_hull"].all()
    found = results.summary.host.end_members
    assert [sorted(one) for one in found] == [sorted(one) for one in ends]
    assert (tmp_path / "run" / "plots" / "hull.png").is_file()


def test_iron_is_oxidised_before_manganese(tmp_path):
    """Half of the Li left: the lowest states have every electron on Mn, all Fe being Fe3+."""
    config = shortened("olivine_limnfepo4", [1, 1, 1], [0.5])
    lattice = Lattice.from_data(redoxmc.run(config, tmp_path / "run").store.header["lattice"])
    manganese = np.array([str(s[-1]) == "Mn2+" for s in lattice.redox_states])
    states = redoxmc.enumerate_states(config).states
    lowest = min(states, key=lambda state: state.energy_eV)
    levels = np.array([int(digit) for digit in lowest.key.split("|")[0]])
    assert levels.tolist() == manganese.astype(int).tolist()
