"""Axes and volume of the empty and the full host, against measured ones."""

from functools import partial
from typing import Any

import numpy as np

from model_comparison.compared_model import ComparedModel
from model_comparison.settings import Settings
from redoxmc.engines.relaxed import RelaxedEngine
from redoxmc.structures.occupancy import occupancy_of_key

UNIT = (1, 1, 1)


def measure_lattices(model: ComparedModel) -> dict[str, Any]:
    """Relax ions and cell of both end members; axes in Å, volumes in Å^3 of the host's cell."""
    lattice = model.supercell(UNIT).lattice
    records = model.records("lattices", None)
    row: dict[str, Any] = {}
    for name, n_ions in (("empty", 0), ("full", lattice.n_ion_sites)):
        record = records.get(name, partial(_relax, model, n_ions))
        if "error" in record:
            return {"skipped": f"{name}: {record['error']}"}
        row[f"{name}_A"] = record["axes_A"]
        row[f"{name}_A3"] = record["volume_A3"]
    return {**row, "change_percent": 100 * (row["full_A3"] / row["empty_A3"] - 1)}


def measured_rows(settings: Settings) -> list[dict[str, Any]]:
    """Return the same for the measured lattices, which have right angles."""
    rows = []
    for measured in settings.lattices:
        empty, full = float(np.prod(measured.empty)), float(np.prod(measured.full))
        rows.append(
            {
                "name": measured.name,
                "empty_A": measured.empty,
                "full_A": measured.full,
                "empty_A3": empty,
                "full_A3": full,
                "change_percent": 100 * (full / empty - 1),
            }
        )
    return rows


def _relax(model: ComparedModel, n_ions: int) -> dict[str, Any]:
    host = model.engine(UNIT, n_ions)
    lattice = host.lattice
    settings = host.settings.model_copy(update={"cell": "full"})
    cell = model.supercell(UNIT).host
    engine = RelaxedEngine(cell, n_ions, model.session, settings, host.constants)
    reduced = lattice.n_reduced(n_ions) or 0
    bits = "1" * reduced + "0" * (lattice.n_redox - reduced)
    ions = "1" * n_ions + "0" * (lattice.n_ion_sites - n_ions)
    state = engine.relax(occupancy_of_key(f"{bits}|{ions}"))
    return {
        "axes_A": np.linalg.norm(state.cell, axis=1).round(5).tolist(),
        "volume_A3": abs(float(np.linalg.det(state.cell))),
        "energy_eV": state.energy,
        "evaluations": state.force_evaluations,
    }
