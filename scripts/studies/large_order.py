#!/usr/bin/env python
"""Equilibrium charge order of a cell of 10^4 atoms at 600 K, reached from two opposite starts.

The Na order of the unit cell stays. Of all charge orders of a small cell, each relaxed, the lowest
and the highest in energy are repeated through the large cell: two perfect orders, opposite in
energy. From each goes dynamics with `fix redoxmc/swap`, a record being a piece of Langevin dynamics
and then a block of swap attempts. The two have met when all order parameters (likeness to either
start, Warren-Cowley parameters) agree over the second halves: within two errors, from patches of
the cell, which are at most a tenth of the range of the starts.

A process for each start; what was recorded is kept, and the same command goes on. CPU seconds are
those of a process, all in.

Run: .venv/bin/python scripts/studies/large_order.py --out DIR [--cells 5 8 10] [--swaps 4.5]
         [--minutes 60] [--draw-only]      writes DIR/large_order.png and .json
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from opposite_starts.chain import Settings, run
from opposite_starts.crystal import REPO, SMALL, STARTS, starts
from opposite_starts.report import report
from redoxmc.errors import InputError
from redoxmc.io.files import write_atomically
from study_tools.command import input_errors_end


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=REPO / "potentials" / "mace-nafepo4-small")
    parser.add_argument("--cells", type=int, nargs=3, default=[5, 8, 10], help="of 26 atoms")
    parser.add_argument("--temperature", type=float, default=600.0, help="K")
    parser.add_argument("--swaps", type=float, default=4.5, help="accepted, for each ion")
    parser.add_argument("--attempts", type=int, default=400, help="of a record")
    parser.add_argument("--steps", type=int, default=16, help="of dynamics in a record")
    parser.add_argument("--length", type=int, default=4, help="steps of a path, of 5 fs")
    parser.add_argument("--radius", type=float, default=3.0, help="Å around the ions that moves")
    parser.add_argument("--reach", type=float, default=6.0, help="Å between the ions")
    parser.add_argument("--minutes", type=float, default=60.0, help="then it ends, to be resumed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draw-only", action="store_true")
    parser.add_argument("--start", choices=STARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with input_errors_end("large_order"):
        if any(n < 1 or n % m for n, m in zip(options.cells, SMALL, strict=True)):
            raise InputError(f"--cells: {options.cells} are not multiples of {list(SMALL)}.")
        if options.start:
            names = Settings.__dataclass_fields__
            settings = Settings(**{name: getattr(options, name) for name in names})
            run(options.out, options.start, options.model, settings, options.swaps, options.minutes)
            return 0
        options.out.mkdir(parents=True, exist_ok=True)
        starts(options.out, options.model, options.cells)
        if not options.draw_only:
            again = [sys.executable, __file__, *sys.argv[1:]]
            runs = [subprocess.Popen([*again, "--start", start]) for start in STARTS]
            if any([one.wait() for one in runs]):  # noqa: C419 (waits for both)
                return 1
        result = report(options.out, options.model, options.cells)
        write_atomically(options.out / "large_order.json", json.dumps(result, indent=1) + "\n")
        print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
