"""The card of a set, and the comparison of two labellings, on made-up energies."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from conftest import REPO
from dft_files import TRUTH, frames

from dft.card import write_card
from dft.compare import compare
from dft.describe import RelaxedLimits, describe_set, order_of, relaxed_states, shared_orders
from redoxmc.errors import InputError
from redoxmc.io.extxyz import write_labelled

# order, energy per redox site in eV of two labellings
ENERGIES = {
    "a:00|00": (-10.0, -20.0),
    "a:11|11": (-12.0, -23.0),
    "a:10|10": (-11.05, -21.52),
    "a:01|10": (-11.02, -21.51),
    "b:01|10": (-11.04, -21.60),
}


def labelled(which: int) -> list[Atoms]:
    out = frames(len(ENERGIES))
    for number, (atoms, (order, energies)) in enumerate(zip(out, ENERGIES.items(), strict=True)):
        atoms.arrays["charge_state"] = np.array(TRUTH)
        atoms.info.update(order=order, made_by="rattle" if number else "relaxation")
        atoms.calc.results.update(energy=-1.0, free_energy=2 * energies[which])
        atoms.calc.results["forces"] = atoms.calc.results["forces"] + 0.01 * which
    return out


def test_card(tmp_path: Path) -> None:
    data = write_card(labelled(0), tmp_path)
    assert json.loads((tmp_path / "data.json").read_text()) == data
    assert data["frames"] == 5
    assert data["frames_per_x"] == {"0": 1, "0.5": 3, "1": 1}
    assert data["made_by"] == {"relaxation": 1, "rattle": 4}
    assert data["charge_orders_meV_per_site"] == {"a:10": [0.0, pytest.approx(30.0)]}
    moments = data["moments_muB"]
    assert moments["Fe2+"]["mean"] == pytest.approx(3.779, abs=0.01)
    assert moments["gap Fe2+ Fe3+"] == pytest.approx(0.56, abs=0.03)
    assert set(moments) == {"Fe2+", "Fe3+", "gap Fe2+ Fe3+", "gap Fe2+ Fe3+, inner 98 %"}
    low, high = moments["Fe2+"]["inner_98_percent"]
    assert moments["Fe2+"]["min"] <= low < high <= moments["Fe2+"]["max"]
    assert moments["gap Fe2+ Fe3+, inner 98 %"] >= moments["gap Fe2+ Fe3+"]
    assert data["frames_per_cell"] == {"a": 4, "b": 1}
    assert "| a:10 | 0 / 30 |" in (tmp_path / "data.md").read_text()
    assert (tmp_path / "data.png").read_bytes().startswith(b"\x89PNG")


def test_energies_of_orders_are_of_relaxed_frames_only() -> None:
    some = labelled(0)
    some[2].calc.results["forces"] = some[2].calc.results["forces"] + 5.0  # one order of a:10
    assert max(np.abs(atoms.get_forces()).max() for atoms in (*some[:2], *some[3:])) < 4.0
    assert "a:10" in describe_set(some)["charge_orders_meV_per_site"]
    assert "a:10" not in describe_set(some, RelaxedLimits(4.0))["charge_orders_meV_per_site"]
    assert "a:10" in describe_set(some, RelaxedLimits(stress=0.1))["charge_orders_meV_per_site"]
    some[3].calc.results["stress"] = np.full(6, -0.2)  # the other one
    assert "a:10" not in describe_set(some, RelaxedLimits(stress=0.1))["charge_orders_meV_per_site"]


def test_relaxed_states_are_the_lowest_of_their_order() -> None:
    some = [atoms.copy() for atoms in labelled(0) for _ in range(2)]
    for number, atoms in enumerate(some):
        atoms.info["made_by"] = ("state", "relaxed")[number % 2]
        forces = np.full((len(atoms), 3), 0.1)
        atoms.calc = SinglePointCalculator(atoms, energy=-float(number), forces=forces)
    some[1].calc.results["forces"][0] = 3.0  # rattled
    some[3].info["order_kept"] = False
    some[5].info["made_by"] = "led_md"
    del some[7].info["made_by"]  # a set that does not say
    assert relaxed_states(some) == [0, 2, 4, 7, 9]


def test_equivalent_ion_orders_are_one() -> None:
    some = labelled(0)
    for atoms, ion_order in zip(some[2:], ("01", 1, "01"), strict=True):
        atoms.info["order"] = "a:01|10" if atoms is some[2] else "a:01|01"
        atoms.info["ion_order"] = ion_order
    energies = describe_set(some)["charge_orders_meV_per_site"]
    assert list(energies) == ["a:01"]  # also where reading the file made a number of the name
    assert len(energies["a:01"]) == 2


def test_a_frame_says_where_it_comes_from() -> None:
    some = labelled(0)
    for atoms in some[:2]:
        del atoms.info["made_by"]
        atoms.info["origin"] = "swap"
    assert describe_set(some)["made_by"] == {"rattle": 3, "swap": 2}


def test_a_set_without_orders_and_moments() -> None:
    some = labelled(0)
    for atoms in some:
        atoms.info.clear()
        del atoms.calc.results["magmoms"]
    data = describe_set(some)
    assert (data["frames"], data["orders"], data["frames_per_x"]) == (5, 0, {})
    assert data["moments_muB"] == {}


def test_shared_orders() -> None:
    some = labelled(0)
    assert shared_orders(some[:2], some[2:]) == set()
    assert shared_orders(some[:3], some[2:]) == {order_of(some[2])}


def test_comparison() -> None:
    other = labelled(1)[::-1]
    result = compare(labelled(0), other)
    assert result["pairs"] == 5
    (group,) = result["charge_orders"]
    assert (group["cell"], group["ions"], group["orders"]) == ("a", "10", ["10", "01"])
    assert group["reference_meV_per_site"] == [0.0, pytest.approx(30)]
    assert group["other_meV_per_site"] == [0.0, pytest.approx(10)]
    assert group["kendall_tau"] == pytest.approx(1.0)
    formation = {row["order"]: row for row in result["formation"]}
    assert formation["10|10"]["reference_meV_per_site"] == pytest.approx(-50)
    assert formation["10|10"]["other_meV_per_site"] == pytest.approx(-20)
    assert formation["00|00"]["other_meV_per_site"] == 0.0
    assert result["force_mae_meV_per_A"] == pytest.approx(10.0)


def test_nothing_in_common() -> None:
    other = labelled(1)
    for atoms in other:
        atoms.positions += 0.1
    with pytest.raises(InputError, match="no structure in common"):
        compare(labelled(0), other)


def test_programs(tmp_path: Path) -> None:
    for which in (0, 1):
        write_labelled(tmp_path / f"{which}.extxyz", labelled(which))
    for words in (
        ["describe_set.py", "0.extxyz", "1.extxyz", "--out", "card"],
        ["compare_sets.py", "0.extxyz", "1.extxyz", "--json", "compare.json"],
    ):
        command = [sys.executable, REPO / "scripts" / "studies" / words[0], *words[1:]]
        subprocess.run(command, cwd=tmp_path, check=True)
    assert json.loads((tmp_path / "card" / "data.json").read_text())["frames"] == 10
    assert json.loads((tmp_path / "compare.json").read_text())["pairs"] == 5
