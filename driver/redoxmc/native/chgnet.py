"""Reading a CHGNet model; its kernels (chgnet.h) are compiled with what emit_chgnet.py writes.

Two things are done to the numbers on the way. A layer norm subtracts the mean of what a linear layer
gives: the mean is taken out of the layer's weights instead. And what depends on one distance or one
angle alone becomes a spline.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from redoxmc.native import probe
from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.probe import Array
from redoxmc.native.splines import Functions, SplineTable, tabulate

_PARTS = {"atoms": 3, "last": 3, "bonds": 4, "angles": 4}


@dataclass(frozen=True)
class Gate:
    """A gated perceptron; core and gate stand side by side."""

    parts: tuple[Array, ...]  # [width, 2 width] what each part of the input adds
    bias: Array  # [2 width]
    second: tuple[Array, Array] | None  # [width, width] of core and of gate, None for one layer
    second_bias: Array  # [2 width]
    scale: Array  # [2 width] of the layer norms
    shift: Array  # [2 width]


@dataclass(frozen=True)
class Convolution:
    """A gated perceptron whose sums go through a linear layer."""

    gate: Gate
    out: Array  # [width, width]


@dataclass(frozen=True)
class ChgnetPlan:
    """A CHGNet model without torch; W is its width."""

    width: int
    r_cut: float  # Å
    bond_cutoff: float  # Å
    embedding: Array  # [species, W]
    atoms: tuple[Convolution, ...]  # parts: receiver, bond, sender
    bonds: tuple[Convolution, ...]  # parts: first bond, second bond, angle, centre
    angles: tuple[Gate, ...]  # parts alike
    moment: tuple[Array, float]  # [W] and a constant
    norm: tuple[Array, Array]  # scale and shift [W] before the readout
    readout: tuple[tuple[Array, Array], ...]  # weight [W, W] and bias of hidden layers
    energy: tuple[Array, float]  # [W] and a constant
    edges: tuple[SplineTable, ...]  # of atoms: 2 W that the bond adds, W weights; one grid
    bond: SplineTable  # 2 W of a bond's features and their weights, up to bond_cutoff
    angle: tuple[SplineTable, SplineTable]  # of bonds[0]: 2 W; of angles[0]: 2 W, W features


def read_chgnet(module: Any) -> ChgnetPlan:
    """Read an EdgeChgnet module or its scripted form, in float64.

    Raises CannotGenerateError naming what native code cannot be generated for.
    """
    if probe.class_name(module) != "EdgeChgnet":
        raise CannotGenerateError(f"the model class {probe.class_name(module)}")
    state = {name: probe.numbers(value) for name, value in module.state_dict().items()}
    width = state["embedding"].shape[1]
    n = len(probe.children(module.bonds))
    atoms = tuple(_convolution(state, f"atoms.{k}", width) for k in range(n))
    atoms = (*atoms, _convolution(state, "last", width))
    bonds = tuple(_convolution(state, f"bonds.{k}", width) for k in range(n))
    angles = tuple(_gate(state, f"angles.{k}.two", width) for k in range(n - 1))
    if any(c.gate.second is None for c in (*atoms, *bonds)) or any(a.second for a in angles):
        raise CannotGenerateError("gated perceptrons of another depth than CHGNet 0.3.0's")
    r_cut, bond_cutoff = float(module.atom_basis.cutoff), float(module.bond_cutoff)
    embed = state["bond_embedding.weight"].T
    wide, narrow = _bessel(module.atom_basis, state, "atom"), _bessel(module.bond_basis, state, "bond")
    weights = state["atom_weights.weight"].T
    edges = _same_grid(
        [
            _linear(wide, np.concatenate([embed @ c.gate.parts[1], weights], axis=1))
            for c in atoms
        ],
        r_cut,
    )
    features, bond_weights = _linear(wide, embed), _linear(narrow, state["bond_weights.weight"].T)
    hidden, energy = _readout(state, width)
    return ChgnetPlan(
        width,
        r_cut,
        bond_cutoff,
        state["embedding"],
        atoms,
        bonds,
        angles,
        (state["site_wise.weight"][0], float(state["site_wise.bias"][0])),
        (state["norm.weight"], state["norm.bias"]),
        hidden,
        energy,
        edges,
        tabulate(_beside(features, bond_weights), bond_cutoff, vanishing=False),
        _angle_tables(state, bonds[0].gate, angles[0]),
    )


def _convolution(state: Mapping[str, Array], name: str, width: int) -> Convolution:
    if f"{name}.out.layers.1.bias" in state:
        raise CannotGenerateError("a bias where CHGNet 0.3.0 has none")
    return Convolution(_gate(state, f"{name}.two", width), state[f"{name}.out.layers.1.weight"].T)


def _gate(state: Mapping[str, Array], name: str, width: int) -> Gate:
    weight, bias = state[f"{name}.weight"].T, state[f"{name}.bias"]
    norms = [f"{name}.{half}_norm" for half in ("core", "gate")]
    if any(f"{norm}.weight" not in state for norm in norms):
        raise CannotGenerateError("gated perceptrons without layer norms")
    scale, shift = (
        np.concatenate([state[f"{norm}.{part}"] for norm in norms]) for part in ("weight", "bias")
    )
    if weight.shape != (_PARTS[name.split(".")[0]] * width, 2 * width):
        raise CannotGenerateError("gated perceptrons of another width than their atoms")
    parts = tuple(np.split(weight, len(weight) // width))
    if f"{name}.core.weight" not in state:
        centred = tuple(_centred(part) for part in parts)
        return Gate(centred, _centred(bias), None, np.zeros(2 * width), scale, shift)
    core, gate = (_centred(state[f"{name}.{half}.weight"].T, 1) for half in ("core", "gate"))
    second = np.concatenate([state[f"{name}.{half}.bias"] for half in ("core", "gate")])
    return Gate(parts, bias, (core, gate), _centred(second), scale, shift)


def _centred(values: Array, halves: int = 2) -> Array:
    """Without the mean over the last axis, of each half of it."""
    split = values.reshape(*values.shape[:-1], halves, -1)
    return np.asarray((split - split.mean(-1, keepdims=True)).reshape(values.shape))


def _readout(
    state: Mapping[str, Array], width: int
) -> tuple[tuple[tuple[Array, Array], ...], tuple[Array, float]]:
    names = sorted({int(k.split(".")[2]) for k in state if k.startswith("mlp.layers.")})
    layers = [
        (state[f"mlp.layers.{k}.weight"].T, state[f"mlp.layers.{k}.bias"]) for k in names
    ]
    if any(weight.shape != (width, width) for weight, _ in layers[:-1]):
        raise CannotGenerateError("a readout of another width than its atoms")
    return tuple(layers[:-1]), (layers[-1][0][:, 0], float(layers[-1][1][0]))


def _bessel(basis: Any, state: Mapping[str, Array], kind: str) -> Functions:
    """The radial basis and its slopes, without the end of the cutoff function."""
    frequencies = state[f"{kind}_basis.frequencies"] * float(basis.inverse)
    cutoff, p = float(basis.cutoff), int(basis.p)
    powers = {0: 1.0, p: float(basis.a), p + 1: float(basis.b), p + 2: float(basis.c)}

    def function(r: Array) -> tuple[Array, Array]:
        d = r[:, None]
        phase = frequencies * d
        waves = float(basis.norm) * np.sin(phase) / d
        slopes = (float(basis.norm) * frequencies * np.cos(phase) - waves) / d
        x = d / cutoff
        envelope = sum(a * x**n for n, a in powers.items())
        fall = sum(a * n * x ** (n - 1) / cutoff for n, a in powers.items() if n)
        return envelope * waves, envelope * slopes + fall * waves

    return function


def _linear(basis: Functions, weight: Array) -> Functions:
    def function(x: Array) -> tuple[Array, Array]:
        value, slope = basis(x)
        return value @ weight, slope @ weight

    return function


def _beside(*functions: Functions) -> Functions:
    def function(x: Array) -> tuple[Array, Array]:
        both = [f(x) for f in functions]
        return np.concatenate([b[0] for b in both], 1), np.concatenate([b[1] for b in both], 1)

    return function


def _same_grid(functions: list[Functions], r_cut: float) -> tuple[SplineTable, ...]:
    most = max(tabulate(function, r_cut).intervals for function in functions)
    return tuple(tabulate(function, r_cut, most) for function in functions)


def _angle_tables(
    state: Mapping[str, Array], bond: Gate, angle: Gate
) -> tuple[SplineTable, SplineTable]:
    frequencies, embed = state["frequencies"], state["angle_embedding.weight"].T

    def waves(angles: Array) -> tuple[Array, Array]:
        phase = np.outer(angles, frequencies)
        one = np.ones((len(angles), 1))
        value = np.concatenate([one / np.sqrt(2), np.sin(phase), np.cos(phase)], 1)
        slope = np.concatenate(
            [0 * one, frequencies * np.cos(phase), -frequencies * np.sin(phase)], 1
        )
        return value / np.sqrt(np.pi), slope / np.sqrt(np.pi)

    of_angle = np.concatenate([embed @ angle.parts[2], embed], axis=1)
    functions = [_linear(waves, embed @ bond.parts[2]), _linear(waves, of_angle)]

    def make(function: Functions, at_least: int) -> SplineTable:
        return tabulate(function, np.pi, at_least, nearest=0.0, vanishing=False)

    most = max(make(function, 64).intervals for function in functions)
    return make(functions[0], most), make(functions[1], most)
