"""Reading a MACE model into a plan."""

from typing import Any

import numpy as np
import torch

from redoxmc.native import angular, probe
from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.linear_maps import LinearMaps
from redoxmc.native.plan import Indices, Layer, Plan, Target, TensorPath
from redoxmc.native.probe import Array
from redoxmc.native.radial import tabulate
from redoxmc.native.readout import hidden_readout, linear_readouts

RESIDUAL = "RealAgnosticResidualInteractionBlock"
PLAIN = "RealAgnosticInteractionBlock"


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
        for degree_set in degrees:
            if len(set(degree_set)) < len(degree_set):
                raise CannotGenerateError("hidden irreps with both parities of a degree")
            if max(degree_set) > self.l_max:
                raise CannotGenerateError("hidden irreps beyond the spherical harmonics")
        skips = [
            self._skip(k, degrees[k], degrees[k + 1]) if residual[k] else {}
            for k in range(len(self.interactions))
        ]
        linear = [
            probe.block_maps(p.linear, self._blocks(d), self._blocks(d))
            for p, d in zip(self.products, degrees[1:], strict=True)
        ]
        ups = [self._up(k, d) for k, d in enumerate(degrees[:-1])]
        between = LinearMaps(skips, linear, self.n_rows)
        pairs, pair_table = self._pairs()
        first = probe.numbers(self.embedding)
        hidden = hidden_readout(self.readouts[-1], self._blocks(degrees[-1]))
        energies = linear_readouts(self.readouts, [self._blocks(d) for d in degrees[1:]])
        n, c = len(self.interactions), self.n_channels
        layers = []
        for k in range(n):
            targets = [Target(j, between.from_products(k, j - 1, ups[j])) for j in range(k + 1, n)]
            if hidden.inputs is not None:
                targets.append(Target(None, between.from_products(k, n - 1, {0: hidden.inputs})))
            energy = np.zeros((self.n_rows, c))
            for j in range(k, n):
                if j in energies:
                    shares = between.from_products(k, j, {0: energies[j][:, None]})
                    energy += shares[0][:, :, 0] if 0 in shares else 0.0
            layers.append(self._layer(k, degrees, pairs, targets, scale * energy, residual[k]))
        start = between.constants(first)
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
            empty if hidden.inputs is None else start[n - 1] @ hidden.inputs,
            scale * hidden.out,
            hidden.activation,
            hidden.scale,
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
            TensorPath(*p)
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
