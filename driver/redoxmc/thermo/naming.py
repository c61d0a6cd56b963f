"""A plain-language name for a charge order: the family of planes whose layers it follows best."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CLEAR = 0.9
_VISIBLE = 0.5
_WEAK = 0.05
_MAX_DENOMINATOR = 60  # of a component of q: repeats of the host cell


@dataclass(frozen=True)
class LayerOrder:
    """How far a charge order is a stacking of layers."""

    # (h, k, l), normal to the layers, in reciprocal vectors of the host's unit cell
    indices: tuple[int, int, int]
    # mean occupation of each layer in one repeat of the stacking, in order along the normal
    layers: tuple[float, ...]
    # adjusted R²: the part of the variance of the occupation that the layers explain, beyond what
    # as many random groups would; 1 for a perfect stacking, about 0 for none
    strength: float

    @property
    def visible(self) -> bool:
        """Whether the layers explain at least half of the pattern."""
        return self.strength >= _VISIBLE


def dominant_layers(
    occupancy: ArrayLike,
    fractional: ArrayLike,
    repeats: tuple[int, int, int],
    max_index: int = 2,
    tolerance: float = 0.1,
) -> LayerOrder | None:
    """Find the family of lattice planes whose layers explain a charge order best.

    occupancy: [n], electrons above the most oxidised state: of a couple 1 reduced, 0 oxidised.
    fractional: [n, 3], in vectors of the supercell.
    repeats: unit cells of the host along each of them. max_index: largest h, k, l tried, in
    reciprocal vectors of the host cell. tolerance: sites whose phases differ by less than this
    share of a plane spacing lie in one layer, so that puckering does not split it.

    Returns None where all sites are alike, or no family groups the sites. Ties go to low indices.
    """
    sigma = np.asarray(occupancy, dtype=np.float64)
    if sigma.min() == sigma.max():
        return None
    cells = np.asarray(fractional, dtype=np.float64) * np.array(repeats)
    best: LayerOrder | None = None
    for hkl in sorted(_planes(max_index), key=lambda i: (sum(map(abs, i)), i)):
        # A translation by a supercell vector changes the phase by h n: that is the same layer.
        period = math.gcd(*(i * n for i, n in zip(hkl, repeats, strict=True)))
        groups = _layers(cells @ np.array(hkl, dtype=np.float64), float(period), tolerance)
        means = np.array([sigma[g].mean() for g in groups])
        strength = _adjusted(sigma, groups, means)
        if strength is not None and (best is None or strength > best.strength + 1e-9):
            best = LayerOrder(hkl, _one_repeat(means), strength)
    return best


def describe_order(order: LayerOrder | None) -> str:
    """Say in words what dominant_layers found, for a report.

    For example "layers normal to (0 1 0), reduced and oxidised in the sequence 1 0".
    """
    if order is None:
        return "no charge order: all sites alike"
    if not order.visible:
        return f"no layered order (layers explain {max(order.strength, 0.0):.0%} of the pattern)"
    h, k, l = order.indices  # noqa: E741
    sequence = " ".join(f"{m:.0f}" if m in (0.0, 1.0) else f"{m:.2g}" for m in order.layers)
    clear = "layers" if order.strength >= _CLEAR else "mostly layers"
    return (
        f"{clear} normal to ({h} {k} {l}), reduced share in the sequence {sequence}"
        f" (explains {order.strength:.0%} of the pattern)"
    )


def describe_wave(q: Sequence[float], share: float) -> str:
    """Say which plane wave a charge order follows most.

    q: [3], in reciprocal vectors of the host's unit cell. share: of what full order there gives.
    For example "strongest wave (0 2/3 1), 37% of full order".
    """
    parts = (str(Fraction(value).limit_denominator(_MAX_DENOMINATOR)) for value in q)
    return f"strongest wave ({' '.join(parts)}), {share:.0%} of full order"


def describe_neighbours(parameter: float) -> str:
    """Say what a Warren-Cowley parameter of nearest neighbours means."""
    if abs(parameter) < _WEAK:
        kind = "as in full disorder"
    else:
        kind = "more often unlike" if parameter < 0 else "more often alike"
    return f"nearest neighbours {kind} (Warren-Cowley {parameter:+.2f})"


def _planes(max_index: int) -> list[tuple[int, int, int]]:
    """List (h, k, l) once for each direction and its opposite."""
    every = itertools.product(range(-max_index, max_index + 1), repeat=3)
    return [(h, k, l) for h, k, l in every if (h, k, l) > (0, 0, 0)]  # noqa: E741


def _layers(phase: NDArray[np.float64], period: float, tolerance: float) -> list[NDArray[np.intp]]:
    """Group sites by phase on a circle of this period, in ascending order."""
    wrapped = np.mod(phase, period)
    order = np.argsort(wrapped, kind="stable")
    gaps = np.diff(wrapped[order], append=wrapped[order[0]] + period)
    breaks = np.flatnonzero(gaps > tolerance)
    if not len(breaks):
        return [order]
    start = int(breaks[-1] + 1) % len(order)  # begin after a gap, so that no layer is cut in two
    rolled = np.roll(order, -start)
    rolled_gaps = np.roll(gaps, -start)
    return np.split(rolled, np.flatnonzero(rolled_gaps[:-1] > tolerance) + 1)


def _adjusted(
    sigma: NDArray[np.float64], groups: list[NDArray[np.intp]], means: NDArray[np.float64]
) -> float | None:
    """Return the adjusted R² of the layers; None where they are no grouping at all."""
    n, k = len(sigma), len(groups)
    if k < 2 or k > n // 2:
        return None
    total = float(((sigma - sigma.mean()) ** 2).sum())
    within = sum(float(((sigma[g] - m) ** 2).sum()) for g, m in zip(groups, means, strict=True))
    return 1.0 - (within / (n - k)) / (total / (n - 1))


def _one_repeat(means: NDArray[np.float64]) -> tuple[float, ...]:
    """Shorten the sequence of layers to its shortest repeat."""
    for length in range(1, len(means) + 1):
        if len(means) % length == 0 and np.allclose(
            means, np.tile(means[:length], len(means) // length)
        ):
            return tuple(float(m) for m in means[:length])
    raise AssertionError("a sequence repeats after its own length")
