"""The training step: plain, or compiled into one function for the CPU (`optimizer.compile`).

A plain step consists of some thousand small operations, each of which reads and writes memory.
Traced with its derivatives and compiled by torch's inductor they become a few loops. For cPaiNN
that is 2.7 times faster (`scripts/bench/training_step`), with the same numbers up to rounding,
after minutes of compilation.
CHGNet cannot be compiled: it finds its angles on the way, and their number depends on the data.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from redoxmc.config.training import LossWeights
from redoxmc.errors import InputError
from redoxmc.models.frames import Sample, join_samples
from redoxmc.models.graph import Graph, evaluate
from redoxmc.models.loss import training_loss
from redoxmc.models.model import Model

Step = Callable[[Sample, float], Tensor]
"""From a batch and the weight of the energy: sets the gradients of the parameters, returns the
loss."""


def make_step(
    model: Model, weights: LossWeights, samples: Sequence[Sample], compiled: bool
) -> Step:
    """The training step of a model; samples: of the training set, to trace a compiled one.

    A GPU goes without compilation. Raises InputError where this model cannot be compiled here.
    """
    plain = plain_step(model, weights)
    if not compiled or samples[0].energy.device.type != "cpu":
        return plain
    if model.traceable is None:
        raise InputError(
            f"optimizer.compile = true: a {model.architecture} cannot be compiled; leave that out."
        )
    fused = compiled_step(model, weights, samples)
    # torch compiles code of its own for arrays of length one
    return lambda batch, weight: (fused if len(batch.energy) > 1 else plain)(batch, weight)


def plain_step(model: Model, weights: LossWeights) -> Step:
    """Operation by operation."""

    def step(batch: Sample, energy_weight: float) -> Tensor:
        model.module.zero_grad()
        evaluation = evaluate(model.module, batch.graph, training=True)
        loss = training_loss(evaluation, batch, weights, energy_weight)
        loss.backward()
        return loss.detach()

    return step


def compiled_step(model: Model, weights: LossWeights, samples: Sequence[Sample]) -> Step:
    """Compiled for batches of two and more structures."""
    from torch.fx.experimental.proxy_tensor import make_fx

    names, parameters = zip(*model.module.named_parameters(), strict=True)

    def gradients(
        module: nn.Module, values: list[Tensor], tensors: list[Tensor], energy_weight: Tensor
    ) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        leaves = [value.detach().requires_grad_(True) for value in values]

        def run(*arguments: Tensor) -> dict[str, Tensor]:
            results: dict[str, Tensor] = torch.func.functional_call(
                module, dict(zip(names, leaves, strict=True)), arguments
            )
            return results

        batch = _from_tensors(tensors)
        evaluation = evaluate(run, batch.graph, training=True)
        loss = training_loss(evaluation, batch, weights, energy_weight)
        return loss.detach(), torch.autograd.grad(loss, leaves, allow_unused=True)

    def arguments(batch: Sample, energy_weight: float) -> tuple[list[Tensor], list[Tensor], Tensor]:
        dtype = batch.energy.dtype
        values = [parameter.detach() for parameter in parameters]
        return values, _to_tensors(batch), torch.tensor(energy_weight, dtype=dtype)

    example = arguments(_example(samples, parameters), 1.0)
    assert model.traceable is not None
    with model.traceable(model) as module:
        trace = make_fx(
            partial(gradients, module), tracing_mode="symbolic", _allow_non_fake_inputs=True
        )
        traced = trace(*example)
    fast = torch.compile(traced, dynamic=True, fullgraph=True)
    try:
        # several threads would add up in an order of their own
        with torch._inductor.config.patch({"cpp.threads": 1}):
            fast(*example)
    except Exception as error:  # torch raises whatever the compiler met
        first = str(error).strip().splitlines()[0]
        raise InputError(f"optimizer.compile = true needs a C++ compiler, g++: {first}") from None

    def step(batch: Sample, energy_weight: float) -> Tensor:
        loss, slopes = fast(*arguments(batch, energy_weight))
        for parameter, gradient in zip(parameters, slopes, strict=True):
            parameter.grad = gradient
        return loss

    return step


def _example(samples: Sequence[Sample], parameters: Sequence[Tensor]) -> Sample:
    """A batch whose sizes differ from all others: a trace takes equal sizes for the same one."""
    fixed = {1, 2, 3} | {size for parameter in parameters for size in parameter.shape}
    for count in range(5, 100):
        batch = join_samples([samples[n % len(samples)] for n in range(count)])
        sizes = {count, len(batch.forces), batch.graph.edges.shape[1]}
        if len(sizes) == 3 and not sizes & fixed:
            return batch
    raise AssertionError("no batch with sizes of its own")  # 95 batches of different sizes


def _to_tensors(sample: Sample) -> list[Tensor]:
    graph = sample.graph
    return [
        *(graph.species, graph.edges, graph.vectors, graph.structure, graph.n_atoms, graph.volumes),
        *sample.targets,
    ]


def _from_tensors(tensors: Sequence[Tensor]) -> Sample:
    return Sample(Graph(*tensors[:6]), *tensors[6:])
