"""Reading the numbers of a MACE module by applying its parts to unit vectors.

Whatever order, normalisation or fused form mace-torch and e3nn store their weights in, a linear map
is known by what it does. Works alike on a mace-torch module and on one that torch.jit.load gave.
Weights come back as float64, features in the order (channel, component) become separate axes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from redoxmc.native.errors import CannotGenerateError

Array = npt.NDArray[np.float64]


def class_name(module: Any) -> str:
    """Name of the Python class, also of a scripted module."""
    return str(getattr(module, "original_name", type(module).__name__))


def children(module: Any) -> list[Any]:
    """Submodules in order (a scripted ModuleList cannot be iterated over everywhere)."""
    return [child for _, child in module.named_children()]


def numbers(tensor: Any) -> Array:
    """A tensor as a float64 array."""
    return np.ascontiguousarray(tensor.detach().double().cpu().numpy())


def one_hot(n_rows: int) -> torch.Tensor:
    """Node attributes of one node of every species."""
    return torch.eye(n_rows, dtype=torch.float64)


def channel_map(apply: Callable[[torch.Tensor], torch.Tensor], n_in: int, degree: int) -> Array:
    """Matrix [n_in, n_out] of an equivariant linear map between channels of one degree l.

    apply: from [B, n_in * (2l+1)] to [B, n_out * (2l+1)]. By equivariance component 0 tells all.
    """
    width = 2 * degree + 1
    inputs = torch.zeros(n_in, n_in, width, dtype=torch.float64)
    inputs[torch.arange(n_in), torch.arange(n_in), 0] = 1.0
    result = apply(inputs.reshape(n_in, -1))
    return numbers(result.reshape(n_in, -1, width)[:, :, 0])


def block_maps(
    apply: Callable[[torch.Tensor], torch.Tensor],
    inputs: list[tuple[int, int]],
    outputs: list[tuple[int, int]],
) -> dict[int, Array]:
    """Matrices by degree l of a linear map between features with several degrees.

    inputs, outputs: (channels, degree) of each block, at most one block for each degree.
    """
    sizes_in = [n * (2 * degree + 1) for n, degree in inputs]
    starts_out = np.cumsum([0] + [n * (2 * degree + 1) for n, degree in outputs])
    where_out = {degree: k for k, (_, degree) in enumerate(outputs)}
    maps: dict[int, Array] = {}
    for k, (n_in, degree) in enumerate(inputs):
        if degree not in where_out:
            continue
        before, after = sum(sizes_in[:k]), sum(sizes_in[k + 1 :])
        begin, end = starts_out[where_out[degree]], starts_out[where_out[degree] + 1]

        def block(
            x: torch.Tensor, before: int = before, after: int = after, b: int = begin, e: int = end
        ) -> torch.Tensor:
            return apply(torch.nn.functional.pad(x, (before, after)))[:, b:e]

        maps[degree] = channel_map(block, n_in, degree)
    return maps


def convolution_tensors(
    conv: Any, n_channels: int, degrees_in: list[int], l_max: int
) -> list[tuple[int, int, Array]]:
    """Paths of the tensor product of an interaction, in the order of its radial weights.

    Returns (degree_in, degree_out, tensor [2*degree_out+1, (l_max+1)^2, 2*degree_in+1]) by path.
    Raises CannotGenerateError where a path mixes channels or input degrees.
    """
    n_edge = (l_max + 1) ** 2
    widths = [2 * degree + 1 for degree in degrees_in]
    starts = np.cumsum([0] + [n_channels * width for width in widths])
    n_paths = int(conv.weight_numel) // n_channels
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64) + 0.5

    harmonics = torch.eye(n_edge, dtype=torch.float64)
    paths = []
    end = 0
    for path in range(n_paths):
        weights = torch.zeros(1, n_paths * n_channels, dtype=torch.float64)
        weights[:, path * n_channels : (path + 1) * n_channels] = 1.0
        touched = numbers(conv(random(1, starts[-1]), random(1, n_edge), weights))[0]
        where = np.flatnonzero(np.abs(touched) > 1e-12)
        if len(where) == 0:
            raise CannotGenerateError("a tensor product path that is identically zero")
        begin = int(where[0])
        width = (int(where[-1]) + 1 - begin) // n_channels
        if width % 2 == 0 or begin < end or (where[-1] + 1 - begin) % n_channels:
            raise CannotGenerateError("a tensor product whose paths do not keep channels apart")
        end = int(where[-1]) + 1
        tensor, source = None, -1
        for degree, width_in, start in zip(degrees_in, widths, starts[:-1], strict=True):
            part = np.zeros((width, n_edge, width_in))
            for m in range(width_in):
                features = torch.zeros(n_edge, int(starts[-1]), dtype=torch.float64)
                features[:, start + m] = 1.0
                result = numbers(conv(features, harmonics, weights.expand(n_edge, -1)))
                part[:, :, m] = result[:, begin : begin + width].T
            if np.abs(part).max() > 1e-12:
                if tensor is not None:
                    raise CannotGenerateError("a tensor product path with several input degrees")
                tensor, source = part, degree
        if tensor is None:
            raise CannotGenerateError("a tensor product whose paths do not keep channels apart")
        paths.append((source, (width - 1) // 2, np.where(np.abs(tensor) > 1e-10, tensor, 0.0)))
    return paths


def radial_functions(
    model: Any, conv_weights: Any, species: tuple[int, int], n_rows: int
) -> Callable[[Array], tuple[Array, Array]]:
    """Radial functions of an interaction, from receiver and sender rows `species`.

    The function returned maps distances r [n] in Å to values and derivatives, each [n, n_weights].
    """
    attributes = one_hot(n_rows)[list(species)]
    edge = torch.tensor([[1], [0]])  # sender, receiver

    def evaluate(r: torch.Tensor) -> torch.Tensor:
        features, cutoff = model.radial_embedding(
            r[:, None], attributes, edge.expand(2, len(r)), model.atomic_numbers
        )
        result: torch.Tensor = conv_weights(features)
        return result if cutoff is None else result * cutoff

    def function(distances: Array) -> tuple[Array, Array]:
        r = torch.tensor(distances, dtype=torch.float64, requires_grad=True)
        value = evaluate(r)
        # derivatives of all functions at once: reverse mode twice gives forward mode
        seed = torch.ones_like(value, requires_grad=True)
        (pulled,) = torch.autograd.grad(value, r, seed, create_graph=True)
        (slope,) = torch.autograd.grad(pulled.sum(), seed)
        return numbers(value), numbers(slope)

    return function
