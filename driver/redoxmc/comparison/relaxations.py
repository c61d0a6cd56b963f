"""Relaxations of one charge order from several starts, and which order they end in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from redoxmc.comparison.session import MomentSession
from redoxmc.comparison.settings import Settings
from redoxmc.comparison.workplace import Workplace
from redoxmc.engines.relaxed import Relaxed, RelaxedEngine
from redoxmc.errors import InputError
from redoxmc.model_card import Bonds
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy, occupancy_of_key

GAP = 0.25  # of the nominal difference of bond lengths between the two charge states
# moments: the model's own; judge: those of another model at the same geometry
COLUMNS = {
    "bonds": "bonds_A",
    "midpoint": "bonds_A",
    "moments": "moments_muB",
    "judge": "judged_muB",
}


def relax_order(place: Workplace, engine: RelaxedEngine, key: str, start: str) -> dict[str, Any]:
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
            positions += rng.normal(0.0, place.settings.relax.rattle, positions.shape)
        sites, _ = engine.lattice.atoms(occupancy)
        previous = Relaxed(0.0, host.cell, positions[sites], 0)
        state = engine.relax_from(occupancy, previous, occupancy)
    return describe(place, engine.lattice, occupancy, state)


def describe(
    place: Workplace, lattice: Lattice, occupancy: Occupancy, state: Relaxed
) -> dict[str, Any]:
    """What is kept of the relaxation that the session has just done."""
    sites, species = lattice.atoms(occupancy)
    redox = np.flatnonzero(np.isin(sites, lattice.redox_sites))
    bond = place.settings.bonds[str(lattice.reduced)]
    lengths = mean_bonds(state.cell, state.positions, species, redox, bond)
    moments = place.session.moments()
    return {
        "energy_eV": state.energy,
        "bonds_A": lengths.round(5).tolist(),
        "moments_muB": None if moments is None else moments[redox].round(5).tolist(),
        "evaluations": state.force_evaluations,
        "cell_A": state.cell.round(6).tolist(),
        "positions_A": state.positions.round(5).tolist(),
    }


def judge_moments(judge: MomentSession, lattice: Lattice, key: str, record: dict[str, Any]) -> Any:
    """Moments (µB) of the redox ions that another model gives at the end of a relaxation."""
    sites, species = lattice.atoms(occupancy_of_key(key))
    judge.evaluate(np.array(record["cell_A"]), np.array(record["positions_A"]), species)
    moments = judge.moments()
    if moments is None:
        raise InputError(f"the judge {judge.card.name} is a model without moments.")
    return moments[np.isin(sites, lattice.redox_sites)].round(5).tolist()


def mean_bonds(
    cell: Floats, positions: Floats, species: Sequence[Species], centres: Ints, bond: Bonds
) -> Floats:
    """Mean distance (Å) of each centre to its nearest ligands, (n_centres,)."""
    from ase.neighborlist import primitive_neighbor_list

    ligand = np.array([s == bond.ligand for s in species])
    i, j, d = primitive_neighbor_list("ijd", (True,) * 3, cell, positions, 2.0 * bond.mean)
    means = []
    for centre in centres:
        near = np.sort(d[(i == centre) & ligand[j]])[: bond.coordination]
        means.append(near.mean() if len(near) == bond.coordination else np.nan)
    return np.array(means)


def final_order(key: str, record: dict[str, Any], settings: Settings, by: str) -> str | None:
    """The charge order that a relaxation ended in, as the bits of a key; None where unknown.

    by: one of COLUMNS. By bonds as many redox ions as the key has are reduced,
    those with the longest mean bonds, if these are longer than the others by a quarter of the
    nominal difference; else there is no order, "averaged". All bonds stretch with the lattice, so
    that a fixed midpoint of lengths takes ions for reduced that merely sit in a wide lattice.
    Moments do not, and are compared with their midpoint.
    """
    values = record.get(COLUMNS[by])
    if values is None:
        return None
    material = settings.material
    if by in ("moments", "judge"):
        return "".join("01"[value < material.moment_midpoint] for value in values)
    if by == "midpoint":
        return "".join("01"[value > settings.bond_midpoint] for value in values)
    n_reduced = key.partition("|")[0].count("1")
    ranked = sorted(values, reverse=True)
    if 0 < n_reduced < len(ranked):
        difference = material.bonds[material.reduced].mean - material.bonds[material.oxidised].mean
        if ranked[n_reduced - 1] - ranked[n_reduced] < GAP * difference:
            return "averaged"
    longest = sorted(range(len(values)), key=lambda i: -values[i])[:n_reduced]
    return "".join("01"[i in longest] for i in range(len(values)))


def kept(key: str, record: dict[str, Any], settings: Settings, by: str) -> bool | None:
    """Whether a relaxation kept the order of its key; not if it failed, None where unknown."""
    if "error" in record:
        return False
    order = final_order(key, record, settings, by)
    return None if order is None else order == key.partition("|")[0]
