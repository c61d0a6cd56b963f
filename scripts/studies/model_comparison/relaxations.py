"""Relaxations of one charge order from several starts, and which order they end in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model_comparison.compared_model import ComparedModel
from model_comparison.settings import Settings
from redoxmc.engines.relaxed import Relaxed, RelaxedEngine
from redoxmc.model_card import Bonds
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.neighbours import neighbours
from redoxmc.structures.occupancy import occupancy_of_key, reduced_of_key, split_key

GAP = 0.25  # of the nominal difference of bond lengths between the two charge states
# where a record has what each way of telling an order looks at
COLUMNS = {"bonds": "bonds_A", "midpoint": "bonds_A", "moments": "moments_muB"}


def relax_order(
    model: ComparedModel, engine: RelaxedEngine, key: str, start: str
) -> dict[str, Any]:
    """Relax an occupancy (`REDOX|IONS`) and look at its redox ions.

    start: "reference" (bond lengths of the charge states), "symmetric" (the host lattice as it is)
    or "rattled-K" (with random displacements, seed K). Returns energy_eV, the geometry, and of each
    redox ion bonds_A and moments_muB (None where the model has none). Raises EngineError where it
    fails.
    """
    occupancy = occupancy_of_key(key)
    host = engine.geometry
    if start == "reference":
        state = engine.relax(occupancy)
    else:
        positions = host.positions.copy()
        if start.startswith("rattled-"):
            rng = np.random.default_rng(int(start.removeprefix("rattled-")))
            positions += rng.normal(0.0, model.settings.relax.rattle, positions.shape)
        sites, _ = engine.lattice.atoms(occupancy)
        previous = Relaxed(0.0, host.cell, positions[sites], 0)
        state = engine.relax_from(occupancy, previous, occupancy)
    return describe(model, engine.lattice, occupancy, state)


def describe(
    model: ComparedModel, lattice: Lattice, occupancy: Occupancy, state: Relaxed
) -> dict[str, Any]:
    """Return what is kept of the relaxation that the session has just done."""
    sites, species = lattice.atoms(occupancy)
    redox = np.flatnonzero(np.isin(sites, lattice.redox_sites))
    bond = model.settings.bonds[str(lattice.reduced)]
    lengths = mean_bonds(state.cell, state.positions, species, redox, bond)
    moments = model.session.per_atom().get("moment")
    return {
        "energy_eV": state.energy,
        "bonds_A": lengths.round(5).tolist(),
        "moments_muB": None if moments is None else moments[redox].round(5).tolist(),
        "evaluations": state.force_evaluations,
        "cell_A": state.cell.round(6).tolist(),
        "positions_A": state.positions.round(5).tolist(),
    }


def mean_bonds(
    cell: Floats, positions: Floats, species: Sequence[Species], centres: Ints, bond: Bonds
) -> Floats:
    """Return the mean distance (Å) of each centre to its nearest ligands, (n_centres,)."""
    ligand = np.array([s == bond.ligand for s in species])
    near = neighbours(cell, positions, 2.0 * bond.mean, centres)
    near = near[ligand[near.point]].nearest(bond.coordination)
    own = [near.distance[near.centre == centre] for centre in centres]
    return np.array([d.mean() if len(d) == bond.coordination else np.nan for d in own])


def final_order(key: str, record: dict[str, Any], settings: Settings, by: str) -> str | None:
    """Return the charge order that a relaxation ended in, as the bits of a key; None where unknown.

    by: one of COLUMNS. By bonds, as many redox ions are reduced as in the key: those with the
    longest mean bonds, if these are longer than the others by a quarter of the nominal difference.
    Otherwise there is no order, "averaged". All bonds stretch with the lattice: a fixed midpoint of
    lengths would take every ion in a wide lattice for reduced. Moments do not stretch, and are
    compared with their midpoint.
    """
    values = record.get(COLUMNS[by])
    if values is None:
        return None
    material = settings.material
    if by == "moments":
        return "".join("01"[value < material.moment_midpoint] for value in values)
    if by == "midpoint":
        return "".join("01"[value > settings.bond_midpoint] for value in values)
    n_reduced = reduced_of_key(key)
    ranked = sorted(values, reverse=True)
    if 0 < n_reduced < len(ranked):
        difference = material.bonds[material.reduced].mean - material.bonds[material.oxidised].mean
        if ranked[n_reduced - 1] - ranked[n_reduced] < GAP * difference:
            return "averaged"
    longest = sorted(range(len(values)), key=lambda i: -values[i])[:n_reduced]
    return "".join("01"[i in longest] for i in range(len(values)))


def kept(key: str, record: dict[str, Any], settings: Settings, by: str) -> bool | None:
    """Say whether a relaxation kept the order of its key; no if it failed, None where unknown."""
    if "error" in record:
        return False
    order = final_order(key, record, settings, by)
    return None if order is None else order == split_key(key)[0]
