"""States for DFT: every order of the small cell, as the teacher relaxes it with its bias.

`python scripts/dft_states.py DISTIL.toml STATES.extxyz OUT.extxyz` writes them with the teacher's
labels; `redoxmc compute OUT.extxyz` then takes them in that order: end members first, then of each
concentration the lowest and the highest order, then the others.
"""

import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from distil import load_teaching, match_order, rounded

from redoxmc.data.cells import Cell, make_cell
from redoxmc.data.distil import Teaching, relaxation, with_states
from redoxmc.io.extxyz import write_labelled

STEPS, FORCE = 80, 0.05  # of FIRE; eV/Å with the bias
FREE_STEPS = 300  # of FIRE without the bias, where the teacher has a wall that holds the order


def with_charges(atoms: Atoms, config: dict[str, Any], cell: Cell) -> Atoms:
    """Name the species of a state whose reduced sites are listed as in `fe2_sites=Fe_0_2`."""
    names = [
        next(str(s) for s in cell.lattice.species if s.element == symbol)
        for symbol in atoms.get_chemical_symbols()
    ]
    reduced = [int(v) for v in atoms.info["fe2_sites"].split("_")[1:] if v]
    redox = [i for i, name in enumerate(names) if name == config["reduced"]]
    for number, site in enumerate(redox):
        names[site] = config["reduced" if number in reduced else "oxidised"]
    return with_states(atoms, names)


def relaxed(atoms: Atoms, teaching: Teaching, cell: Cell, config: dict[str, Any]) -> Atoms | None:
    """The biased relaxation in a cell with right angles; None where the moments lose the order.

    A teacher with a wall goes on without the bias, to a state of its own.
    """
    start = atoms.copy()
    start.set_cell(np.diag(start.cell.lengths()), scale_atoms=True)
    start.info = {}
    free = 0 if teaching.wall is None else FREE_STEPS
    *_, (_, end, label) = relaxation(start, teaching, STEPS, free, FORCE if not free else FORCE / 5)
    order = match_order(cell, end, config)
    names = {"order": cell.key(order), "ion_order": cell.ion_key(order)}
    origin = "relaxation" if free else "biased relaxation"
    return teaching.frame(end, label, origin=origin, **names)


def by_priority(frames: list[Atoms]) -> list[Atoms]:
    """End members; the lowest and the highest charge order of an ion order; then the others.

    The ion order that has the lowest state of its concentration comes before the other ones.
    """
    groups: dict[str, list[Atoms]] = {}
    for frame in sorted(frames, key=lambda f: f.get_potential_energy()):
        groups.setdefault(frame.info["ion_order"], []).append(frame)
    keyed = []
    seen: dict[float, int] = {}
    for ions, group in groups.items():  # the lowest first, as the frames are
        x = ions.count("1") / len(ions)
        later = seen.setdefault(x, 0)
        seen[x] += 1
        for place, frame in enumerate(group):
            extreme = place in (0, len(group) - 1)
            keyed.append(((x not in (0, 1), later, not extreme, abs(x - 0.5), x, place), frame))
    return [frame for _, frame in sorted(keyed, key=lambda entry: entry[0])]


def main(path: Path, states: Path, out: Path) -> None:
    warnings.simplefilter("ignore")
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    cell = make_cell(config, path.parent, [1, 1, 1])
    teaching = load_teaching(config)
    found: dict[str, Atoms] = {}
    for atoms in read(states, ":"):
        named = with_charges(atoms, config, cell)
        key = cell.key(match_order(cell, named, config))
        if key in found:
            continue
        frame = relaxed(named, teaching, cell, config)
        if frame is None:
            print(f"{key}: the moments do not confirm the order", flush=True)
            continue
        found[key] = frame
        force = np.abs(frame.get_forces()).max()
        print(f"{key}: {frame.get_potential_energy():.3f} eV, {force:.2f} eV/Å", flush=True)
    write_labelled(out, [rounded(frame) for frame in by_priority(list(found.values()))])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
