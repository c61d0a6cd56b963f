"""The generated header: everything about one model that kernel.cpp is compiled with."""

import numpy as np

from redoxmc.native.blob import Blob, pad
from redoxmc.native.emit_contraction import emit_contraction
from redoxmc.native.emit_convolution import emit_convolution
from redoxmc.native.emit_nodes import (
    Carry,
    Widths,
    emit_mixing,
    emit_node_maps,
    len_components,
    plan_carries,
)
from redoxmc.native.plan import Layer, Plan
from redoxmc.native.radial import COEFFICIENTS
from redoxmc.native.source import Source, closing, lanes_of, opening, round_up

_ACTIVATIONS = {"none": 0, "silu": 1, "tanh": 2}


def emit(plan: Plan, dtype: str, vector_bytes: int) -> Source:
    """Generate code in the precision dtype ("float32" or "float64").

    vector_bytes: size of the machine's vector registers; one number for a plain scalar build.
    """
    widths = _widths(plan, dtype, vector_bytes)
    blob = Blob()
    carries, carry_width = plan_carries(plan, widths)
    parts = [_harmonics(plan)]
    edge_flops, atom_flops = 0.0, 0.0
    for k in range(len(plan.layers)):
        code, per_edge, per_atom = _layer(plan, k, carries, blob, widths)
        parts.append(code)
        edge_flops += per_edge
        atom_flops += per_atom
    first = blob.add(pad(plan.first_features, widths.channels))
    hidden_out = blob.add(pad(plan.hidden_out, widths.hidden))
    rows = ", ".join("{" + ", ".join(str(int(x)) for x in row) + "}" for row in plan.pair_table)
    energies = ", ".join(repr(float(x)) for x in plan.energy_constants)
    head = f"""{opening("MACE", "mace.h", dtype, widths.lanes)}
constexpr int CHANNELS = {widths.channels}, HIDDEN = {widths.hidden};
constexpr int SPECIES = {plan.n_species}, N_LAYERS = {len(plan.layers)};
constexpr int N_HARMONICS = {(plan.l_max + 1) ** 2}, CARRY = {carry_width};
constexpr int COEFFICIENTS = {COEFFICIENTS};
constexpr int ACTIVATION = {_ACTIVATIONS[plan.activation]};
constexpr double ACTIVATION_SCALE = {plan.activation_scale!r}, R_CUT = {plan.r_cut!r};
constexpr int FIRST_FEATURES = {first}, HIDDEN_OUT = {hidden_out};
constexpr int PAIR[SPECIES][SPECIES] = {{{rows}}};
constexpr double ENERGY_CONSTANTS[SPECIES] = {{{energies}}};
"""
    header = head + '#include "mace_vectors.h"\n' + "\n".join(parts)
    return Source(header + closing(len(plan.layers)), blob.bytes(dtype), edge_flops, atom_flops)


def _widths(plan: Plan, dtype: str, vector_bytes: int) -> Widths:
    lanes = lanes_of(dtype, vector_bytes, plan.n_channels)
    hidden = len(plan.hidden_out)
    return Widths(round_up(plan.n_channels, lanes), round_up(hidden, lanes), lanes)


def _harmonics(plan: Plan) -> str:
    """Spherical harmonics of unit vectors and their derivatives, and the chain rule back."""
    values: list[str] = []
    slopes: list[str] = []
    chain: list[str] = []
    for m, polynomial in enumerate(plan.harmonics):
        if m == 0:
            continue
        values.append(f"st(Y + {m} * ns, {_polynomial(polynomial)});")
        for axis in range(3):
            slope: dict[tuple[int, int, int], float] = {
                _lower(exponents, axis): c * exponents[axis]
                for exponents, c in polynomial.items()
                if exponents[axis]
            }
            if slope:
                slopes.append(f"st(G + {len(slopes)} * ns, {_polynomial(slope)});")
                chain.append(f"g[{axis}] += G[{len(slopes) - 1} * ns] * dY[{m}];")
    n = "\n  "
    return f"""
constexpr int N_SLOPES = {len(slopes)};
static_assert(N_HARMONICS == {len(plan.harmonics)}, "");

// Harmonics of a unit vector, ns apart.
static inline void harmonics(V x, V y, V z, S *Y, int ns)
{{
  (void) x; (void) y; (void) z; (void) Y; (void) ns;
  {n.join(values)}
}}

// Their derivatives by x, y and z that are not zero, ns apart.
static inline void harmonic_slopes(V x, V y, V z, S *G, int ns)
{{
  (void) x; (void) y; (void) z; (void) G; (void) ns;
  {n.join(slopes)}
}}

static INLINE void direction_gradient(const S *G, int ns, const V *dY, V *g)
{{
  (void) G; (void) ns; (void) dY; (void) g;
  {n.join(chain)}
}}
"""


