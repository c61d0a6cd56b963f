"""How well the self-consistency cycle of a computed frame converged: one row of its data card."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.io.extxyz import COLUMN, energy_of
from redoxmc.species import Species

if TYPE_CHECKING:
    from ase import Atoms

_LAST = 4  # iterations whose energies show what is left to converge


def scf_rows(frames: "Sequence[Atoms]", mixed: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each frame with a history in `info` (as `redoxmc compute` writes it).

    mixed: species whose moments a row lists. Row: order; iterations; log10_density (of the density
    error per valence electron, None where unknown); energy_eV; spread_meV (of the energy over the
    last four iterations); moments_muB, in the order of the atoms; seconds.
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
    found = frame.calc.results.get("magmoms")
    if found is None:
        return []
    # by element: an order that failed shows in the moments of all its ions
    elements = {Species.parse(name).element for name in mixed}
    chosen = [Species.parse(str(name)).element in elements for name in frame.arrays[COLUMN]]
    return [round(float(moment), 2) for moment in np.abs(found)[chosen]]


def scf_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Lines of Markdown; none where there is no row."""
    if not rows:
        return []
    lines = [
        "",
        "| order | iterations | log10 density error | energy, eV | spread of the last four, meV "
        "| moments, µB | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        moments = " ".join(f"{m:.2f}" for m in row["moments_muB"])
        cells = [row["order"].replace("|", ", "), row["iterations"], row["log10_density"]]
        cells += [row["energy_eV"], row["spread_meV"], moments, row["seconds"]]
        lines.append("| " + " | ".join("–" if c is None else str(c) for c in cells) + " |")
    return lines
