"""C++ for the tensor product of a layer and its adjoint, Clebsch-Gordan sums unrolled.

For an edge, Phi_q += R_p(r) * sum_m2 T_q,m2(direction) * H_m2, where T_q,m2 = sum_m1 C_q,m1,m2 Y_m1
are scalars and R, H, Phi vectors over channels.
"""

from dataclasses import dataclass

import numpy as np

from redoxmc.native.plan import TensorPath
from redoxmc.native.radial import COEFFICIENTS

_VALUE = 2 * (COEFFICIENTS - 1)  # operations of a radial function and of its derivative
_SLOPE = 2 * (COEFFICIENTS - 2)

Term = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Convolution:
    """Generated functions of one layer."""

    code: str  # members of a C++ class
    n_terms: int  # number of scalars per edge beside the harmonics
    # by path, what the tensor was divided by (to be multiplied into the mixing weights)
    scales: tuple[float, ...]
    components: int  # number of components of Phi
    # multiply-adds counted as two, per edge and channel, forward and adjoint
    flops: tuple[int, int]


def emit_convolution(
    paths: tuple[TensorPath, ...], degrees_in: tuple[int, ...], n_harmonics: int, first: bool
) -> Convolution:
    """Write `terms`, `convolve` and `convolve_adjoint` of a layer (first: H needs no gradient)."""
    names: dict[Term, str] = {((0, 1.0),): ""}
    for m in range(1, n_harmonics):
        names[((m, 1.0),)] = f"Y[{m} * ns]"
    definitions: list[str] = []
    forward: list[str] = []
    adjoint: list[str] = []
    scales = []
    flops = [0, 0]
    start = 0
    for p, path in enumerate(paths):
        scale = float(path.tensor[tuple(np.argwhere(np.abs(path.tensor) > 1e-10)[0])])
        tensor = path.tensor / scale
        scales.append(scale)
        terms: dict[tuple[int, int], tuple[str, Term]] = {}
        for q in range(tensor.shape[0]):
            for m2 in range(tensor.shape[2]):
                column = tensor[q, :, m2]
                term = tuple((int(m), float(column[m])) for m in np.flatnonzero(column))
                if not term:
                    continue
                key = tuple((m, round(c, 12)) for m, c in term)
                if key not in names:
                    names[key] = f"T[{len(definitions)} * ns]"
                    total = " + ".join(
                        f"S({c!r}) * ld(Y + {m} * ns)" if m else f"S({c!r}) + V{{}}"
                        for m, c in term
                    )
                    definitions.append(f"st(T + {len(definitions)} * ns, {total});")
                terms[q, m2] = (names[key], term)
        before = degrees_in[: degrees_in.index(path.degree_in)]
        base = sum(2 * degree + 1 for degree in before)
        _forward(forward, p, start, base, terms, tensor.shape, flops)
        _adjoint(adjoint, p, start, base, terms, tensor.shape, flops, first)
        start += tensor.shape[0]
    n = "\n    "
    code = f"""
  static void terms(const S *Y, S *T, int ns)
  {{
    {n.join(definitions)}
  }}

  static INLINE void convolve(const Radial &radial, const V *H, const S *Y, const S *T, int ns,
                              V *Phi)
  {{
    {n.join(forward)}
  }}

  // D: gradient of Phi. Adds to gr (along r, in table intervals), dH and dY.
  static INLINE void convolve_adjoint(const Radial &radial, const V *H, const S *Y, const S *T,
                                      int ns, const S *D, V &gr, V *dH, V *dY)
  {{
    {n.join(adjoint)}
  }}
"""
    return Convolution(code, len(definitions), tuple(scales), start, (flops[0], flops[1]))


def _times(name: str, value: str) -> str:
    return f"{name} * {value}" if name else value


def _forward(
    lines: list[str],
    p: int,
    start: int,
    base: int,
    terms: dict[tuple[int, int], tuple[str, Term]],
    shape: tuple[int, ...],
    flops: list[int],
) -> None:
    rows, columns = shape[0], shape[2]
    lines.append(f"{{ const V R = radial.value<{p}>();")
    flops[0] += _VALUE + 2 * len(terms)
    if columns <= rows:
        for m2 in range(columns):
            lines.append(f"  const V h{m2} = R * H[{base + m2}];")
        flops[0] += columns
        for (q, m2), (name, _) in terms.items():
            lines.append(f"  Phi[{start + q}] += {_times(name, f'h{m2}')};")
    else:
        flops[0] += rows
        for q in range(rows):
            total = " + ".join(
                _times(name, f"H[{base + m2}]") for (k, m2), (name, _) in terms.items() if k == q
            )
            lines.append(f"  Phi[{start + q}] += R * ({total});")
    lines.append("}")


def _adjoint(
    lines: list[str],
    p: int,
    start: int,
    base: int,
    terms: dict[tuple[int, int], tuple[str, Term]],
    shape: tuple[int, ...],
    flops: list[int],
    first: bool,
) -> None:
    rows, columns = shape[0], shape[2]
    lines.append(f"{{ V R, slope; radial.both<{p}>(R, slope); V g = V{{}};")
    flops[1] += _VALUE + _SLOPE + 2
    for q in range(rows):
        lines.append(f"  const V d{q} = ld(D + {start + q} * CHANNELS);")
    for m2 in range(columns):
        here = [(q, *terms[q, m2]) for q in range(rows) if (q, m2) in terms]
        if not here:
            continue
        total = " + ".join(_times(name, f"d{q}") for q, name, _ in here)
        lines.append(f"  {{ const V Z = {total}; g += Z * H[{base + m2}];")
        flops[1] += 2 * len(here) + 2
        if not first:
            lines.append(f"    dH[{base + m2}] += R * Z;")
            flops[1] += 2
        directed = [(q, term) for q, _, term in here if any(m for m, _ in term)]
        if directed:
            lines.append(f"    const V h = R * H[{base + m2}];")
            flops[1] += 1
        for q, term in directed:
            parts = [(m, c) for m, c in term if m]
            if len(parts) == 1 and parts[0][1] == 1.0:
                lines.append(f"    dY[{parts[0][0]}] += d{q} * h;")
                flops[1] += 2
                continue
            sums = " ".join(f"dY[{m}] += S({c!r}) * t;" for m, c in parts)
            lines.append(f"    {{ const V t = d{q} * h; {sums} }}")
            flops[1] += 1 + 2 * len(parts)
        lines.append("  }")
    lines.append("  gr += slope * g; }")
