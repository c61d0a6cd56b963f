#!/usr/bin/env python
"""Ten hard frames, and how a DFT recipe and others for the same ground state get through them.

Hard are x = 3/4, orders of neighbouring reduced ions, and geometries half-way along a swap. Each
way labels the same frames (`redoxmc compute`, resumable; run it twice for two workers). OUT/hard.md
and OUT/hard.json say how many converged, how many of those in the order wanted, iterations and
minutes of a core for each, and how far energies lie above the lowest that any way found.

Run: .venv/bin/python scripts/studies/hard_frames.py potentials/data/dft/wanted.extxyz \\
         --settings potentials/data/dft/gpaw.toml --out results/hard_frames
"""

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from dft.recipe_tests import computed
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.io.files import write_atomically
from study_tools.command import input_errors_end
from study_tools.markdown import number, table

# How many of which kind and order; the first of them in the file.
CHOICE = (
    (2, "state", "0111|"), (2, "led_start", "0111|"), (2, "led_start", "0011|"),
    (2, "swap", ""), (2, "exchanged", ""),
)  # fmt: skip
GPAW_MIXING = {"method": "difference", "beta": 0.1, "nmaxold": 5, "weight": 50.0}
DIRECT = {
    "eigensolver": {"name": "etdm-fdpw", "converge_unocc": False},
    "mixer": {"backend": "no-mixing"},
    "occupations": {"name": "fixed-uniform"},
}
WAYS: dict[str, dict[str, dict[str, object]]] = {
    "the recipe": {},
    "released at once": {"order": {"release": 0.0}},
    "moments alone, joint mixing": {"order": {"potential": 0.0}},
    "moments alone, GPAW's mixing": {
        "order": {"potential": 0.0}, "parameters": {"mixer": GPAW_MIXING}
    },
    "moments alone, direct minimization": {"order": {"potential": 0.0}, "parameters": DIRECT},
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wanted", type=Path, help="frames to choose from")
    parser.add_argument("--settings", type=Path, required=True, help="the recipe (TOML)")
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    arguments = parser.parse_args()
    with input_errors_end("hard_frames"):
        frames = hard(read_labelled(arguments.wanted))
        arguments.out.mkdir(parents=True, exist_ok=True)
        states = arguments.out / "hard.extxyz"
        write_labelled(states, frames)
        base = tomllib.loads(arguments.settings.read_text(encoding="utf-8"))
        labelled = {}
        for name, change in WAYS.items():
            settings = {part: {**base.get(part, {}), **change.get(part, {})} for part in
                        {*base, *change}}  # fmt: skip
            labelled[name] = computed(arguments.out, name.replace(",", ""), settings, states)
        rows = summary(labelled, len(frames))
        write_atomically(arguments.out / "hard.json", json.dumps(rows, indent=1) + "\n")
        write_atomically(arguments.out / "hard.md", markdown(rows))


def hard(frames: list[Atoms]) -> list[Atoms]:
    """The frames of CHOICE; those that bring orbitals lose them, for all ways start alike."""
    chosen: list[Atoms] = []
    for count, kind, order in CHOICE:
        of_kind = [f for f in frames if f.info.get("made_by") == kind and len(f) < 40]
        named = [f for f in of_kind if order in str(f.info.get("order", ""))]
        for frame in named[:count]:
            frame.info.pop("orbitals", None)
            chosen.append(frame)
    return chosen


def summary(labelled: dict[str, dict[str, Atoms]], frames: int) -> list[dict[str, Any]]:
    """One row for each way; medians over what it converged."""
    lowest: dict[str, float] = {}
    for own in labelled.values():
        for source, frame in own.items():
            if frame.info["order_kept"]:
                energy = frame.get_potential_energy()
                lowest[source] = min(energy, lowest.get(source, energy))
    rows = []
    for name, own in labelled.items():
        kept = {source: f for source, f in own.items() if f.info["order_kept"]}
        above = [1e3 * (f.get_potential_energy() - lowest[s]) for s, f in kept.items()]
        rows.append(
            {
                "way": name,
                "frames": frames,
                "labelled": len(own),
                "order_kept": len(kept),
                "iterations": _median([f.info["scf_iterations"] for f in own.values()]),
                "minutes": _median([f.info["seconds"] / 60 for f in own.values()]),
                "meV_above_lowest": _median(above),
            }
        )
    return rows


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as a table."""
    head = ["way", "frames", "labelled", "in the order wanted", "iterations", "minutes of a core",
            "meV per cell above the lowest"]  # fmt: skip
    return table(
        head,
        [
            [row["way"], row["frames"], row["labelled"], row["order_kept"],
             number(row["iterations"], 0), number(row["minutes"], 1),
             number(row["meV_above_lowest"], 1)]
            for row in rows
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
