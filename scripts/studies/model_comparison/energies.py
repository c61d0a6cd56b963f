"""Energies of charge orders and the convex hull against labelled frames (DFT, the teacher).

Everything is in the cells of the frames: the model at their geometry ("fixed"), and relaxed there
from the reference start ("relaxed"). Orders are compared at one ion order.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from model_comparison.compared_model import ComparedModel, Supercell
from model_comparison.relaxations import describe, kept
from model_comparison.settings import ReferenceSettings
from redoxmc.campaign.progress import track
from redoxmc.engines.relaxed import RelaxedEngine
from redoxmc.io.extxyz import energy_of, read_labelled, species_of
from redoxmc.structures.lattice import Floats, Occupancy
from redoxmc.structures.occupancy import occupancy_key
from redoxmc.thermo.hull import formation_energies, on_hull
from study_tools.orders import ion_key, occupancy_of_frame

RESOLUTION = 0.1  # meV per site: relaxed energies that lie closer are equal


@dataclass(frozen=True)
class Point:
    """One order of a reference; energies in eV per redox site.

    key: the occupancy.
    ions: name of the ion order, the same for equivalent ones.
    x: ions per redox site.
    reference: energy of the labelled frame.
    fixed: of the model at the geometry of the frame.
    relaxed: of the model relaxed in the cell of the frame; None where that failed.
    kept: whether the relaxation kept the charge order, by bond lengths.
    """

    key: str
    ions: str
    x: float
    reference: float
    fixed: float
    relaxed: float | None
    kept: bool


def measure_energies(model: ComparedModel, reference: ReferenceSettings) -> dict[str, Any]:
    """Evaluate and relax every frame of a reference; returns points, order and hull statistics.

    Energies of the model belong to the frames' cells. A frame that lost its charge order when it
    was computed (`order_kept = false` in its `info`, by `redoxmc compute`) is left out.
    """
    cell = model.supercell(reference.supercell)
    frames = [f for f in read_labelled(reference.frames) if f.info.get("order_kept", True)]
    # references of one supercell share geometries: DFT frames are single points on the teacher's
    records = model.records(f"energies-{cell.name}", reference.supercell)
    points = []
    for frame in track(frames, f"{model.name}: {reference.name}", show=True):
        occupancy = occupancy_of_frame(cell.lattice, frame)
        key = occupancy_key(cell.lattice, occupancy)
        box = _digest(frame.cell.array)
        fixed = records.get(
            f"{key}/fixed/{box}/{_digest(frame.positions)}", partial(_fixed, model, frame)
        )
        relaxed = records.get(
            f"{key}/relaxed/{box}", partial(_relaxed, model, cell, reference, frame, occupancy)
        )
        n = cell.lattice.n_redox
        points.append(
            Point(
                key,
                ion_key(cell.host, occupancy),
                float(occupancy[n:].sum()) / n,
                energy_of(frame) / n,
                fixed["energy_eV"] / n,
                None if "error" in relaxed else relaxed["energy_eV"] / n,
                bool(kept(key, relaxed, model.settings, "bonds")),
            )
        )
    return {
        "reference": reference.name,
        "frames": len(points),
        "points": [point.__dict__ for point in points],
        "orders": {kind: order_statistics(points, kind) for kind in ("fixed", "relaxed")},
        "hull": {kind: hull_statistics(points, kind) for kind in ("fixed", "relaxed")},
    }


def order_statistics(points: Sequence[Point], kind: str) -> dict[str, Any] | None:
    """Compare charge orders of one ion order; None where no ion order has two of them.

    points: of one reference. kind: "fixed" or "relaxed". Some keys of the result:
    `spearman`, the rank correlation of model and reference, a mean over ion orders, each with as
    much weight as it has orders; `spearman_pooled`, the same for all ion orders together, of the
    energies above the reference's lowest order of each (those lowest orders, 0 on both sides, are
    left out); `mae_meV_per_site`, of all differences between two orders of one ion order.
    """
    from scipy.stats import spearmanr

    groups: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        energy = getattr(point, kind)
        if energy is not None:
            groups.setdefault(point.ions, []).append((point.reference, energy))
    groups = {ions: sorted(group) for ions, group in groups.items() if len(group) > 1}
    if not groups:
        return None
    expected, predicted, errors, in_order, ranks = [], [], [], [], []
    for group in groups.values():
        # what has fallen together is a tie, not a rank of rounding errors
        table = np.round(1000 * np.array(group) / RESOLUTION) * RESOLUTION
        above = table - table[0]
        expected += above[1:, 0].tolist()
        predicted += above[1:, 1].tolist()
        differences = [b - a for a, b in combinations(table, 2)]
        equal = any(len(set(column)) == 1 for column in table.T)
        ranks.append(0.0 if equal else spearmanr(table[:, 0], table[:, 1]).statistic)
        errors += [abs(d[1] - d[0]) for d in differences]
        in_order += [d[0] * d[1] > 0 for d in differences]
    several = len(set(expected)) > 1 and len(set(predicted)) > 1
    pooled = float(spearmanr(expected, predicted).statistic) if several else None
    return {
        "ion_orders": len(groups),
        "orders": sum(map(len, groups.values())),
        "spearman": float(np.average(ranks, weights=[len(group) for group in groups.values()])),
        "spearman_pooled": pooled,
        "pairs": len(errors),
        "pairs_in_order": int(sum(in_order)),
        "mae_meV_per_site": float(np.mean(errors)),
        "reference_meV_per_site": expected,
        "model_meV_per_site": predicted,
    }


def hull_statistics(points: Sequence[Point], kind: str) -> dict[str, Any] | None:
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
    mixed = (x > 0) & (x < 1)
    lowest = np.array([[t[x == v].min() for t in tables] for v in sorted(set(x[mixed].tolist()))])
    stable = [sorted(set(x[on_hull(x, t)].tolist())) for t in tables]
    error = tables[1] - tables[0]
    return {
        "orders": int(mixed.sum()),
        "rmse_meV_per_site": float(np.sqrt(np.mean(error[mixed] ** 2))),
        "rmse_of_lowest_meV_per_site": float(np.sqrt(np.mean((lowest[:, 1] - lowest[:, 0]) ** 2))),
        "stable_reference": stable[0],
        "stable_model": stable[1],
        "same_stable_x": stable[0] == stable[1],
        "x": x.tolist(),
        "reference_meV_per_site": tables[0].tolist(),
        "model_meV_per_site": tables[1].tolist(),
    }


def _fixed(model: ComparedModel, frame: Any) -> dict[str, Any]:
    state = model.session.evaluate(np.array(frame.cell), frame.get_positions(), species_of(frame))
    return {"energy_eV": state.energy}


def _relaxed(
    model: ComparedModel,
    cell: Supercell,
    reference: ReferenceSettings,
    frame: Any,
    occupancy: Occupancy,
) -> dict[str, Any]:
    """Relax from the reference start in the cell of the frame."""
    n_ions = int(occupancy[cell.lattice.n_redox :].sum())
    of_host = model.engine(reference.supercell, n_ions)
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
