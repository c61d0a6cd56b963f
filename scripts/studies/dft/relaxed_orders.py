"""States of charge orders that no training frame has, as a model relaxes them from three starts."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from redoxmc.campaign.system import System, load_system
from redoxmc.engines.relaxed import Relaxed, RelaxedEngine
from redoxmc.errors import EngineError
from redoxmc.structures.enumeration import distinct_orders, orders_with
from redoxmc.structures.host import Host
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.structures.ordering import lowest_electrostatic
from study_tools.orders import ion_key

STARTS = ("reference", "symmetric", "rattled")
RATTLE = 0.05  # Å
FORCE = 2e-3  # eV/Å
SAME_ENERGY, SAME_PLACE = 1e-3, 0.02  # eV per cell and Å: relaxed states nearer than this are one


def cell_system(
    host: Path, model: Path, repeats: Sequence[int], species: Sequence[str], x: Sequence[float]
) -> System:
    """A supercell and a model, every state relaxed with its cell.

    species: the redox species, reduced and oxidised, and the ion. x: its concentrations.
    """
    reduced, oxidised, ion = species
    return load_system(
        {
            "host": {"structure": str(host.resolve()), "supercell": list(repeats)},
            "redox": {"reduced": reduced, "oxidised": oxidised},
            "ions": {"species": ion, "concentrations": list(x)},
            "model": {"path": str(model.resolve())},
            "relax": {"cell": "full", "force_tolerance": FORCE, "max_iterations": 400},
            "sampling": {"temperatures": [300.0], "steps": 1},
        }
    )


def new_orders(host: Host, n_ions: int, known: Collection[str]) -> list[str]:
    """Return the keys of the distinct charge orders of the electrostatically lowest ion order.

    Without those in `known`, and without repetitions of a smaller cell, whose order may be known
    there.
    """
    ions = lowest_electrostatic(host, n_ions)
    keys = distinct_orders(host, orders_with(host, n_ions, ions))
    return [key for key in keys if key not in known and not is_repetition(host, key)]


def is_repetition(host: Host, key: str) -> bool:
    """Whether a translation within the cell leaves the order as it is."""
    symmetry, occupancy = host.symmetry, occupancy_of_key(key)
    translations = (symmetry.rotations == np.eye(3, dtype=int)).all(axis=(1, 2))
    images = occupancy[symmetry.occupancies[translations]]
    return int((images == occupancy).all(axis=1).sum()) > 1


def relaxed_frames(
    system: System, cell: str, key: str, starts: Sequence[str] = STARTS, seed: int = 1
) -> list[Atoms]:
    """Relax an order from each start; the distinct relaxed states, the lowest first.

    In `info`: `order` (CELL:KEY), `starts` that ended there, `model_energy` (eV) and `failed`, how
    many starts did not relax. No frame where none did.
    """
    engine = system.relaxer.engine(system.host.n_ions(occupancy_of_key(key)))
    found: list[tuple[Relaxed, list[str]]] = []
    failed = 0
    for start in starts:
        try:
            state = relax_from_start(engine, key, start, seed)
        except EngineError:
            failed += 1
            continue
        for known, names in found:
            if same_state(state, known):
                names.append(start)
                break
        else:
            found.append((state, [start]))
    frames = []
    for state, names in sorted(found, key=lambda entry: entry[0].energy):
        atoms = system.host.atoms(occupancy_of_key(key), state.cell, state.positions)
        atoms.info = {
            "order": f"{cell}:{key}",
            "ion_order": ion_key(system.host, occupancy_of_key(key)),
            "starts": " ".join(names),
            "model": system.card.name,
            "model_energy": state.energy,
            "failed_starts": failed,
        }
        frames.append(atoms)
    return frames


def relax_from_start(engine: RelaxedEngine, key: str, start: str, seed: int) -> Relaxed:
    """Relax an order (`REDOX|IONS`); EngineError where it fails.

    start: "reference" (bond lengths of the charge states), "symmetric" (the host lattice as it is)
    or "rattled" (with random displacements of 0.05 Å).
    """
    occupancy = occupancy_of_key(key)
    if start == "reference":
        return engine.relax(occupancy)
    host = engine.geometry
    positions = host.positions.copy()
    if start == "rattled":
        positions += np.random.default_rng(seed).normal(0.0, RATTLE, positions.shape)
    sites, _ = engine.lattice.atoms(occupancy)
    # carried over from the same occupancy: no bond lengths are imposed
    return engine.relax_from(occupancy, Relaxed(0.0, host.cell, positions[sites], 0), occupancy)


def same_state(one: Relaxed, two: Relaxed) -> bool:
    """Whether two relaxed states of one order are one, but for a shift of the crystal."""
    if abs(one.energy - two.energy) > SAME_ENERGY or np.abs(one.cell - two.cell).max() > SAME_PLACE:
        return False
    away = (one.positions - two.positions) @ np.linalg.inv(two.cell)
    away -= np.round(away)
    return bool(np.abs((away - away.mean(axis=0)) @ two.cell).max() < SAME_PLACE)


def choose(keys: Sequence[str], energies: Sequence[float], count: int, seed: int) -> list[str]:
    """Choose orders: the lowest two, the highest, and others at random."""
    ranked = [keys[k] for k in np.argsort(energies)]
    if len(ranked) <= count:
        return ranked
    ends = [*ranked[:2], ranked[-1]][:count]
    others = [key for key in ranked if key not in ends]
    picked = np.random.default_rng(seed).permutation(len(others))[: count - len(ends)]
    return ends + [others[k] for k in sorted(picked)]
