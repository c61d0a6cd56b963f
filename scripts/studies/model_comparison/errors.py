"""Errors of a model on labelled frames, at their geometries: published DFT, our own DFT."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model_comparison.compared_model import ComparedModel
from model_comparison.parts import PARTS, has_seen, name_of, part_of
from model_comparison.settings import FramesSettings
from redoxmc.campaign.progress import track
from redoxmc.data.label import label_files
from redoxmc.io.extxyz import energy_of, species_of
from redoxmc.models.frames import hash_files
from redoxmc.structures.lattice import Floats
from redoxmc.units import EV_PER_A3_TO_GPA

if TYPE_CHECKING:
    from ase import Atoms


def measure_errors(model: ComparedModel, frames: FramesSettings, folder: Path) -> dict[str, Any]:
    """Mean absolute errors of energy (meV/atom), forces (meV/Å), stress (GPa) and moments (µB).

    A row for each part of the set, and whether the model has seen the set. Where it has not, the
    energies may be on another scale: one reference energy for each species is fitted to these very
    frames. `fitted` of them are independent: with hardly more frames than that, the errors of
    energies say little. Frames without a charge state for every ion, of another order than
    intended, or with a species that the model lacks are left out.
    folder: of published frames. Returns {"skipped": why} where a file is missing.
    """
    paths = [(folder if frames.published else Path()) / file for file in frames.files]
    absent = [path.name for path in paths if not path.is_file()]
    if absent:
        return {"skipped": f"{', '.join(absent)} not in the folder of published data"}
    available = {str(species) for species in model.card.species}
    chosen = [
        frame
        for frame in label_files(paths).frames
        if frame.info.get("order_kept", True) and {str(s) for s in species_of(frame)} <= available
    ]
    if not chosen:
        return {"skipped": "none of the frames has charge states that the model knows"}
    records = model.records(frames.part, hash_files(paths))
    rows = [
        records.get(str(number), partial(_errors_of, model, frame))
        for number, frame in enumerate(track(chosen, f"{model.name}: {frames.name}", show=True))
    ]
    failed = [row["error"] for row in rows if "error" in row]
    if failed:
        return {"skipped": failed[0]}
    seen = has_seen(model.card, paths, chosen)
    energies, fitted = np.array([row["energy_eV"] for row in rows]), 0
    if not seen:
        energies, fitted = left_after_fit(chosen, energies)
    parts = [part_of(frame, seen) for frame in chosen]
    atoms = np.array([len(frame) for frame in chosen])
    found = []
    for part in PARTS:
        own = [number for number, name in enumerate(parts) if name == part]
        if not own:
            continue
        moments = [m for number in own for m in rows[number]["moments_muB"]]
        stresses = [s for n in own if (s := rows[n]["stress_GPa"]) is not None]
        forces = [rows[number]["forces_eV_per_A"] for number in own]
        found.append(
            {
                "part": part,
                "errors": name_of(part, seen),
                "frames": len(own),
                "atoms": int(atoms[own].sum()),
                "fitted": fitted,
                "energy_meV_per_atom": float(1000 * np.mean(np.abs(energies[own]) / atoms[own])),
                "force_meV_per_A": float(1000 * np.average(forces, weights=atoms[own])),
                "stress_GPa": float(np.mean(stresses)) if stresses else None,
                "moment_muB": float(np.mean(moments)) if moments else None,
            }
        )
    return {"rows": found}


def _errors_of(model: ComparedModel, frame: "Atoms") -> dict[str, Any]:
    state = model.session.evaluate(frame.cell.array, frame.get_positions(), species_of(frame))
    results = frame.calc.results
    wanted, predicted = results.get("magmoms"), state.per_atom.get("moment")
    moments: list[float] = []
    if wanted is not None and predicted is not None:
        moments = np.abs(np.abs(predicted) - np.abs(wanted)).tolist()
    stress = None
    if "stress" in results:
        stress = EV_PER_A3_TO_GPA * float(np.abs(state.stress - results["stress"]).mean())
    return {
        "energy_eV": state.energy - energy_of(frame),
        "forces_eV_per_A": float(np.abs(state.forces - frame.get_forces()).mean()),
        "stress_GPa": stress,
        "moments_muB": moments,
    }


def left_after_fit(frames: "Sequence[Atoms]", differences: Floats) -> tuple[Floats, int]:
    """Return what is left of differences (eV per frame) after a fit of reference energies.

    There is one reference energy for each species; the second value is how many of them are
    independent.
    """
    states = [[str(s) for s in species_of(frame)] for frame in frames]
    names = sorted({name for of_frame in states for name in of_frame})
    counts = np.array(
        [[of_frame.count(name) for name in names] for of_frame in states], dtype=float
    )
    weights = 1 / counts.sum(axis=1, keepdims=True)
    solution, _, rank, _ = np.linalg.lstsq(
        counts * weights, differences * weights[:, 0], rcond=1e-8
    )
    return differences - counts @ solution, int(rank)
