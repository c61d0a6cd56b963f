"""Convergence of computed frames on their data card."""

import numpy as np
from ase import Atoms
from dft_files import TRUTH, frames

from dft.describe import describe_set
from dft.scf_history import scf_rows, scf_table


def computed() -> Atoms:
    (atoms,) = frames(1)
    atoms.arrays["charge_state"] = np.array(TRUTH)
    atoms.info.update(
        order="1x1x1:10|10",
        scf_iterations=6,
        scf_energies_eV=[-5.0, -4.0, -3.010, -3.002, -3.003, -3.001],
        scf_log10_density=[-1.0, -2.5, -4.1],
        seconds=12.4,
    )
    return atoms


def test_spread_is_of_the_last_four_energies() -> None:
    (row,) = scf_rows([computed()], ["Fe2+", "Fe3+"])
    assert row["spread_meV"] == 9.0
    assert (row["iterations"], row["log10_density"], row["seconds"]) == (6, -4.1, 12)
    assert row["order"] == "10|10"
    assert len(row["moments_muB"]) == sum(name.startswith("Fe") for name in TRUTH)


def test_frames_without_a_history_have_no_row() -> None:
    (bare,) = frames(1)
    assert scf_rows([bare], ["Fe2+"]) == []
    assert scf_table([]) == ""


def test_the_card_has_one_line_per_computed_frame() -> None:
    frame = computed()
    data = describe_set([frame, computed()])
    assert len(data["scf"]) == 2
    head, rule, *lines = scf_table(data["scf"]).splitlines()
    assert len(lines) == 2
    assert {line.count("|") for line in (head, rule, *lines)} == {8}
    del frame.info["scf_log10_density"], frame.info["seconds"]
    assert "–" in scf_table(describe_set([frame])["scf"]).splitlines()[-1]
