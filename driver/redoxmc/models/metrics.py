"""Errors of a model on labelled frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from redoxmc.models.frames import Sample, join_samples
from redoxmc.models.graph import Evaluation, evaluate
from redoxmc.units import EV_PER_A3_TO_GPA


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors; None where nothing was known."""

    frames: int
    energy: float  # meV/atom
    forces: float  # meV/Å
    stress: float | None  # GPa
    moment: float | None  # µB
    charge: float | None  # e
    forces_by_kind: dict[int, float]  # of the atoms of each kind
    moments_by_kind: dict[int, float]  # likewise

    def metadata(self, names: Sequence[str]) -> dict[str, Any]:
        """The `errors` of a card; names: of the kinds."""
        return {
            "frames": self.frames,
            "energy_meV_per_atom": round(self.energy, 3),
            "force_meV_per_A": round(self.forces, 2),
            "stress_GPa": None if self.stress is None else round(self.stress, 4),
            "moment_muB": None if self.moment is None else round(self.moment, 4),
            "charge_e": None if self.charge is None else round(self.charge, 4),
            "force_meV_per_A_by_species": _named(self.forces_by_kind, names, 2),
            "moment_muB_by_species": _named(self.moments_by_kind, names, 4),
        }


def measure_errors(
    module: torch.nn.Module,
    samples: Sequence[Sample],
    batch_size: int = 8,
    kinds: Sequence[npt.NDArray[np.int64]] | None = None,
    watch: Callable[[Evaluation, Sample], None] | None = None,
) -> Errors:
    """Mean absolute errors over samples, in the module's own dtype and on its device.

    kinds: for each sample the kind of each atom; where None its row in the model's table, which
    charge states share in a blind model. watch: called with what was found and what was wanted,
    batch by batch.
    """
    reference = next(module.parameters())
    energy, forces, stress, rows = [], [], [], []
    per_atom: dict[str, list[torch.Tensor]] = {"moment": [], "charge": []}
    for start in range(0, len(samples), batch_size):
        batch = join_samples(samples[start : start + batch_size]).to(
            reference.device, reference.dtype
        )
        ours = evaluate(module, batch.graph)
        if watch is not None:
            watch(ours, batch)
        energy.append((ours.energy - batch.energy).abs() / batch.graph.n_atoms)
        forces.append((ours.forces - batch.forces).abs().mean(1))
        stress.append((ours.stress - batch.stress).abs().flatten())
        rows.append(batch.graph.species)
        for name, target in (("moment", batch.moments), ("charge", batch.charges)):
            if name in ours.nodes:
                per_atom[name].append((ours.nodes[name] - target).abs())
    force_errors = torch.cat(forces).double().cpu().numpy()
    kind = torch.cat(rows).cpu().numpy() if kinds is None else np.concatenate(list(kinds))
    moments = torch.cat(per_atom["moment"]).double().cpu().numpy() if per_atom["moment"] else None
    return Errors(
        len(samples),
        1e3 * float(torch.cat(energy).double().mean()),
        1e3 * float(force_errors.mean()),
        _mean(stress, EV_PER_A3_TO_GPA),
        _mean(per_atom["moment"], 1.0),
        _mean(per_atom["charge"], 1.0),
        _by_kind(1e3 * force_errors, kind),
        {} if moments is None else _by_kind(moments, kind),
    )


def energy_differences(
    module: torch.nn.Module, samples: Sequence[Sample]
) -> npt.NDArray[np.float64]:
    """What the energy of the data lies above that of the model, (n_samples,) eV."""
    parts: list[torch.Tensor] = []

    def note(found: Evaluation, wanted: Sample) -> None:
        parts.append(wanted.energy - found.energy)

    measure_errors(module, samples, watch=note)
    return np.asarray(torch.cat(parts).double().cpu().numpy())


def _by_kind(values: npt.NDArray[np.float64], kind: npt.NDArray[np.int64]) -> dict[int, float]:
    kind, values = kind[np.isfinite(values)], values[np.isfinite(values)]
    return {int(k): float(values[kind == k].mean()) for k in np.unique(kind)}


def _named(by_kind: dict[int, float], names: Sequence[str], digits: int) -> dict[str, float] | None:
    named = {names[kind]: round(value, digits) for kind, value in by_kind.items()}
    return named or None


def _mean(parts: Sequence[torch.Tensor], unit: float) -> float | None:
    if not parts:
        return None
    values = torch.cat(list(parts)).double()
    values = values[torch.isfinite(values)]
    return unit * float(values.mean()) if len(values) else None
