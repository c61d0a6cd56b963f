#!/usr/bin/env python
"""States for DFT: every charge order of a host's own cell, as the teacher relaxes it.

Writes them with the teacher's labels, in the order in which `redoxmc compute OUT` is to take them.
Run: .venv/bin/python scripts/studies/dft_states.py potentials/data/walled/walled.toml \\
         potentials/data/chgnet_biased_states.extxyz potentials/data/walled/states.extxyz
"""

import argparse
import warnings
from pathlib import Path

from study_tools.command import input_errors_end


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the file of a data set (TOML): host and teacher")
    parser.add_argument("states", type=Path, help="where the relaxations start")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")

    from dft.states import write_states

    with input_errors_end("dft_states"):
        write_states(arguments.file, arguments.states, arguments.out)


if __name__ == "__main__":
    main()
