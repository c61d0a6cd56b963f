"""Layers of CHGNet for TorchScript, with the weights of the chgnet package's own.

chgnet feeds its gated perceptrons rows that it concatenates for every edge and every angle from
atoms and bonds. A linear layer of a concatenation is the sum of linear layers of its parts, so
here each part is multiplied where it lives (once for an atom, not once for each of its edges):
the same numbers up to rounding, for less than half of the multiplications.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Bessel(nn.Module):  # type: ignore[misc]
    """Radial basis with its smooth cutoff; a rewrite of chgnet's for TorchScript."""

    def __init__(self, basis: Any) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(basis.frequencies.detach().clone())
        smooth = basis.smooth_cutoff
        self.inverse, self.norm = float(basis.inv_cutoff), float(basis.norm_const)
        self.p, self.a = int(smooth.p), float(smooth.a)
        self.b, self.c, self.cutoff = float(smooth.b), float(smooth.c), float(smooth.cutoff)

    def forward(self, lengths: Tensor) -> Tensor:
        """Basis (E, n) of lengths (E,) in Å."""
        d = lengths[:, None]
        waves = self.norm * torch.sin(self.frequencies * d * self.inverse) / d
        r = d / self.cutoff
        p = self.p
        envelope = 1 + self.a * r**p + self.b * r ** (p + 1) + self.c * r ** (p + 2)
        return torch.where(r < 1, envelope, torch.zeros_like(r)) * waves


class Gated(nn.Module):  # type: ignore[misc]
    """A gated perceptron of chgnet, whose first layer is applied part by part.

    weight: (2 F, inputs) of core and gate together, a block of `part_width` columns for each part
    of the input.
    """

    def __init__(self, source: Any, part_width: int) -> None:
        super().__init__()
        core = [x for x in source.mlp_core.layers if isinstance(x, nn.Linear)]
        gate = [x for x in source.mlp_gate.layers if isinstance(x, nn.Linear)]
        self.weight = nn.Parameter(torch.cat([core[0].weight, gate[0].weight]).detach())
        self.bias = nn.Parameter(torch.cat([core[0].bias, gate[0].bias]).detach())
        self.part_width = part_width
        self.deep = len(core) == 2
        self.core = core[1] if self.deep else nn.Identity()
        self.gate = gate[1] if self.deep else nn.Identity()
        self.core_norm, self.gate_norm = source.bn1, source.bn2

    def part(self, x: Tensor, number: int) -> Tensor:
        """What part `number` of the input (M, part_width) adds to the first layer: (M, 2 F)."""
        start = number * self.part_width
        return x @ self.weight[:, start : start + self.part_width].t()

    def of_edges(self, h: Tensor, b: Tensor, edges: Tensor) -> Tensor:
        """Output for edges (2, E): receiving atom, bond, sending atom."""
        total = self.part(b, 1) + self.part(h, 0).index_select(0, edges[1])
        return self.forward(total + self.part(h, 2).index_select(0, edges[0]))

    def of_angles(self, h: Tensor, b: Tensor, a: Tensor, angles: Tensor) -> Tensor:
        """Output for angles (3, A): first bond, second bond, the angle itself, centre atom."""
        total = self.part(a, 2) + self.part(b, 0).index_select(0, angles[1])
        total = total + self.part(b, 1).index_select(0, angles[2])
        return self.forward(total + self.part(h, 3).index_select(0, angles[0]))

    def forward(self, total: Tensor) -> Tensor:
        """From the sum (M, 2 F) of all parts to the output (M, F)."""
        total = total + self.bias
        if self.deep:
            total = torch.nn.functional.silu(total)
        core, gate = total.chunk(2, dim=1)
        core = torch.nn.functional.silu(self.core_norm(self.core(core)))
        product: Tensor = core * torch.sigmoid(self.gate_norm(self.gate(gate)))
        return product


class AtomConvolution(nn.Module):  # type: ignore[misc]
    """New atom features from neighbours and bonds."""

    def __init__(self, layer: Any, width: int) -> None:
        super().__init__()
        self.two, self.out = Gated(layer.twoBody_atom, width), layer.mlp_out

    def forward(self, h: Tensor, b: Tensor, weights: Tensor, edges: Tensor) -> Tensor:
        """h: (N, F), b: (E, F), weights: (E, F), edges: (2, E)."""
        message = self.two.of_edges(h, b, edges) * weights
        new: Tensor = self.out(torch.zeros_like(h).index_add(0, edges[1], message)) + h
        return new


class BondConvolution(nn.Module):  # type: ignore[misc]
    """Change of the bond features from the angles at both of their ends."""

    def __init__(self, layer: Any, width: int) -> None:
        super().__init__()
        self.two, self.out = Gated(layer.twoBody_bond, width), layer.mlp_out

    def forward(
        self, h: Tensor, b: Tensor, w: Tensor, a: Tensor, angles: Tensor, reverse: Tensor
    ) -> Tensor:
        """angles: (3, A) centre atom, first bond, second bond; reverse: (B,) or B for none."""
        message = self.two.of_angles(h, b, a, angles)
        message = message * w.index_select(0, angles[1]) * w.index_select(0, angles[2])
        one_side = torch.zeros_like(b).index_add(0, angles[1], message)
        padded = torch.cat([one_side, torch.zeros_like(one_side[:1])])
        change: Tensor = self.out(one_side + padded.index_select(0, reverse))
        return change


class AngleUpdate(nn.Module):  # type: ignore[misc]
    """New angle features from their bonds."""

    def __init__(self, layer: Any, width: int) -> None:
        super().__init__()
        self.two = Gated(layer.twoBody_bond, width)

    def forward(self, h: Tensor, b: Tensor, a: Tensor, angles: Tensor) -> Tensor:
        """Shapes as in BondConvolution."""
        updated: Tensor = self.two.of_angles(h, b, a, angles) + a
        return updated
