"""The crystal in LAMMPS, and the two perfect charge orders that its chains start from."""

import ctypes
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opposite_starts.meeting import occupancy_text

REPO = Path(__file__).resolve().parents[3]
DATA = REPO / "lammps_inputs" / "olivine_nafepo4" / "na0.5fepo4.data"
STARTS = ("lowest", "highest")
REDUCED, OXIDISED = 2, 3  # atom types of DATA
SMALL = (1, 2, 1)  # unit cells whose charge orders are all relaxed: 8 Fe, 70 orders


def open_lammps() -> Any:
    """Start LAMMPS, silent."""
    from redoxmc.plugin.load import import_lammps

    return import_lammps().lammps(cmdargs=["-screen", "none", "-log", "none"])


def potential(model: Path) -> list[str]:
    """Return the commands for the model in a folder."""
    coefficients = f"pair_coeff * * {model / 'model.pt'} Na+ Fe2+ Fe3+ P5+ O2-"
    return ["pair_style redoxmc", coefficients, "thermo 0"]


def crystal(model: Path, cells: Sequence[int]) -> Any:
    """Return LAMMPS with a perfect crystal of so many unit cells along each vector."""
    lmp = open_lammps()
    start = ["units metal", "atom_style atomic", "atom_modify map array", f"read_data {DATA}"]
    lmp.commands_list([*start, "replicate {} {} {}".format(*cells), *potential(model)])
    return lmp


def types(lmp: Any) -> NDArray[np.int64]:
    """Return the type of each atom, by ID."""
    return np.array(lmp.gather_atoms("type", 0, 1))


def edges(lmp: Any) -> NDArray[np.float64]:
    """Return the lengths of the cell, [3] Å."""
    low, high = lmp.extract_box()[:2]
    return np.asarray(np.subtract(high, low))


def redox_sites(lmp: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms with a charge to exchange, in order of ID, and their places in fractions, [n, 3]."""
    found = types(lmp)
    atoms = np.flatnonzero((found == REDUCED) | (found == OXIDISED))
    x = np.array(lmp.gather_atoms("x", 1, 3)).reshape(-1, 3)
    return atoms, (x[atoms] - lmp.extract_box()[0]) / edges(lmp)


def set_order(lmp: Any, atoms: NDArray[np.int64], occupancy: ArrayLike) -> None:
    """Give the atoms their charges. occupancy: 1 where reduced."""
    new = types(lmp)
    new[atoms] = np.where(occupancy, REDUCED, OXIDISED)
    lmp.scatter_atoms("type", 0, 1, (ctypes.c_int * len(new))(*new.tolist()))


def small_orders(model: Path) -> list[tuple[float, list[int]]]:
    """Energy (eV/f.u.) and occupancy of each charge order of the small cell, the lowest first."""
    lmp = crystal(model, SMALL)
    atoms, _ = redox_sites(lmp)
    x = lmp.gather_atoms("x", 1, 3)
    found = []
    for chosen in itertools.combinations(range(len(atoms)), len(atoms) // 2):
        occupancy = [int(site in chosen) for site in range(len(atoms))]
        set_order(lmp, atoms, occupancy)
        lmp.scatter_atoms("x", 1, 3, x)
        lmp.command("minimize 0 0.02 60 100")
        found.append((lmp.get_thermo("pe") / len(atoms), occupancy))
    return sorted(found)


def repeated(
    order: ArrayLike, small: NDArray[np.float64], large: NDArray[np.float64], cells: Sequence[int]
) -> NDArray[np.int64]:
    """Return the order of the small cell at the sites of the large one.

    small, large: places in fractions of either cell, [n, 3]. cells: unit cells of the large one.
    """
    unit = np.asarray(SMALL)
    folded = (large * cells % unit) / unit
    apart = (folded[:, None] - small[None] + 0.5) % 1.0 - 0.5
    nearest: NDArray[np.int64] = (apart**2).sum(axis=2).argmin(axis=1)
    return np.asarray(order, dtype=np.int64)[nearest]


def starts(folder: Path, model: Path, cells: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Relaxed energy (eV/f.u.), order as text and number of sites of both starts; found once."""
    path = folder / "starts.json"
    if not path.exists():
        orders = small_orders(model)
        small, large = (redox_sites(crystal(model, one))[1] for one in (SMALL, cells))
        found = {}
        for name, (energy, occupancy) in zip(STARTS, (orders[0], orders[-1]), strict=True):
            order = repeated(occupancy, small, large, cells)
            entry = {"relaxed_eV": energy, "order": occupancy_text(order), "sites": len(order)}
            found[name] = entry
        path.write_text(json.dumps(found) + "\n")
    return dict(json.loads(path.read_text()))
