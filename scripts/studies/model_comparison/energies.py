"""Energies of charge orders and the convex hull against labelled frames.

Everything is in the cells of the frames: the model at their geometry ("fixed"), and relaxed there
from the reference start ("relaxed"). Orders are compared at one ion order.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from dft.describe import order_of, relaxed_states
from model_comparison.compared_model import ComparedModel, Supercell
from model_comparison.parts import PARTS, has_seen, name_of, part_of
from model_comparison.relaxations import describe, kept
from model_comparison.settings import ReferenceSettings
from redoxmc.campaign.progress import track
from redoxmc.engines.relaxed import RelaxedEngine
from redoxmc.errors import InputError
from redoxmc.io.extxyz import energy_of, read_labelled, species_of
from redoxmc.structures.lattice import Floats, Occupancy
from redoxmc.structures.occupancy import occupancy_key
from redoxmc.thermo.hull import formation_energies, on_hull
from study_tools.order_energies import OrderEnergy, order_errors
from study_tools.orders import ion_key, occupancy_of_frame

KINDS = ("fixed", "relaxed")


@dataclass(frozen=True)
class Point:
    """One order of a reference; energies in eV per redox site.

    key: the cell and the occupancy.
    ions: name of the cell and the ion order, the same for equivalent ones.
    x: ions per redox site.
    reference: energy of the labelled frame.
    fixed: of the model at the geometry of the frame.
    relaxed: of the model relaxed in the cell of the frame; None where that failed.
    kept: whether the relaxation kept the charge order, by bond lengths.
    part: of the set that the order is in, "train" or "test".
    """

    key: str
    ions: str
    x: float
    reference: float
    fixed: float
    relaxed: float | None
    kept: bool
    part: str


def measure_energies(model: ComparedModel, reference: ReferenceSettings) -> dict[str, Any]:
    """Evaluate and relax the relaxed states of a reference, of each order the lowest.

    Returns the points, a row of statistics for each part and kind, and hulls by kind. Energies of
    the model belong to the frames' cells.
    """
    frames = read_labelled(reference.frames)
    seen = has_seen(model.card, [reference.frames], frames)
    points = [
        _point(model, frames[number], part_of(frames[number], seen))
        for number in track(relaxed_states(frames), f"{model.name}: {reference.name}", show=True)
    ]
    hulls = {kind: hull(points, kind) for kind in KINDS}
    rows = []
    for part in PARTS:
        mixed = [p for p in points if p.part == part and 0 < p.x < 1]
        if not mixed:
            continue
        for kind in KINDS:
            rows.append(
                {
                    "part": part,
                    "errors": name_of(part, seen),
                    "at": kind,
                    "states": len(mixed),
                    "lost": sum(not p.kept for p in mixed) if kind == "relaxed" else None,
                    "orders": order_statistics(points, kind, part),
                    "hull_rmse_meV_per_site": hull_rmse(hulls[kind], part),
                }
            )
    return {"points": [point.__dict__ for point in points], "rows": rows, "hull": hulls}


def _point(model: ComparedModel, frame: Any, part: str) -> Point:
    order = order_of(frame)
    if order is None or not re.fullmatch(r"\d+x\d+x\d+", order.cell):
        raise InputError(f"a frame of order '{frame.info.get('order')}': CELL:REDOX|IONS expected.")
    repeats = tuple(int(n) for n in order.cell.split("x"))
    cell = model.supercell(repeats)
    records = model.records(f"energies-{cell.name}", repeats)
    occupancy = occupancy_of_frame(cell.lattice, frame)
    key = occupancy_key(cell.lattice, occupancy)
    box = _digest(frame.cell.array)
    fixed = records.get(
        f"{key}/fixed/{box}/{_digest(frame.positions)}", partial(_fixed, model, frame)
    )
    relaxed = records.get(
        f"{key}/relaxed/{box}", partial(_relaxed, model, cell, repeats, frame, occupancy)
    )
    n = cell.lattice.n_redox
    return Point(
        f"{cell.name}:{key}",
        f"{cell.name}:{ion_key(cell.host, occupancy)}",
        float(occupancy[n:].sum()) / n,
        energy_of(frame) / n,
        fixed["energy_eV"] / n,
        None if "error" in relaxed else relaxed["energy_eV"] / n,
        bool(kept(key, relaxed, model.settings, "bonds")),
        part,
    )


def order_statistics(points: Sequence[Point], kind: str, part: str) -> dict[str, Any] | None:
    """Compare charge orders of one ion order, see `order_errors`. kind: "fixed" or "relaxed"."""
    orders = [
        OrderEnergy(p.ions, p.reference, energy, p.part == "test")
        for p in points
        if (energy := getattr(p, kind)) is not None
    ]
    return order_errors(orders, part == "test")


def hull(points: Sequence[Point], kind: str) -> dict[str, Any] | None:
    """Compare formation energies of all mixed orders; None where an end member is missing."""
    chosen = [p for p in points if getattr(p, kind) is not None]
    x = np.array([p.x for p in chosen])
    if not (np.any(x == 0) and np.any(x == 1) and np.any((x > 0) & (x < 1))):
        return None
    tables = []
    for energies in (
        np.array([p.reference for p in chosen]),
        np.array([getattr(p, kind) for p in chosen]),
    ):
        ends = [energies[x == end].min() for end in (0, 1)]
        tables.append(1000 * formation_energies(x, energies, *ends))
    stable = [sorted(set(x[on_hull(x, t)].tolist())) for t in tables]
    return {
        "stable_reference": stable[0],
        "stable_model": stable[1],
        "x": x.tolist(),
        "parts": [p.part for p in chosen],
        "reference_meV_per_site": tables[0].tolist(),
        "model_meV_per_site": tables[1].tolist(),
    }


def hull_rmse(found: dict[str, Any] | None, part: str) -> float | None:
    """Return the error (meV per site) of the formation energies of a part; None without any."""
    if found is None:
        return None
    x = np.array(found["x"])
    own = (x > 0) & (x < 1) & (np.array(found["parts"]) == part)
    error = np.array(found["model_meV_per_site"]) - np.array(found["reference_meV_per_site"])
    return float(np.sqrt(np.mean(error[own] ** 2))) if own.any() else None


def _fixed(model: ComparedModel, frame: Any) -> dict[str, Any]:
    state = model.session.evaluate(np.array(frame.cell), frame.get_positions(), species_of(frame))
    return {"energy_eV": state.energy}


def _relaxed(
    model: ComparedModel,
    cell: Supercell,
    repeats: tuple[int, ...],
    frame: Any,
    occupancy: Occupancy,
) -> dict[str, Any]:
    """Relax from the reference start in the cell of the frame."""
    n_ions = int(occupancy[cell.lattice.n_redox :].sum())
    of_host = model.engine(repeats, n_ions)
    box = np.array(frame.cell)
    engine = RelaxedEngine(
        replace(cell.host, geometries={n_ions: of_host.geometry.strained(box)}),
        n_ions,
        model.session,
        of_host.settings,
        of_host.constants,
    )
    return describe(model, cell.lattice, occupancy, engine.relax(occupancy))


def _digest(values: Floats) -> str:
    return hashlib.sha256(np.round(values, 6).tobytes()).hexdigest()[:8]
