"""The generated header of a CHGNet model: sizes, and where its numbers are."""

import numpy as np

from redoxmc.native.blob import Blob, pad
from redoxmc.native.chgnet import ChgnetPlan, Gate
from redoxmc.native.probe import Array
from redoxmc.native.source import Source, closing, lanes_of, opening, round_up
from redoxmc.native.splines import COEFFICIENTS, SplineTable, basis

_ANGLES = 56  # of an atom, for an estimate of the work


def emit_chgnet(plan: ChgnetPlan, dtype: str, vector_bytes: int) -> Source:
    """Generate code in the precision dtype; arguments as those of `emit.emit`."""
    return _Writer(plan, lanes_of(dtype, vector_bytes, plan.width // 4)).source(dtype)


class _Writer:
    """Collects the numbers of one model and what C++ must know of them."""

    def __init__(self, plan: ChgnetPlan, lanes: int) -> None:
        self.plan, self.lanes, self.blob = plan, lanes, Blob()
        self.panel = 4 * lanes
        self.width = round_up(plan.width, self.panel)

    def source(self, dtype: str) -> Source:
        plan, n = self.plan, len(self.plan.bonds)
        splines = ", ".join(_list(map(repr, row)) for row in basis().T.tolist())
        edge, angle, bond = plan.edges[0], plan.angle[0], plan.bond
        atoms = (
            self._layer(c.gate, c.out, self._table(table))
            for c, table in zip(plan.atoms, plan.edges, strict=True)
        )
        zero = np.zeros((plan.width, plan.width))
        readout = [self._matrix(weight) for weight, _ in plan.readout]
        header = f"""{opening("CHGNet", "chgnet.h", dtype, self.lanes, exchanges=False)}
#include "chgnet_layout.h"
constexpr int WIDTH = {self.width}, FEATURES = {plan.width}, N_LAYERS = 1, CARRY = 0;
constexpr int N_BOND_LAYERS = {n}, N_READOUT = {len(readout)};
constexpr double NORM_EPS = 1e-5, BOND_CUTOFF = {plan.bond_cutoff!r};
constexpr int COEFFICIENTS = {COEFFICIENTS};
constexpr double SPLINE[COEFFICIENTS][COEFFICIENTS] = {{{splines}}};
constexpr int EDGE_INTERVALS = {edge.intervals}, BOND_INTERVALS = {bond.intervals};
constexpr int ANGLE_INTERVALS = {angle.intervals};
constexpr double EDGE_STEP = {edge.step!r}, BOND_STEP = {bond.step!r};
constexpr double ANGLE_STEP = {angle.step!r};
constexpr std::size_t EMBEDDING = {self.blob.add(pad(plan.embedding, self.width))};
constexpr AtomLayer ATOMS[] = {_list(atoms)};
constexpr AngleLayer BONDS[] = {_list(self._layer(c.gate, c.out) for c in plan.bonds)};
constexpr AngleLayer ANGLES[] = {_list([*(self._layer(g, zero) for g in plan.angles), "{}"])};
constexpr std::size_t BOND_TABLE = {self._table(bond)};
constexpr std::size_t BOND_ANGLE_TABLE = {self._table(angle)};
constexpr std::size_t ANGLE_TABLE = {self._table(plan.angle[1])};
constexpr Matrix READOUT[] = {_list(readout)};
constexpr std::size_t READOUT_BIAS[] = {_list(self._rows(bias) for _, bias in plan.readout)};
constexpr std::size_t NORM_SCALE = {self._rows(plan.norm[0])};
constexpr std::size_t NORM_SHIFT = {self._rows(plan.norm[1])};
constexpr std::size_t ENERGY = {self._rows(plan.energy[0])};
constexpr std::size_t MOMENT = {self._rows(plan.moment[0])};
constexpr double ENERGY_CONSTANT = {plan.energy[1]!r}, MOMENT_CONSTANT = {plan.moment[1]!r};
constexpr const char *OUTPUTS = "moment";
struct Layer0 {{ static constexpr bool FIRST = true, LAST = true; }};
"""
        per_edge, per_atom = self._flops()
        return Source(header + closing(1), self.blob.bytes(dtype), per_edge, per_atom)

    def _layer(self, gate: Gate, out: Array, *more: int) -> str:
        """Initializer of an AtomLayer or AngleLayer."""
        parts = [self._matrix(part) for part in (*gate.parts, out)]
        return _list([*parts, self._gate(gate), *more])

    def _gate(self, gate: Gate) -> str:
        second = gate.second or (np.zeros((1, 1)), np.zeros((1, 1)))
        rows = (gate.bias, gate.second_bias, gate.scale, gate.shift)
        return _list([*(self._matrix(m) for m in second), *(self._rows(r) for r in rows)])

    def _matrix(self, weight: Array) -> str:
        """Store a matrix and its transpose, in panels of columns; the initializer of a Matrix."""
        padded = self._padded(self._padded(weight).T).T
        return _list([self._panels(padded), self._panels(padded.T)])

    def _panels(self, weight: Array, width: int = 0) -> int:
        split = weight.reshape(*weight.shape[:-1], -1, width or self.panel)
        return self.blob.add(np.moveaxis(split, -2, 0))

    def _rows(self, values: Array) -> int:
        return self.blob.add(self._padded(values))

    def _table(self, table: SplineTable) -> int:
        return self._panels(self._padded(table.coefficients), 2 * self.lanes)

    def _padded(self, values: Array) -> Array:
        """The last axis with each part of one width padded."""
        parts = max(1, values.shape[-1] // self.plan.width)
        return pad(values.reshape(*values.shape[:-1], parts, -1), self.width).reshape(
            *values.shape[:-1], -1
        )

    def _flops(self) -> tuple[float, float]:
        """Operations per edge and per atom, of energy and forces together.

        Products alone; as many angles as atoms have in an oxide.
        """
        w, n = self.plan.width, len(self.plan.bonds)
        edge = 4 * w * w * (3 * n + 2) + 4 * COEFFICIENTS * 3 * w * (2 * n + 2)
        angle = 4 * w * w * (3 * n + 3 * (n - 1) + 3 * (n - 2))
        return float(edge), float(angle * _ANGLES)


def _list(values: object) -> str:
    return "{" + ", ".join(str(value) for value in values) + "}"  # type: ignore[attr-defined]