def _lower(exponents: tuple[int, int, int], axis: int) -> tuple[int, int, int]:
    a, b, c = (e - (k == axis) for k, e in enumerate(exponents))
    return a, b, c


def _polynomial(terms: dict[tuple[int, int, int], float]) -> str:
    parts = []
    for exponents, c in terms.items():
        factors = [f"S({c!r})"]
        for name, e in zip("xyz", exponents, strict=True):
            factors += [name] * e
        parts.append(" * ".join(factors) if len(factors) > 1 else f"({factors[0]} + V{{}})")
    return " + ".join(parts)


def _layer(
    plan: Plan, k: int, carries: list[Carry], blob: Blob, widths: Widths
) -> tuple[str, float, float]:
    layer, c = plan.layers[k], widths.channels
    convolution = emit_convolution(
        layer.paths, layer.degrees_in, (plan.l_max + 1) ** 2, first=k == 0
    )
    products = emit_contraction(layer.contraction)
    mixing, mixing_flops = emit_mixing(layer, convolution.scales, blob, widths)
    nodes, node_flops = emit_node_maps(plan, k, carries, blob, widths)
    coefficients = pad(layer.contraction.coefficients[:, list(products.order)], c)
    blocks = c // widths.lanes
    shape = (plan.n_species, len(products.order), blocks, widths.lanes)
    contraction = blob.add(coefficients.reshape(shape).swapaxes(1, 2))
    table = blob.add(_table(layer, len(layer.paths), plan.n_channels, widths))
    intervals = len(layer.tables[0].coefficients) - 1
    first, last = (str(k == end).lower() for end in (0, len(plan.layers) - 1))
    code = f"""
struct Layer{k} {{
  static constexpr int INDEX = {k}, PATHS = {len(layer.paths)}, PHI = {convolution.components};
  static constexpr int TERMS = {convolution.n_terms}, FEATURES = {len_components(layer.degrees_in)};
  static constexpr int PRODUCTS = {len_components(layer.degrees_out)};
  static constexpr int MONOMIALS = {len(products.order)}, INTERVALS = {intervals};
  static constexpr std::size_t TABLE = {table}, CONTRACTION = {contraction};
  static constexpr double STEP = {layer.tables[0].step!r};
  static constexpr bool FIRST = {first}, LAST = {last};
  using Radial = Quintic<PATHS>;
{convolution.code}{products.code}{mixing}{nodes}}};
"""

    contraction_flops = (products.flops[1] + products.flops[0]) * c
    per_edge = sum(convolution.flops) * c
    return code, float(per_edge), float(mixing_flops + node_flops + contraction_flops)


def _table(layer: Layer, n_paths: int, n_channels: int, widths: Widths) -> np.ndarray:
    """Radial table as [pair, interval, channel block, power, path, lane]."""
    stacked = np.stack([table.coefficients for table in layer.tables])
    pairs, rows = stacked.shape[:2]
    split = pad(stacked.reshape(pairs, rows, COEFFICIENTS, n_paths, n_channels), widths.channels)
    blocks = widths.channels // widths.lanes
    split = split.reshape(pairs, rows, COEFFICIENTS, n_paths, blocks, widths.lanes)
    return np.ascontiguousarray(split.transpose(0, 1, 4, 2, 3, 5))
