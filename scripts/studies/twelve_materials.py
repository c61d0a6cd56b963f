#!/usr/bin/env python
"""Twelve materials of many kinds: each run, enumerated, and sampled against its enumeration.

Writes docs/materials.md and docs/materials/twelve.png. The potentials are toys, made from bond
lengths by one function (twelve/toy.py); what is shown is that these kinds of material can be said
and that sampling is right for them.

Run: .venv/bin/python scripts/studies/twelve_materials.py --out docs
"""

import argparse
import tempfile
from pathlib import Path

from study_tools.command import input_errors_end

REPO = Path(__file__).resolve().parents[2]
OLIVINE = REPO / "lammps_inputs" / "olivine_nafepo4" / "host.cif"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--only", help="a part of a material's name; the table is printed only")
    parser.add_argument("--steps", type=int, default=6000, help="attempted moves of each seed")
    arguments = parser.parse_args()

    from twelve.compare import compare
    from twelve.hosts import materials
    from twelve.page import page, plot

    outcomes = []
    with input_errors_end("twelve_materials"), tempfile.TemporaryDirectory() as folder:
        for number, material in enumerate(materials(OLIVINE)):
            if arguments.only and arguments.only not in material.name:
                continue
            outcomes.append(compare(material, Path(folder) / str(number), arguments.steps))
            last = outcomes[-1]
            print(f"{material.name}: p = {last.p:.3g}, {last.minutes:.1f} min", flush=True)
    text = page(outcomes, arguments.steps)
    if arguments.only:
        print(text)
        return
    (arguments.out / "materials.md").write_text(text, encoding="utf-8")
    plot(outcomes, arguments.out / "materials" / "twelve.png")


if __name__ == "__main__":
    main()
