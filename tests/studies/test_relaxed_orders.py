"""Charge orders relaxed by a model for DFT to judge: those asked for by name."""

import subprocess
import sys
from pathlib import Path

from conftest import REPO

from dft.describe import order_of
from redoxmc.io.extxyz import read_labelled

ORDERS = ["1x1x1:0101|0110", "1x1x1:0001|0001"]


def test_orders_asked_for_are_relaxed_from_three_starts(tmp_path: Path) -> None:
    out = tmp_path / "lowest.extxyz"
    script = REPO / "scripts" / "studies" / "relaxed_orders.py"
    model = REPO / "potentials" / "reference"
    command = [sys.executable, script, model, "--orders", *ORDERS, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    frames = read_labelled(out)
    assert {f.info["order"] for f in frames} == set(ORDERS)
    for frame in frames:
        order = order_of(frame)
        states = frame.arrays["charge_state"]
        assert (states == "Fe2+").sum() == (states == "Na+").sum() == order.redox.count("1")
        assert frame.info["part"] == "test"
        assert set(frame.info["starts"].split()) <= {"reference", "symmetric", "rattled"}
    for order in ORDERS:  # each start ended somewhere, once
        ended = " ".join(f.info["starts"] for f in frames if f.info["order"] == order).split()
        assert len(ended) == len(set(ended)) > 0
