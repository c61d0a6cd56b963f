"""The generated header of a cPaiNN model: sizes, and where its numbers are."""

import numpy as np

from redoxmc.native.blob import Blob, pad
from redoxmc.native.cpainn import Dense, PainnPlan
from redoxmc.native.probe import Array
from redoxmc.native.source import Source, closing, lanes_of, opening, round_up
from redoxmc.native.splines import COEFFICIENTS, basis


def emit_cpainn(plan: PainnPlan, dtype: str, vector_bytes: int) -> Source:
    """Generate code in the precision dtype; arguments as those of `emit.emit`."""
    lanes = lanes_of(dtype, vector_bytes, plan.width)
    return _Writer(plan, lanes).source(dtype)


class _Writer:
    """Collects the numbers of one model and what C++ must know of them."""

    def __init__(self, plan: PainnPlan, lanes: int) -> None:
        self.plan, self.lanes, self.blob = plan, lanes, Blob()
        self.width = round_up(plan.width, lanes)
        self.hidden = round_up(len(plan.heads["energy"][0].bias), lanes)

    def source(self, dtype: str) -> Source:
        plan, n = self.plan, len(self.plan.layers)
        layers = "\n".join(self._layer(k) for k in range(n))
        names = list(plan.heads)
        hidden = [self._matrix(plan.heads[name][0], 1, 1, self.hidden) for name in names]
        outs = [self.blob.add(pad(plan.heads[name][1].weight[:, 0], self.hidden)) for name in names]
        constants = [float(plan.heads[name][1].bias[0]) for name in names]
        table = plan.layers[0].table
        splines = ", ".join(_list(map(repr, row)) for row in basis().T.tolist())
        head = f"""{opening("cPaiNN", "cpainn.h", dtype, self.lanes)}
#include <cstddef>
constexpr int WIDTH = {self.width}, HEAD = {self.hidden}, N_HEADS = {len(names)};
constexpr int N_LAYERS = {n}, CARRY = {(n - 1) * self.width};
constexpr int COEFFICIENTS = {COEFFICIENTS}, INTERVALS = {table.intervals};
constexpr double STEP = {table.step!r};
constexpr double SPLINE[COEFFICIENTS][COEFFICIENTS] = {{{splines}}};
constexpr std::size_t EMBEDDING = {self.blob.add(pad(plan.embedding, self.width))};
constexpr std::size_t FIRST_FEATURES = {self.blob.add(self._first_features())};
constexpr std::size_t HEAD_IN[] = {_list(h[0] for h in hidden)};
constexpr std::size_t HEAD_BIAS[] = {_list(h[1] for h in hidden)};
constexpr std::size_t HEAD_IN_ADJOINT = {hidden[0][2]}, HEAD_OUT[] = {_list(outs)};
constexpr double HEAD_CONSTANT[] = {_list(map(repr, constants))};
constexpr const char *OUTPUTS = "{" ".join(names[1:])}";
"""
        edge, atom = self._flops()
        return Source(head + layers + closing(n), self.blob.bytes(dtype), edge, atom)

    def _layer(self, k: int) -> str:
        layer, last = self.plan.layers[k], k == len(self.plan.layers) - 1
        width = self.plan.width
        # gates of vectors, of their product, of scalars; the first are not used in the last layer
        gates = layer.update[1]
        used = Dense(gates.weight[:, width:], gates.bias[width:]) if last else gates
        offsets = {"TABLE": self.blob.add(self._table(k))}
        mix = Dense(layer.mix, np.zeros(2 * width))
        perceptrons = [("MIX", mix, 1, 2), ("IN", layer.update[0], 2, 1)]
        perceptrons += [("OUT", used, 1, 2 if last else 3)]
        if not last:
            message = self.plan.layers[k + 1].message
            perceptrons += [("SEND_IN", message[0], 1, 1), ("SEND_OUT", message[1], 1, 3)]
        for name, dense, rows, columns in perceptrons:
            weight, bias, adjoint = self._matrix(dense, rows, columns, self.width)
            offsets |= {name: weight, f"{name}_BIAS": bias, f"{name}_ADJOINT": adjoint}
        places = ", ".join(f"{name} = {offset}" for name, offset in offsets.items())
        return f"""struct Layer{k} {{
  static constexpr int INDEX = {k};
  static constexpr bool FIRST = {str(k == 0).lower()}, LAST = {str(last).lower()};
  static constexpr std::size_t {places};
}};"""

    def _matrix(self, dense: Dense, rows: int, columns: int, width: int) -> tuple[int, int, int]:
        """Store weight, bias and transposed weight, each part of them padded; their places.

        rows, columns: how many parts of one width each side has.
        """
        n_in, n_out = dense.weight.shape[0] // rows, dense.weight.shape[1] // columns
        weight = dense.weight.reshape(rows, n_in, columns, n_out).swapaxes(1, 2)
        padded = pad(weight, self.width, width).swapaxes(1, 2)
        padded = padded.reshape(rows * self.width, columns * width)
        bias = pad(dense.bias.reshape(columns, n_out), width)
        return self.blob.add(padded), self.blob.add(bias), self.blob.add(padded.T)

    def _blocks(self, values: Array) -> Array:
        """[..., parts * width] as [blocks, ..., parts, lanes]."""
        parts = values.shape[-1] // self.plan.width
        split = pad(values.reshape(*values.shape[:-1], parts, self.plan.width), self.width)
        split = split.reshape(*split.shape[:-1], self.width // self.lanes, self.lanes)
        return np.moveaxis(split, -2, 0)

    def _table(self, k: int) -> Array:
        """[block, coefficient, filter, lane]; the third filter of layer 0 is never used."""
        coefficients = self.plan.layers[k].table.coefficients
        return self._blocks(coefficients[..., : (3 if k else 2) * self.plan.width])

    def _first_features(self) -> Array:
        """What the species alone makes of an atom: [species, block, phi1 phi2, lane]."""
        hidden, out = self.plan.layers[0].message
        x = self.plan.embedding @ hidden.weight + hidden.bias
        sent = (x / (1 + np.exp(-x))) @ out.weight + out.bias
        return self._blocks(sent[:, : 2 * self.plan.width]).swapaxes(0, 1)

    def _flops(self) -> tuple[float, float]:
        """Operations per edge and per atom, of energy and forces together."""
        w, n = self.plan.width, len(self.plan.layers)
        # a filter (half of an evaluation: one serves an edge and its reverse), messages, adjoints
        filters = 6 * COEFFICIENTS / 2
        edge = w * sum((3 if k else 2) * filters + (70 if k else 30) for k in range(n))
        dense = sum(3 * 2 + 2 + (3 if k < n - 1 else 2) for k in range(n)) + 4 * (n - 1)
        return float(edge), float(4 * w * w * dense + 4 * w * self.hidden)


def _list(values: object) -> str:
    return "{" + ", ".join(str(value) for value in values) + "}"  # type: ignore[attr-defined]
