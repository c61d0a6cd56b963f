"""What a MACE model computes, as arrays: the input of code generation.

With B_k the products of layer k, everything later is affine in B_0 ... B_k and the atom's species:
the features of every further layer, the hidden units of the readout, and the energies. So the maps
between (product linear, skip, next linear_up, readout) are multiplied together here, once.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from redoxmc.native import angular, probe
from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.probe import Array
from redoxmc.native.radial import RadialTable, tabulate

Indices = npt.NDArray[np.int32]
RESIDUAL = "RealAgnosticResidualInteractionBlock"
PLAIN = "RealAgnosticInteractionBlock"


@dataclass(frozen=True)
class Path:
    """One path of a tensor product: degrees in and out, tensor [2*out+1, (l_max+1)^2, 2*in+1]."""

    degree_in: int
    degree_out: int
    tensor: Array


@dataclass(frozen=True)
class Target:
    """Something affine in the products of a layer: features of a later layer, or hidden units.

    layer: whose features, or None for the hidden units of the readout.
    maps: by degree, matrices [species or 1, channels, channels or hidden units].
    """

    layer: int | None
    maps: dict[int, Array]


@dataclass(frozen=True)
class Layer:
    """One interaction with its product.

    degrees_in: of the features it receives. paths: sorted by degree_out. tables: radial functions
    by pair of species (one where they do not depend on it), columns ordered (path, channel).
    mixing: by degree, [species or 1, paths of that degree, channels, channels].
    energy: [species, channels], the linear readout applied to the scalar products.
    """

    degrees_in: tuple[int, ...]
    paths: tuple[Path, ...]
    tables: tuple[RadialTable, ...]
    mixing: dict[int, Array]
    contraction: angular.Contraction
    targets: tuple[Target, ...]
    energy: Array

    @property
    def degrees_out(self) -> tuple[int, ...]:
        """Degrees of the products."""
        return self.contraction.degrees


@dataclass(frozen=True)
class Plan:
    """A MACE model without torch.

    first_features: [species, channels], what layer 0 receives from a neighbour.
    feature_constants: by layer, [species, channels] added to its scalar features.
    hidden_constants: [species, hidden]. hidden_out: [hidden], from activated units to eV.
    activation: "silu", "tanh" or "none".
    energy_constants: [species] in eV, without reference energies. pair_table: [species, species]
    index into Layer.tables.
    """

    l_max: int
    n_species: int
    n_channels: int
    r_cut: float
    harmonics: list[dict[tuple[int, int, int], float]]
    pair_table: Indices
    layers: tuple[Layer, ...]
    first_features: Array
    feature_constants: dict[int, Array]
    hidden_constants: Array
    hidden_out: Array
    activation: str
    activation_scale: float
    energy_constants: Array
    notes: dict[str, Any] = field(default_factory=dict)


def read_plan(model: Any) -> Plan:
    """Read a mace-torch MACE (or the scripted submodule `model` of an exported one).

    Works on a float64 copy of the numbers. Raises CannotGenerateError naming the feature that
    native code cannot be generated for.
    """
    _refuse_unknown(model)
    return _Reader(model.double()).plan()


def _refuse_unknown(model: Any) -> None:
    kind = probe.class_name(model)
    if kind not in ("MACE", "ScaleShiftMACE"):
        raise CannotGenerateError(f"the model class {kind}")
    if hasattr(model, "pair_repulsion_fn"):
        raise CannotGenerateError("pair repulsion (ZBL)")
    if hasattr(model, "joint_embedding"):
        raise CannotGenerateError("a joint embedding of global features")
    for interaction in probe.children(model.interactions):
        name = probe.class_name(interaction)
        if name not in (RESIDUAL, PLAIN):
            raise CannotGenerateError(f"the interaction class {name}")


class _Reader:
    """Collects the pieces of one model; see read_plan."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.interactions = probe.children(model.interactions)
        self.products = probe.children(model.products)
        self.readouts = probe.children(model.readouts)
        self.n_rows = len(model.atomic_numbers)
        self.nodes = probe.one_hot(self.n_rows)
        self.embedding = model.node_embedding(self.nodes)
        self.n_channels = self.embedding.shape[1]
        self.contractions = [
            angular.symmetric_contraction(p.symmetric_contractions, self.n_rows)
            for p in self.products
        ]
        probe_direction = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
        n_harmonics = model.spherical_harmonics(probe_direction).shape[1]
        self.l_max = round(n_harmonics**0.5) - 1

    def plan(self) -> Plan:
        if len(self.readouts) not in (1, len(self.interactions)):
            raise CannotGenerateError("readouts of some layers only")
        scale, shift = self._scale_shift()
        residual = [probe.class_name(i) == RESIDUAL for i in self.interactions]
        degrees = [(0,)] + [c.degrees for c in self.contractions]
        skips = [
            self._skip(k, degrees[k], degrees[k + 1]) if residual[k] else {}
            for k in range(len(self.interactions))
        ]
        linear = [
            probe.block_maps(p.linear, self._blocks(d), self._blocks(d))
            for p, d in zip(self.products, degrees[1:], strict=True)
        ]
        ups = [self._up(k, d) for k, d in enumerate(degrees[:-1])]
        chain = _Chain(skips, linear, self.n_rows)
        pairs, pair_table = self._pairs()
        first = probe.numbers(self.embedding)
        hidden_in, hidden_out, activation, activation_scale = self._hidden_readout(degrees[-1])
        energies = self._linear_readouts(degrees)
        n, c = len(self.interactions), self.n_channels
        layers = []
        for k in range(n):
            targets = [Target(j, chain.from_products(k, j - 1, ups[j])) for j in range(k + 1, n)]
            if hidden_in is not None:
                targets.append(Target(None, chain.from_products(k, n - 1, {0: hidden_in})))
            energy = np.zeros((self.n_rows, c))
            for j in range(k, n):
                if j in energies:
                    shares = chain.from_products(k, j, {0: energies[j][:, None]})
                    energy += shares[0][:, :, 0] if 0 in shares else 0.0
            layers.append(self._layer(k, degrees, pairs, targets, scale * energy, residual[k]))
        start = chain.constants(first)
        constants = shift + scale * sum(
            (start[j] @ v for j, v in energies.items()), start=np.zeros(self.n_rows)
        )
        empty = np.zeros((self.n_rows, 0))
        return Plan(
            self.l_max,
            self.n_rows,
            self.n_channels,
            float(self.model.r_max),
            angular.harmonic_polynomials(self.model.spherical_harmonics, self.l_max),
            pair_table,
            tuple(layers),
            first @ ups[0][0],
            {j: start[j - 1] @ ups[j][0] for j in range(1, n)},
            empty if hidden_in is None else start[n - 1] @ hidden_in,
            scale * hidden_out,
            activation,
            activation_scale,
            constants,
        )

    def _blocks(self, degrees: tuple[int, ...]) -> list[tuple[int, int]]:
        return [(self.n_channels, degree) for degree in degrees]

    def _up(self, k: int, degrees: tuple[int, ...]) -> dict[int, Array]:
        """Linear map of the features before they are sent."""
        apply, blocks = self.interactions[k].linear_up, self._blocks(degrees)
        width = sum(n * (2 * degree + 1) for n, degree in blocks)
        if apply(torch.zeros(1, width, dtype=torch.float64)).shape[1] != width:
            raise CannotGenerateError("edge irreps that differ from the hidden irreps")
        return probe.block_maps(apply, blocks, blocks)

    def _scale_shift(self) -> tuple[float, float]:
        if not hasattr(self.model, "scale_shift"):
            return 1.0, 0.0
        scale = probe.numbers(self.model.scale_shift.scale).ravel()
        shift = probe.numbers(self.model.scale_shift.shift).ravel()
        if len(scale) != 1:
            raise CannotGenerateError("several heads")
        return float(scale[0]), float(shift[0])

    def _pairs(self) -> tuple[list[tuple[int, int]], Indices]:
        if not hasattr(self.model.radial_embedding, "distance_transform"):
            return [(0, 0)], np.zeros((self.n_rows, self.n_rows), dtype=np.int32)
        pairs = [(a, b) for a in range(self.n_rows) for b in range(a, self.n_rows)]
        table = np.zeros((self.n_rows, self.n_rows), dtype=np.int32)
        for k, (a, b) in enumerate(pairs):
            table[a, b] = table[b, a] = k
        return pairs, table

    def _skip(
        self, k: int, degrees_in: tuple[int, ...], degrees_out: tuple[int, ...]
    ) -> dict[int, Array]:
        by_species = []
        for node in self.nodes:

            def skip(x: torch.Tensor, node: torch.Tensor = node) -> torch.Tensor:
                result: torch.Tensor = self.interactions[k].skip_tp(x, node.expand(len(x), -1))
                return result

            by_species.append(
                probe.block_maps(skip, self._blocks(degrees_in), self._blocks(degrees_out))
            )
        return {degree: np.stack([maps[degree] for maps in by_species]) for degree in by_species[0]}

    def _layer(
        self,
        k: int,
        degrees: list[tuple[int, ...]],
        pairs: list[tuple[int, int]],
        targets: list[Target],
        energy: Array,
        residual: bool,
    ) -> Layer:
        interaction, c = self.interactions[k], self.n_channels
        paths = [
            Path(*p)
            for p in probe.convolution_tensors(interaction.conv_tp, c, list(degrees[k]), self.l_max)
        ]
        if [p.degree_out for p in paths] != sorted(p.degree_out for p in paths):
            raise CannotGenerateError("a tensor product whose paths are not sorted by degree")
        tables = tuple(
            tabulate(
                probe.radial_functions(self.model, interaction.conv_tp_weights, pair, self.n_rows),
                float(self.model.r_max),
            )
            for pair in pairs
        )
        if len({table.step for table in tables}) > 1:  # one grid for all pairs of a layer
            raise CannotGenerateError("radial functions that need tables of different sizes")
        degrees_edge = tuple(range(self.l_max + 1))
        counts = {d: sum(p.degree_out == d for p in paths) for d in degrees_edge}
        mid = [(counts[d] * c, d) for d in degrees_edge if counts[d]]
        out = self._blocks(degrees_edge)
        mixed = probe.block_maps(interaction.linear, mid, out)
        mixing = {
            d: m.reshape(1, counts[d], c, c) / float(interaction.avg_num_neighbors)
            for d, m in mixed.items()
        }
        if not residual:
            skip = self._skip(k, degrees_edge, degrees_edge)
            mixing = {d: np.einsum("pab,zbc->zpac", m[0], skip[d]) for d, m in mixing.items()}
        return Layer(
            degrees[k], tuple(paths), tables, mixing, self.contractions[k], tuple(targets), energy
        )

    def _linear_readouts(self, degrees: list[tuple[int, ...]]) -> dict[int, Array]:
        """Vectors [channels] by layer."""
        result = {}
        for index, readout in enumerate(self.readouts):
            layer = index if len(self.readouts) > 1 else len(self.interactions) - 1
            if not hasattr(readout, "linear"):
                continue
            blocks = self._blocks(degrees[layer + 1])
            result[layer] = probe.block_maps(readout.linear, blocks, [(1, 0)])[0][:, 0]
        return result

    def _hidden_readout(self, degrees: tuple[int, ...]) -> tuple[Array | None, Array, str, float]:
        last = self.readouts[-1]
        if hasattr(last, "linear"):
            return None, np.zeros(0), "none", 1.0
        if not hasattr(last, "linear_1") or hasattr(last, "linear_mid"):
            raise CannotGenerateError(f"the readout class {probe.class_name(last)}")
        out = probe.numbers(last.linear_2.weight)
        n_hidden = int(out.size)
        hidden_in = probe.block_maps(last.linear_1, self._blocks(degrees), [(n_hidden, 0)])[0]
        hidden_out = probe.block_maps(last.linear_2, [(n_hidden, 0)], [(1, 0)])[0][:, 0]
        points = torch.linspace(-3.0, 3.0, 13, dtype=torch.float64)
        found = probe.numbers(last.non_linearity(points[:, None].expand(-1, n_hidden)))[:, 0]
        forms = {"silu": torch.nn.functional.silu, "tanh": torch.tanh, "none": lambda x: x}
        for name, form in forms.items():
            exact = probe.numbers(form(points))
            scale = float(found @ exact / (exact @ exact))
            if np.abs(found - scale * exact).max() < 1e-10:
                return hidden_in, hidden_out, name, scale
        raise CannotGenerateError("a readout activation other than silu and tanh")


class _Chain:
    """Products of the maps between layers.

    F_k = B_k P_k + F_(k-1) S_k[species], with S_k absent in layers without a skip connection.
    """

    def __init__(
        self, skips: list[dict[int, Array]], linear: list[dict[int, Array]], n_rows: int
    ) -> None:
        self.skips, self.linear, self.n_rows = skips, linear, n_rows

    def from_products(self, k: int, j: int, last: dict[int, Array]) -> dict[int, Array]:
        """Maps from B_k to F_j times `last`, by degree: [species or 1, channels, width of last]."""
        maps = {degree: m[None] for degree, m in self.linear[k].items()}
        for layer in range(k + 1, j + 1):
            skip = self.skips[layer]
            maps = {degree: m @ skip[degree] for degree, m in maps.items() if degree in skip}
        return {degree: m @ last[degree] for degree, m in maps.items() if degree in last}

    def constants(self, embedding: Array) -> list[Array]:
        """What the species alone gives to the scalars of each F_k: [species, channels]."""
        result, current = [], embedding
        for skip in self.skips:
            current = np.einsum("zc,zcd->zd", current, skip[0]) if skip else 0 * current
            result.append(current)
        return result
