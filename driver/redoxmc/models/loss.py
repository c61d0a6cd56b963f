"""The one loss of all architectures: Huber on energy per atom, forces, stress, moment, charge."""

import torch

from redoxmc.config.training import LossWeights
from redoxmc.models.frames import Sample
from redoxmc.models.graph import Evaluation


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
    has_target = torch.isfinite(target)
    filled = torch.where(has_target, target, ours.detach())
    total = torch.nn.functional.huber_loss(ours, filled, delta=weights.delta, reduction="sum")
    return total / has_target.sum().clamp(min=1)
