#!/usr/bin/env python
"""Formation energies of labelled frames as points for the hull plot (config: [report] hull_points).

Of each order (`order` in the frame's info) the frame of lowest energy is taken; frames without one,
or that lost it (`order_kept`), are left out. Formation energies are per redox site, relative to the
frames at x = 0 and x = 1.

Run: .venv/bin/python scripts/studies/hull_points.py potentials/data/dft/{frames,newer}.extxyz \\
         --redox Fe --ion Na --below 0.16 --label "PBE+U, single points" \\
         --out lammps_inputs/olivine_nafepo4/hull_dft.csv
"""

import argparse
from pathlib import Path

import numpy as np

from redoxmc.io.extxyz import energy_of, read_labelled, species_of
from redoxmc.thermo.hull import formation_energies
from study_tools.command import input_errors_end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--redox", required=True, help="redox element")
    parser.add_argument("--ion", required=True, help="element of the working ion")
    parser.add_argument(
        "--below", type=float, default=np.inf, help="only those so low, eV per redox site"
    )
    parser.add_argument("--label", required=True)
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args()
    with input_errors_end("hull_points"):
        write_points(arguments)


def write_points(arguments: argparse.Namespace) -> None:
    lowest: dict[str, tuple[float, float]] = {}
    for path in arguments.files:
        for atoms in read_labelled(path):
            order = atoms.info.get("order")
            if order is None or not atoms.info.get("order_kept", True):
                continue
            elements = [species.element for species in species_of(atoms)]
            sites = elements.count(arguments.redox)
            point = (elements.count(arguments.ion) / sites, energy_of(atoms) / sites)
            if order not in lowest or point[1] < lowest[order][1]:
                lowest[order] = point
    x, energies = zip(*sorted(lowest.values()), strict=True)
    ends = {at: min(e for v, e in zip(x, energies, strict=True) if v == at) for at in (0.0, 1.0)}
    formation = formation_energies(x, energies, ends[0.0], ends[1.0])
    points = [(v, e) for v, e in zip(x, formation, strict=True) if e < arguments.below]
    lines = [f'"{arguments.label}",{v:g},{e:.6f}' for v, e in points]
    arguments.out.write_text("label,x,formation_energy_eV_per_fu\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
