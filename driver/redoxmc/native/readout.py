"""The readouts of a MACE model as vectors and matrices."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from redoxmc.native import probe
from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.probe import Array

Blocks = list[tuple[int, int]]


@dataclass(frozen=True)
class HiddenReadout:
    """A readout with one hidden layer: energy = out . scale * activation(inputs @ products)."""

    inputs: Array | None  # [channels, hidden], None where there is no such readout
    out: Array  # [hidden], from the activated units to the energy
    activation: str
    scale: float


def linear_readouts(readouts: list[Any], blocks: list[Blocks]) -> dict[int, Array]:
    """Linear readouts as vectors [channels] by layer.

    blocks: (channels, degree) of the products of each layer.
    """
    result = {}
    for index, readout in enumerate(readouts):
        layer = index if len(readouts) > 1 else len(blocks) - 1
        if hasattr(readout, "linear"):
            result[layer] = probe.block_maps(readout.linear, blocks[layer], [(1, 0)])[0][:, 0]
    return result


def hidden_readout(last: Any, blocks: Blocks) -> HiddenReadout:
    """Read the last readout; raises CannotGenerateError for one with more layers or biases."""
    if hasattr(last, "linear"):
        return HiddenReadout(None, np.zeros(0), "none", 1.0)
    if not hasattr(last, "linear_1") or hasattr(last, "linear_mid"):
        raise CannotGenerateError(f"the readout class {probe.class_name(last)}")
    n_hidden = int(probe.numbers(last.linear_2.weight).size)
    inputs = probe.block_maps(last.linear_1, blocks, [(n_hidden, 0)])[0]
    out = probe.block_maps(last.linear_2, [(n_hidden, 0)], [(1, 0)])[0][:, 0]
    points = torch.linspace(-3.0, 3.0, 13, dtype=torch.float64)
    activated = probe.numbers(last.non_linearity(points[:, None].expand(-1, n_hidden)))[:, 0]
    forms = {"silu": torch.nn.functional.silu, "tanh": torch.tanh, "none": lambda x: x}
    for name, form in forms.items():
        exact = probe.numbers(form(points))
        scale = float(activated @ exact / (exact @ exact))
        if np.abs(activated - scale * exact).max() < 1e-10:
            return HiddenReadout(inputs, out, name, scale)
    raise CannotGenerateError("a readout activation other than silu and tanh")
