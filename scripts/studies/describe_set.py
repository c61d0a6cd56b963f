#!/usr/bin/env python
"""The card of a labelled set: data.json, data.md and data.png.

Run: .venv/bin/python scripts/studies/describe_set.py potentials/data/dft/frames.extxyz \\
         --out potentials/data/dft
"""

import argparse
from pathlib import Path

from dft.card import write_card
from dft.describe import ANY, RelaxedLimits
from redoxmc.io.extxyz import read_labelled
from study_tools.command import input_errors_end


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument(
        "--relaxed-below",
        type=float,
        nargs=2,
        metavar=("EV_PER_A", "EV_PER_A3"),
        help="largest force and stress of the frames that energies of orders are taken from",
    )
    arguments = parser.parse_args()
    limits = RelaxedLimits(*arguments.relaxed_below) if arguments.relaxed_below else ANY
    with input_errors_end("describe_set"):
        frames = [frame for file in arguments.files for frame in read_labelled(file)]
        write_card(frames, arguments.out, limits)


if __name__ == "__main__":
    main()
