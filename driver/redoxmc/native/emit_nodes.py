"""C++ for the linear maps on the nodes: mixing of messages, and from products to what follows."""

from dataclasses import dataclass

import numpy as np

from redoxmc.native.blob import Blob, pad
from redoxmc.native.plan import Layer, Plan
from redoxmc.native.probe import Array


@dataclass(frozen=True)
class Widths:
    """Sizes padded to whole vectors."""

    channels: int
    hidden: int
    lanes: int


def _matrix(blob: Blob, maps: Array, rows: int, columns: int) -> tuple[int, int, str]:
    """Store matrices [species or 1, ..., in, out] and their transposes, padded.

    Returns both offsets and the C++ expression of the species' share of the offset.
    """
    padded = pad(maps, rows, columns)
    share = f" + z * {int(np.prod(padded.shape[1:]))}" if len(maps) > 1 else ""
    return blob.add(padded), blob.add(np.swapaxes(padded, -1, -2)), share


def emit_mixing(
    layer: Layer, scales: tuple[float, ...], blob: Blob, widths: Widths
) -> tuple[str, int]:
    """Write `mix` and `mix_adjoint`; returns code and operations per atom (both together)."""
    c = widths.channels
    forward, adjoint, flops = [], [], 0
    start = path = 0
    for degree in sorted(layer.mixing):
        maps = layer.mixing[degree]
        n, rows = maps.shape[1], 2 * degree + 1
        maps = maps * np.array(scales[path : path + n])[None, :, None, None]
        w, wt, share = _matrix(blob, maps, c, c)
        phi, a = f"{start} * CHANNELS", f"{degree**2} * CHANNELS"
        forward.append(f"mix_rows<{rows}, {n}>(Phi + {phi}, w + {w}{share}, A + {a});")
        adjoint.append(f"unmix_rows<{rows}, {n}>(dA + {a}, w + {wt}{share}, dPhi + {phi});")
        flops += 4 * rows * n * c * c
        start, path = start + n * rows, path + n
    n = "\n    "
    code = f"""
  static void mix(const S *w, int z, const S *Phi, S *A)
  {{
    (void) z;
    {n.join(forward)}
  }}

  static void mix_adjoint(const S *w, int z, const S *dA, S *dPhi)
  {{
    (void) z;
    {n.join(adjoint)}
  }}
"""
    return code, flops


@dataclass(frozen=True)
class Carry:
    """Where a layer leaves its share of something that a later layer completes."""

    source: int
    target: int | None
    offset: int
    width: int


def plan_carries(plan: Plan, widths: Widths) -> tuple[list[Carry], int]:
    """Shares that are not complete at once, with their places in an atom's carry array."""
    carries, offset = [], 0
    last = len(plan.layers) - 1
    for k, layer in enumerate(plan.layers):
        for target in layer.targets:
            if target.layer == k + 1 or (target.layer is None and k == last):
                continue
            if target.layer is None:
                width = widths.hidden
            else:
                width = len_components(plan.layers[target.layer].degrees_in) * widths.channels
            carries.append(Carry(k, target.layer, offset, width))
            offset += width
    return carries, offset


def len_components(degrees: tuple[int, ...]) -> int:
    """Components of features with these degrees."""
    return sum(2 * degree + 1 for degree in degrees)


def emit_node_maps(
    plan: Plan, k: int, carries: list[Carry], blob: Blob, widths: Widths
) -> tuple[str, int]:
    """Write `node_forward` and `node_adjoint` of layer k; returns code and operations per atom."""
    layer, c, last = plan.layers[k], widths.channels, k == len(plan.layers) - 1
    forward, adjoint, flops = [], [], 4 * c
    energy = blob.add(pad(layer.energy, c))
    forward.append(f"energy += dot(B, w + {energy} + z * CHANNELS);")
    adjoint.append(f"copy(dB, w + {energy} + z * CHANNELS, CHANNELS);")
    if len_components(layer.degrees_out) > 1:
        adjoint.append(f"zero(dB + CHANNELS, {len_components(layer.degrees_out) - 1} * CHANNELS);")
    for target in layer.targets:
        complete = target.layer == k + 1 or (target.layer is None and last)
        if target.layer is None:
            out, width, place = widths.hidden, widths.hidden, "n.hidden"
            constants = plan.hidden_constants
            gradient = "n.hidden_gradient"
        else:
            out = c
            width = len_components(plan.layers[target.layer].degrees_in) * c
            place, gradient = f"n.features[{target.layer}]", f"n.gradients[{target.layer}]"
            constants = plan.feature_constants[target.layer]
        if complete:
            start = blob.add(pad(constants, width))
            forward.append(f"copy({place}, w + {start} + z * {width}, {width});")
            forward += [
                f"add({place}, n.carry + {x.offset}, {width});"
                for x in carries
                if x.target == target.layer
            ]
        else:
            share_of = next(x for x in carries if (x.source, x.target) == (k, target.layer))
            place = f"(n.carry + {share_of.offset})"
            forward.append(f"zero({place}, {width});")
        for degree in sorted(target.maps):
            w, wt, share = _matrix(blob, target.maps[degree], c, out)
            rows = 2 * degree + 1
            source = _start(layer.degrees_out, degree)
            into = (
                0 if target.layer is None else _start(plan.layers[target.layer].degrees_in, degree)
            )
            x, y = f"{source} * CHANNELS", f"{into} * CHANNELS"
            forward.append(
                f"matmul<{rows}, CHANNELS, {out}>(B + {x}, CHANNELS, w + {w}{share}, "
                f"{place} + {y}, {out});"
            )
            adjoint.append(
                f"matmul<{rows}, {out}, CHANNELS>({gradient} + {y}, {out}, w + {wt}{share}, "
                f"dB + {x}, CHANNELS);"
            )
            flops += 4 * rows * c * out
    n = "\n    "
    code = f"""
  static void node_forward(const S *w, int z, const S *B, const Node &n, double &energy)
  {{
    (void) n;
    {n.join(forward)}
  }}

  static void node_adjoint(const S *w, int z, const Node &n, S *dB)
  {{
    (void) n;
    {n.join(adjoint)}
  }}
"""
    return code, flops


def _start(degrees: tuple[int, ...], degree: int) -> int:
    return len_components(degrees[: degrees.index(degree)])
