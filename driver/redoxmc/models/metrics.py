"""Errors of a model on labelled frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from redoxmc.models.frames import Sample, join_samples
from redoxmc.models.graph import Evaluation, evaluate
from redoxmc.units import EV_PER_A3_TO_GPA


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors: energy in meV/atom, forces in meV/Å, stress in GPa, moment in µB.

    by_row: force error by row of the species table. None where nothing was known.
    """

    frames: int
    energy: float
    forces: float
    stress: float | None
    moment: float | None
    charge: float | None
    forces_by_row: dict[int, float]

    def metadata(self, names: Sequence[str], rows: Sequence[int]) -> dict[str, Any]:
        """The `errors` of a card; names and rows: of the species table."""
        return {
            "frames": self.frames,
            "energy_meV_per_atom": round(self.energy, 3),
            "force_meV_per_A": round(self.forces, 2),
            "stress_GPa": None if self.stress is None else round(self.stress, 4),
            "moment_muB": None if self.moment is None else round(self.moment, 4),
            "charge_e": None if self.charge is None else round(self.charge, 4),
            "force_meV_per_A_by_species": {
                name: round(self.forces_by_row[row], 2)
                for name, row in zip(names, rows, strict=True)
                if row in self.forces_by_row
            },
        }


def measure_errors(
    module: torch.nn.Module,
    samples: Sequence[Sample],
    batch_size: int = 8,
    watch: Callable[[Evaluation, Sample], None] | None = None,
) -> Errors:
    """Mean absolute errors over samples, in the module's own dtype and on its device.

    watch: called with what was found and what was wanted, batch by batch.
    """
    reference = next(module.parameters())
    energy, forces, stress, rows = [], [], [], []
    known: dict[str, list[torch.Tensor]] = {"moment": [], "charge": []}
    for start in range(0, len(samples), batch_size):
        batch = join_samples(samples[start : start + batch_size]).to(
            reference.device, reference.dtype
        )
        found = evaluate(module, batch.graph)
        if watch is not None:
            watch(found, batch)
        energy.append((found.energy - batch.energy).abs() / batch.graph.n_atoms)
        forces.append((found.forces - batch.forces).abs().mean(1))
        stress.append((found.stress - batch.stress).abs().flatten())
        rows.append(batch.graph.species)
        for name, target in (("moment", batch.moments), ("charge", batch.charges)):
            if name in found.nodes:
                known[name].append((found.nodes[name] - target).abs())
    force_errors, row = torch.cat(forces).double().cpu().numpy(), torch.cat(rows).cpu().numpy()
    return Errors(
        len(samples),
        1e3 * float(torch.cat(energy).double().mean()),
        1e3 * float(force_errors.mean()),
        _mean(stress, EV_PER_A3_TO_GPA),
        _mean(known["moment"], 1.0),
        _mean(known["charge"], 1.0),
        {int(r): 1e3 * float(force_errors[row == r].mean()) for r in np.unique(row)},
    )


def _mean(parts: Sequence[torch.Tensor], unit: float) -> float | None:
    if not parts:
        return None
    values = torch.cat(list(parts)).double()
    values = values[torch.isfinite(values)]
    return unit * float(values.mean()) if len(values) else None
