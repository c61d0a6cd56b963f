#!/usr/bin/env python
"""Make a labelled data set from its file: structures of known charge order, labelled by a teacher.

Resumable: finished tasks lie beside the file in NAME.parts/ until all are there. Run:
    nice .venv/bin/python scripts/studies/distil.py potentials/data/walled/walled.toml
"""

import argparse
import warnings
from pathlib import Path

from study_tools.command import input_errors_end


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the file of the data set (TOML)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")

    from distillation.data_set import make_set

    with input_errors_end("distil"):
        make_set(arguments.file)


if __name__ == "__main__":
    main()
