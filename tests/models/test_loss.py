import math

import pytest
import torch

from redoxmc.config.training import LossWeights
from redoxmc.models.frames import Sample
from redoxmc.models.graph import Evaluation, Graph
from redoxmc.models.loss import training_loss


def pair(energy_error, force_error, *, stress_known=True, moments=None):
    graph = Graph(
        torch.zeros(4, dtype=torch.int64),
        torch.zeros((2, 0), dtype=torch.int64),
        torch.zeros((0, 3)),
        torch.zeros(4, dtype=torch.int64),
        torch.tensor([4]),
        torch.tensor([50.0]),
    )
    stress = torch.full((1, 3, 3), 0.1 if stress_known else math.nan)
    unknown = torch.full((4,), math.nan)
    wanted = Sample(
        graph, torch.tensor([-8.0]), torch.zeros((4, 3)), stress, moments or unknown, unknown
    )
    found = Evaluation(
        torch.tensor([-8.0 + energy_error]),
        torch.full((4, 3), force_error),
        torch.zeros((1, 3, 3)),
        {"moment": torch.full((4,), 3.0)},
    )
    return found, wanted


def test_small_errors_count_squared_and_large_ones_linearly():
    weights = LossWeights(energy=2.0, forces=3.0, stress=0.0, delta=0.1)
    small = training_loss(*pair(0.04, 0.02), weights, 2.0)  # 0.01 eV/atom
    assert small.item() == pytest.approx(2 * 0.5 * 0.01**2 + 3 * 0.5 * 0.02**2)
    large = training_loss(*pair(0.0, 1.0), weights, 2.0)
    assert large.item() == pytest.approx(3 * 0.1 * (1.0 - 0.05))


def test_what_is_unknown_does_not_count():
    weights = LossWeights(energy=0.0, forces=0.0, stress=1.0, moment=1.0, delta=1.0)
    assert training_loss(*pair(1.0, 1.0, stress_known=False), weights, 0.0).item() == 0.0
    known = training_loss(*pair(1.0, 1.0), weights, 0.0)
    assert known.item() == pytest.approx(0.5 * 0.1**2)


def test_the_energy_weight_rises_in_the_last_part():
    weights = LossWeights(energy=20.0, late_energy=200.0, late_part=0.3)
    assert [weights.energy_weight(e, 10) for e in (0, 6, 7, 9)] == [20.0, 20.0, 200.0, 200.0]
    assert LossWeights(energy=20.0, late_energy=None).energy_weight(9, 10) == 20.0
