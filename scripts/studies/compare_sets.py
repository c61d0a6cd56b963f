#!/usr/bin/env python
"""Two labellings of the same structures compared: charge orders, formation energies, forces.

Run: .venv/bin/python scripts/studies/compare_sets.py potentials/data/dft/frames.extxyz \\
         potentials/data/dft/teacher.extxyz --json potentials/data/dft/compare.json
"""

import argparse
import json
from pathlib import Path

from dft.compare import compare
from redoxmc.io.extxyz import read_labelled
from redoxmc.io.files import write_atomically
from study_tools.command import input_errors_end


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reference", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--json", type=Path, help="file to write; printed where absent")
    arguments = parser.parse_args()
    with input_errors_end("compare_sets"):
        result = compare(read_labelled(arguments.reference), read_labelled(arguments.other))
        text = json.dumps(result, indent=2) + "\n"
        if arguments.json:
            write_atomically(arguments.json, text)
        else:
            print(text, end="")


if __name__ == "__main__":
    main()
