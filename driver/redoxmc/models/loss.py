"""The one loss of all architectures: Huber on energy per atom, forces, stress, moment, charge."""

import torch
from pydantic import BaseModel, ConfigDict, Field

from redoxmc.models.frames import Sample
from redoxmc.models.graph import Evaluation


class LossWeights(BaseModel):
    """Weights of the terms; 0 leaves a term out.

    energy: of eV/atom; late_energy replaces it in the last part of the training (`late_part` of the
    epochs), when forces have settled. forces: eV/Å. stress: eV/Å^3. moment: µB. charge: e.
    delta: where Huber's loss turns from square to linear, the same number in each of these units.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    energy: float = Field(default=20.0, ge=0)
    late_energy: float | None = Field(default=200.0, ge=0)
    late_part: float = Field(default=0.3, ge=0, le=1)
    forces: float = Field(default=10.0, ge=0)
    stress: float = Field(default=10.0, ge=0)
    moment: float = Field(default=0.0, ge=0)
    charge: float = Field(default=0.0, ge=0)
    delta: float = Field(default=0.02, gt=0)

    def energy_weight(self, epoch: int, epochs: int) -> float:
        """Weight of the energy in an epoch (counted from 0)."""
        late = self.late_energy is not None and epoch >= (1 - self.late_part) * epochs
        return self.late_energy if late and self.late_energy is not None else self.energy


def training_loss(
    found: Evaluation, wanted: Sample, weights: LossWeights, energy_weight: float | torch.Tensor
) -> torch.Tensor:
    """Weighted sum of the terms, each a mean over its known components."""
    n_atoms = wanted.graph.n_atoms.to(found.energy.dtype)
    total = energy_weight * _mean_loss(found.energy / n_atoms, wanted.energy / n_atoms, weights)
    terms = [
        (weights.forces, found.forces, wanted.forces),
        (weights.stress, found.stress, wanted.stress),
    ]
    for weight, name, target in (
        (weights.moment, "moment", wanted.moments),
        (weights.charge, "charge", wanted.charges),
    ):
        if name in found.nodes:
            terms.append((weight, found.nodes[name], target))
    for weight, ours, target in terms:
        if weight > 0:
            total = total + weight * _mean_loss(ours, target, weights)
    return total


def _mean_loss(ours: torch.Tensor, target: torch.Tensor, weights: LossWeights) -> torch.Tensor:
    """Mean over what is known, 0 where nothing is; no choice in it depends on the data."""
    known = torch.isfinite(target)
    filled = torch.where(known, target, ours.detach())
    total = torch.nn.functional.huber_loss(ours, filled, delta=weights.delta, reduction="sum")
    return total / known.sum().clamp(min=1)
