#!/usr/bin/env python
"""Charge orders that no training frame has, relaxed by a model, for `redoxmc compute` to judge.

For each supercell and x, the charge orders at the electrostatically lowest ion order: the lowest
two by the model, the highest, and others at random; each from three starts (imposed bond lengths,
the undistorted host, the host rattled by 0.05 Å) with its cell. Distinct relaxed states are written
with the order wanted, part = "test". The lowest states that a campaign found are given by --orders.

Run: .venv/bin/python scripts/studies/relaxed_orders.py potentials/cpainn-nafepo4 \\
         --known potentials/data/dft/wanted.extxyz --out held_out.extxyz
"""

import argparse
import warnings
from itertools import zip_longest
from pathlib import Path

from study_tools.command import input_errors_end

REPO = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--known", type=Path, nargs="+", default=[], help="frames of training")
    parser.add_argument(
        "--host", type=Path, default=REPO / "lammps_inputs" / "olivine_nafepo4" / "host.cif"
    )
    parser.add_argument("--species", nargs=3, default=["Fe2+", "Fe3+", "Na+"])
    parser.add_argument("--cells", nargs="+", default=["1x2x1", "1x1x2", "2x1x1"])
    parser.add_argument("--x", type=float, nargs="+", default=[0.25, 0.5, 0.75])
    parser.add_argument("--each", type=int, default=4, help="orders of a cell and x")
    parser.add_argument(
        "--orders", nargs="+", help="these instead, as CELL:REDOX|IONS: lowest states of a campaign"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    from dft.relaxed_orders import cell_system, choose, new_orders, relaxed_frames
    from redoxmc.campaign.progress import track
    from redoxmc.io.extxyz import read_labelled, write_labelled
    from redoxmc.structures.occupancy import split_key

    with input_errors_end("relaxed_orders"):
        known = {
            str(frame.info["order"])
            for path in options.known
            for frame in read_labelled(path)
            if "order" in frame.info and frame.info.get("part") != "test"
        }
        groups = []
        for order in options.orders or []:
            cell, _, key = order.partition(":")
            x = split_key(key)[1].count("1") / len(split_key(key)[0])
            repeats = [int(n) for n in cell.split("x")]
            system = cell_system(options.host, options.model, repeats, options.species, [x])
            groups.append(relaxed_frames(system, cell, key, seed=options.seed))
            system.session.close()
        for cell in options.cells if options.orders is None else []:
            repeats = [int(n) for n in cell.split("x")]
            system = cell_system(options.host, options.model, repeats, options.species, options.x)
            own = {name.partition(":")[2] for name in known if name.startswith(f"{cell}:")}
            for x, n_ions in system.counts.items():
                frames = {}
                for key in track(
                    new_orders(system.host, n_ions, own), f"{cell}, x = {x:g}", show=True
                ):
                    found = relaxed_frames(system, cell, key, ["reference"])
                    if found:
                        frames[key] = found[0].info["model_energy"]
                keys = choose(list(frames), list(frames.values()), options.each, options.seed)
                found = [relaxed_frames(system, cell, k, seed=options.seed) for k in keys]
                groups.append([frame for states in found for frame in states])
            system.session.close()
        # one of each cell and x in turn: any part of the list is a balanced set
        chosen = [f for turn in zip_longest(*groups) for f in turn if f is not None]
        for frame in chosen:
            frame.info |= {"part": "test", "made_by": "relaxed"}
        write_labelled(options.out, chosen)
        print(f"{options.out}: {len(chosen)} states of {len({f.info['order'] for f in chosen})}")


if __name__ == "__main__":
    main()
