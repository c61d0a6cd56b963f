"""Trajectories: extended XYZ and LAMMPS dump, both with charge states, and the history of swaps.

Moments and charges of atoms are in both where the model gives them.

`trajectories/NAME.extxyz` and `NAME.lammpstrj` hold a frame every `md.trajectory_interval` steps,
`NAME_swaps.csv` a line for every candidate move. A frame carries the step that it was taken after,
so that what was written beyond the last checkpoint is cut off when a run is resumed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.dynamics.replica import MdChain, Snapshot
from redoxmc.io.extxyz import format_frame, make_atoms
from redoxmc.io.files import write_atomically
from redoxmc.plugin.per_atom import QUANTITIES
from redoxmc.sampling.trace import Trace
from redoxmc.structures.lattice import Floats, Lattice

_SWAPS = "step,time_ps,work_eV,protocol_work_eV,accepted,outside_A,outside_share,raw_state"


def atoms_of(
    state: MdChain | Snapshot, lattice: Lattice, per_atom: Mapping[str, Floats] | None = None
) -> Any:
    """A structure of a replica as ase.Atoms, with charge_state and velocities in Å/ps.

    per_atom: "moment" (µB) and "charge" (e), (n,) each, where the model has them: ASE's magmoms and
    charges.
    """
    _, species = lattice.atoms(state.occupancy)
    results = {QUANTITIES[name]: values for name, values in (per_atom or {}).items()}
    atoms = make_atoms(species, state.cell, state.positions, energy=state.energy, **results)
    atoms.arrays["velocities_A_per_ps"] = state.velocities
    atoms.info["step"] = state.step
    return atoms


def append_extxyz(
    folder: Path, chain: MdChain, lattice: Lattice, per_atom: Mapping[str, Floats] | None = None
) -> None:
    """Append the present structure to NAME.extxyz in an existing folder; see atoms_of."""
    with (folder / f"{chain.name}.extxyz").open("a", encoding="utf-8") as file:
        file.write(format_frame(atoms_of(chain, lattice, per_atom)))


def write_swaps(folder: Path, name: str, trace: Trace) -> None:
    """Write the history of candidate moves of a replica, atomically."""
    rows = np.column_stack([trace.column(name) for name in _SWAPS.split(",")[1:-1]])
    lines = [_SWAPS]
    for number, (row, key) in enumerate(zip(rows, trace.raw_keys, strict=True), start=1):
        values = ",".join("" if np.isnan(value) else f"{value:.8g}" for value in row)
        lines.append(f"{number},{values},{key}")
    write_atomically(folder / f"{name}_swaps.csv", "\n".join(lines) + "\n")


def cut(folder: Path, chain: MdChain) -> None:
    """Take off the frames of both trajectories that lie beyond the chain's last checkpoint."""
    for suffix, first in ((".extxyz", _extxyz_steps), (".lammpstrj", _dump_steps)):
        path = folder / f"{chain.name}{suffix}"
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            end = next((at for at, step in first(lines) if step > chain.step), None)
            if end is not None:
                write_atomically(path, "".join(lines[:end]))


def _extxyz_steps(lines: list[str]) -> list[tuple[int, int]]:
    """First line and step of every frame; half a frame at the end counts as one far ahead."""
    frames, at = [], 0
    while at < len(lines):
        n = int(lines[at])
        whole = at + n + 2 <= len(lines) and lines[at + n + 1].endswith("\n")
        fields = lines[at + 1].split() if at + 1 < len(lines) else []
        step = [int(f.removeprefix("step=")) for f in fields if f.startswith("step=")]
        frames.append((at, step[0] if whole and step else 1 << 62))
        at += n + 2
    return frames


def _dump_steps(lines: list[str]) -> list[tuple[int, int]]:
    starts = [n for n, line in enumerate(lines) if line.startswith("ITEM: TIMESTEP")]
    return [(n, int(lines[n + 1]) if n + 1 < len(lines) else 1 << 62) for n in starts]
