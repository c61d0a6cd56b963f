"""Moments of the redox ions along optimizations, from LAMMPS' own dumps."""

from functools import partial
from typing import Any

import numpy as np

from model_comparison.compared_model import ComparedModel
from model_comparison.moments import minimize_and_record
from model_comparison.settings import MomentsSettings
from redoxmc.campaign.progress import track
from redoxmc.structures.occupancy import ions_of_key, occupancy_of_key

STARTS = ("reference", "symmetric")


def measure_trajectories(model: ComparedModel, moments: MomentsSettings) -> dict[str, Any]:
    """Follow each order from the reference and from the symmetric start.

    Returns {"trajectories": [{"order", "start", "moments_muB": (steps, n_redox)}]}, or
    {"skipped": why} for a model without moments.
    """
    records = model.records("trajectories", moments.supercell)
    jobs = [(key, start) for key in moments.orders for start in STARTS]
    trajectories = []
    for key, start in track(jobs, f"{model.name}: moments", show=True):
        record = records.get(f"{key}/{start}", partial(_follow, model, moments, key, start))
        trajectories.append({"order": key, "start": start, **record})
        if "has no moments" in record.get("error", ""):
            return {"skipped": record["error"]}
    return {"trajectories": trajectories}


def _follow(model: ComparedModel, moments: MomentsSettings, key: str, start: str) -> dict[str, Any]:
    occupancy = occupancy_of_key(key)
    n_ions = ions_of_key(key)
    engine = model.engine(moments.supercell, n_ions)
    positions = engine.geometry.positions.copy()
    if start == "reference":
        positions += engine.distorter.displacements(occupancy)
    sites, species = engine.lattice.atoms(occupancy)
    state, table = minimize_and_record(
        model.session,
        engine.geometry.cell,
        positions[sites],
        species,
        force_tolerance=model.settings.relax.force_tolerance,
        max_iterations=model.settings.relax.max_iterations,
    )
    redox = np.flatnonzero(np.isin(sites, engine.lattice.redox_sites))
    return {"energy_eV": state.energy, "moments_muB": table[:, redox].round(4).tolist()}
