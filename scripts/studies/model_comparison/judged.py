"""DFT as the judge of kept charge orders: what it says at the minima of models.

Nothing is computed here: `relaxed_orders.py` relaxes, `redoxmc compute` labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dft.describe import order_of
from model_comparison.relaxations import mean_bonds
from model_comparison.settings import Settings
from redoxmc.data.compute import read_failures, read_tasks
from redoxmc.data.settings import load_settings
from redoxmc.errors import InputError
from redoxmc.io.extxyz import energy_of, read_labelled, species_of
from redoxmc.units import EV_PER_A3_TO_GPA
from study_tools.order_energies import OrderEnergy, order_errors

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Verdict:
    """A state that a model relaxed, and what DFT says of it.

    state: the structure with the charge states wanted; model, model_energy and starts in `info`.
    label: the same with DFT's energy, forces, stress and moments; None where there is none.
    failed: whether DFT was tried and did not converge.
    """

    state: "Atoms"
    label: "Atoms | None"
    failed: bool = False

    @property
    def kept(self) -> bool:
        """Whether the moments of DFT are those of the order wanted."""
        return self.label is not None and bool(self.label.info.get("order_kept"))


def read_verdicts(settings: Settings) -> list[Verdict]:
    """Find the labels of all relaxed states; InputError for a state that names no model."""
    judged = settings.judged
    if judged is None:
        return []
    labels = {str(frame.info.get("key")): frame for frame in read_labelled(judged.frames)}
    failures = read_failures(judged.frames)
    verdicts = []
    for task in read_tasks(judged.states, load_settings("gpaw", judged.recipe)):
        info = task.atoms.info
        if not {"model", "model_energy", "starts"} <= set(info) or order_of(task.atoms) is None:
            raise InputError(
                f"{task.file}, frame {task.number}: a relaxed state has order, model, model_energy "
                "and starts."
            )
        label = labels.get(task.key)
        verdicts.append(Verdict(task.atoms, label, label is None and task.key in failures))
    return verdicts


def verdict_rows(verdicts: Sequence[Verdict], settings: Settings) -> list[dict[str, Any]]:
    """Return a row for each model and start, of the states that its relaxations ended in."""
    rows = []
    for model in dict.fromkeys(str(v.state.info["model"]) for v in verdicts):
        own = [v for v in verdicts if v.state.info["model"] == model]
        orders = {order_of(v.state) for v in own}
        for start in dict.fromkeys(s for v in own for s in _starts(v)):
            ended = [v for v in own if start in _starts(v)]
            row = {"model": model, "start": start, "states": len(ended)}
            row["did_not_relax"] = len(orders - {order_of(v.state) for v in ended})
            rows.append(row | _row(ended, settings))
    return rows


def _starts(verdict: Verdict) -> list[str]:
    return str(verdict.state.info["starts"]).split()


def _row(verdicts: Sequence[Verdict], settings: Settings) -> dict[str, Any]:
    labels = [v.label for v in verdicts if v.label is not None]
    forces = [np.linalg.norm(label.get_forces(), axis=1) for label in labels]
    stresses = [np.abs(label.calc.results["stress"]) for label in labels]
    kept = [v for v in verdicts if v.kept]
    failed = sum(v.failed for v in verdicts)
    decided = len(labels) + failed
    differences = order_errors([_energies(v) for v in kept], held_out=True)
    bonds = _bonds([v.state for v in verdicts], settings)
    return {
        "computed": len(labels),
        "kept": len(kept),
        "lost": len(labels) - len(kept),
        "did_not_converge": failed,
        "kept_percent": 100 * len(kept) / decided if decided else None,
        "force_mean_eV_per_A": float(np.concatenate(forces).mean()) if forces else None,
        "force_largest_eV_per_A": float(np.concatenate(forces).max()) if forces else None,
        "stress_GPa": EV_PER_A3_TO_GPA * float(np.mean(stresses)) if stresses else None,
        "bonds_A": {name: float(np.mean(values)) for name, values in bonds.items() if values},
        "pairs": differences["pairs"] if differences else 0,
        "mae_meV_per_site": differences["mae_meV_per_site"] if differences else None,
    }


def _energies(verdict: Verdict) -> OrderEnergy:
    order, label = order_of(verdict.state), verdict.label
    assert order is not None
    assert label is not None
    n = len(order.redox)
    energy = float(verdict.state.info["model_energy"])
    return OrderEnergy(f"{order.cell}:{order.ion_order}", energy_of(label) / n, energy / n, True)


def _bonds(states: "Sequence[Atoms]", settings: Settings) -> dict[str, list[float]]:
    """Return the mean bond lengths (Å) of all ions of each charge state."""
    lengths: dict[str, list[float]] = {name: [] for name in settings.bonds}
    for atoms in states:
        species = species_of(atoms)
        for name, bond in settings.bonds.items():
            centres = np.flatnonzero([str(s) == name for s in species])
            lengths[name] += mean_bonds(
                atoms.cell.array, atoms.positions, species, centres, bond
            ).tolist()
    return lengths
