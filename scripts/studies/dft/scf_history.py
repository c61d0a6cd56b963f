"""How well the self-consistency cycle of a computed frame converged: one row of its data card."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.io.extxyz import COLUMN, energy_of
from redoxmc.species import Species
from study_tools.markdown import table

if TYPE_CHECKING:
    from ase import Atoms

_LAST = 4  # iterations whose energies show what is left to converge


def scf_rows(frames: "Sequence[Atoms]", mixed: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each frame with a history in `info` (as `redoxmc compute` writes it).

    mixed: species of the elements whose moments a row lists.

    The keys of a row are: `order`; `iterations`; `log10_density`, of the density error per valence
    electron, None where unknown; `energy_eV`; `spread_meV`, of the energy over the last four
    iterations; `moments_muB`, in the order of the atoms; `seconds`.
    """
    rows = []
    for frame in frames:
        info = frame.info
        if "scf_energies_eV" not in info:
            continue
        energies = np.atleast_1d(info["scf_energies_eV"])
        density = np.atleast_1d(info.get("scf_log10_density", []))
        rows.append(
            {
                "order": str(info.get("order", "")).rpartition(":")[2],
                "iterations": int(info.get("scf_iterations", len(energies))),
                "log10_density": float(density[-1]) if len(density) else None,
                "energy_eV": round(energy_of(frame), 4),
                "spread_meV": round(1000 * float(np.ptp(energies[-_LAST:])), 1),
                "moments_muB": _moments(frame, mixed),
                "seconds": round(float(info["seconds"])) if "seconds" in info else None,
            }
        )
    return rows


def _moments(frame: "Atoms", mixed: Sequence[str]) -> list[float]:
    magmoms = frame.calc.results.get("magmoms")
    if magmoms is None:
        return []
    # by element: an order that failed shows in the moments of all its ions
    elements = {Species.parse(name).element for name in mixed}
    chosen = [Species.parse(str(name)).element in elements for name in frame.arrays[COLUMN]]
    return [round(float(moment), 2) for moment in np.abs(magmoms)[chosen]]


def scf_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table, "" where there is none."""
    if not rows:
        return ""
    head = ["order", "iterations", "log10 density error", "energy, eV"]
    head += ["spread of the last four, meV", "moments, µB", "seconds"]
    cells = []
    for row in rows:
        moments = " ".join(f"{m:.2f}" for m in row["moments_muB"])
        order = row["order"].replace("|", ", ")
        numbers = [row["iterations"], row["log10_density"], row["energy_eV"], row["spread_meV"]]
        cells.append([order, *numbers, moments, row["seconds"]])
    return table(head, cells)
