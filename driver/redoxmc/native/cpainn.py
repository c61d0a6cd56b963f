"""Reading a cPaiNN model, and the header that its kernels (cpainn.h) are compiled with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from redoxmc.native import probe
from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.splines import SplineTable, tabulate
from redoxmc.native.probe import Array

HEADS = ("energy", "moment", "charge")


@dataclass(frozen=True)
class Dense:
    """A linear layer: x @ weight + bias."""

    weight: Array  # [in, out]
    bias: Array  # [out]


@dataclass(frozen=True)
class PainnLayer:
    """A message and its update; see models/cpainn.py."""

    message: tuple[Dense, Dense]  # width to width, width to 3 width
    table: SplineTable  # of the filters, 3 width functions
    mix: Array  # [width, 2 width]
    update: tuple[Dense, Dense]  # 2 width to width, width to 3 width


@dataclass(frozen=True)
class PainnPlan:
    """A cPaiNN model without torch."""

    width: int
    r_cut: float
    embedding: Array  # [species, width]
    layers: tuple[PainnLayer, ...]
    heads: dict[str, tuple[Dense, Dense]]  # to a hidden layer, to one number; in the order of HEADS


def read_cpainn(module: Any) -> PainnPlan:
    """Read a CPainn module or its scripted form, in float64.

    Raises CannotGenerateError naming what native code cannot be generated for.
    """
    if probe.class_name(module) != "CPainn":
        raise CannotGenerateError(f"the model class {probe.class_name(module)}")
    state = {name: probe.numbers(value) for name, value in module.state_dict().items()}
    r_cut, scale = float(module.r_cut), float(module.scale)
    n_layers = int(module.n_layers)
    functions = [
        _filters(_dense(state, f"messages.{k}.filters"), state["frequencies"], r_cut)
        for k in range(n_layers)
    ]
    # the edges of all layers lie in one grid
    most = max(tabulate(function, r_cut).intervals for function in functions)
    layers = [
        PainnLayer(
            _perceptron(state, f"messages.{k}.features"),
            tabulate(functions[k], r_cut, most),
            state[f"updates.{k}.mix.weight"].T,
            _perceptron(state, f"updates.{k}.features"),
        )
        for k in range(n_layers)
    ]
    heads = {
        name: _perceptron(state, f"heads.{name}")
        for name in HEADS
        if f"heads.{name}.0.weight" in state
    }
    hidden, out = heads["energy"]
    heads["energy"] = (hidden, Dense(scale * out.weight, scale * out.bias))
    embedding = state["embedding.weight"]
    return PainnPlan(embedding.shape[1], r_cut, embedding, tuple(layers), heads)


def _dense(state: Mapping[str, Array], name: str) -> Dense:
    return Dense(state[f"{name}.weight"].T, state[f"{name}.bias"])


def _perceptron(state: Mapping[str, Array], name: str) -> tuple[Dense, Dense]:
    return _dense(state, f"{name}.0"), _dense(state, f"{name}.2")


def _filters(layer: Dense, frequencies: Array, r_cut: float) -> Any:
    """The filters times the cutoff function, and their slopes, by distances."""

    def function(r: Array) -> tuple[Array, Array]:
        phase, k = np.outer(r, frequencies), np.pi / r_cut
        waves = np.sin(phase) / r[:, None]
        slopes = (frequencies * np.cos(phase) - waves) / r[:, None]
        cutoff, fall = 0.5 * (np.cos(k * r) + 1.0), -0.5 * k * np.sin(k * r)
        value = waves @ layer.weight + layer.bias
        slope = slopes @ layer.weight
        return value * cutoff[:, None], slope * cutoff[:, None] + value * fall[:, None]

    return function
