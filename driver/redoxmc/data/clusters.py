"""Dividing the moments (or Bader charges) of one element into charge states: pure functions.

A division is a way to read the values of one element; which one is right is decided by the frames
themselves (`assign.choose`): the right one makes them neutral.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
AMBIGUOUS = (
    0  # the code of a value that belongs to no cluster clearly; codes 1, 2, ... are clusters
)
_FARTHEST = 0.6  # µB between a cluster and the usual moment of its charge state
_GREY = 0.15  # a value is ambiguous within this share of the distance around a threshold


@dataclass(frozen=True)
class Division:
    """Clusters of one element's values, in ascending order."""

    centres: tuple[float, ...]  # medians of the clusters
    charges: tuple[int, ...]  # the formal charge of each cluster
    thresholds: tuple[float, ...]  # the values that separate neighbouring clusters
    grey: tuple[float, ...]  # half the width around each threshold in which a value is ambiguous
    farthest: float  # a value farther than this from the centre of its cluster is ambiguous too
    # mean distance of the values' clusters from the usual moments (µB; 0 where there are none)
    penalty: float

    def codes(self, values: Floats) -> Ints:
        """Return the cluster of each value, counted from 1, or AMBIGUOUS."""
        codes = np.searchsorted(np.array(self.thresholds), values) + 1
        for threshold, width in zip(self.thresholds, self.grey, strict=True):
            codes[np.abs(values - threshold) < width] = AMBIGUOUS
        centres = np.array(self.centres)[np.maximum(codes, 1) - 1]
        codes[np.abs(values - centres) > self.farthest] = AMBIGUOUS
        return codes.astype(np.int64)


def divide_by_moments(
    values: Floats, anchors: Sequence[tuple[float, int]], smallest_gap: float
) -> list[Division]:
    """Return the plausible divisions of absolute site moments.

    values: of all atoms of one element in all frames, µB. anchors: (usual moment, charge) of the
    possible states. smallest_gap: clusters nearer than this (µB) are one.
    Tried: clusters grown from the anchors; a split at the largest gap; one cluster only.
    """
    anchors = sorted(anchors)
    divisions = [_grow(values, anchors, smallest_gap)]
    low, high, gap = _largest_gap(values)
    if gap >= smallest_gap:
        for (one, first), (two, second) in pairwise(anchors):
            lower, upper = values[values <= low], values[values >= high]
            divisions.append(_division([lower, upper], [first, second], [one, two]))
    else:
        divisions += [_division([values], [charge], [moment]) for moment, charge in anchors]
    unique = {division: None for division in divisions if division is not None}
    return sorted(unique, key=lambda division: division.penalty)


def divide_by_charges(
    values: Floats, charges: Sequence[int], smallest_gap: float
) -> list[Division]:
    """Return the possible divisions of Bader charges (e): one cluster, or two around a gap."""
    ordered = sorted(charges)
    low, high, gap = _largest_gap(values)
    if gap < smallest_gap:
        divisions = [_division([values], [charge], None) for charge in ordered]
    else:
        halves = [values[values <= low], values[values >= high]]
        divisions = [_division(halves, pair, None) for pair in pairwise(ordered)]
    return [division for division in divisions if division is not None]


def divide_at(
    threshold: float, anchors: Sequence[tuple[float, int]], values: Floats
) -> list[Division]:
    """Return the division at a threshold that the user gave; nothing is then ambiguous.

    Of more than two states it divides those whose usual moments lie around it, if there are such.
    """
    anchors = sorted(anchors)
    between = threshold if len(anchors) != 2 else (anchors[0][0] + anchors[1][0]) / 2
    below = [charge for moment, charge in anchors if moment <= between][-1:]
    above = [charge for moment, charge in anchors if moment > between][:1]
    if not below or not above:
        return []
    sides = [values[values <= threshold], values[values > threshold]]
    centres = tuple(float(np.median(s)) if s.size else threshold for s in sides)
    return [Division(centres, (below[0], above[0]), (threshold,), (0.0,), np.inf, 0.0)]


def _grow(
    values: Floats, anchors: Sequence[tuple[float, int]], smallest_gap: float
) -> Division | None:
    """Move the anchors to the medians of the values nearest to them, and merge near neighbours."""
    centres = np.array([moment for moment, _ in anchors])
    for _ in range(50):
        codes = np.searchsorted((centres[1:] + centres[:-1]) / 2, values)
        moved = centres.copy()
        for code in np.unique(codes):
            moved[code] = np.median(values[codes == code])
        if np.allclose(moved, centres, atol=1e-6):
            break
        centres = moved
    groups = [values[codes == code] for code in np.unique(codes)]
    kept = [anchors[code] for code in np.unique(codes)]
    k = 0
    while k + 1 < len(groups):
        if np.median(groups[k + 1]) - np.median(groups[k]) >= smallest_gap:
            k += 1
            continue
        groups[k : k + 2] = [np.concatenate(groups[k : k + 2])]
        centre = float(np.median(groups[k]))
        kept[k : k + 2] = [min(kept[k : k + 2], key=lambda anchor: abs(anchor[0] - centre))]
    return _division(groups, [charge for _, charge in kept], [moment for moment, _ in kept])


def _division(
    groups: Sequence[Floats], charges: Sequence[int], usual: Sequence[float] | None
) -> Division | None:
    centres = [float(np.median(group)) for group in groups]
    apart = [abs(c - u) for c, u in zip(centres, usual, strict=True)] if usual else [0.0]
    if max(apart) > _FARTHEST:
        return None
    sizes = [group.size for group in groups] if usual else [1]
    pairs = list(pairwise(centres))
    thresholds = [(one + two) / 2 for one, two in pairs]
    grey = [_GREY * (two - one) for one, two in pairs]
    return Division(
        tuple(centres),
        tuple(charges),
        tuple(thresholds),
        tuple(grey),
        _FARTHEST,
        float(np.average(apart, weights=sizes)),
    )


def _largest_gap(values: Floats) -> tuple[float, float, float]:
    """Return the two values beside the largest gap, and the gap (0 where all are alike)."""
    ordered = np.sort(values)
    if ordered.size < 2:
        return float(ordered[0]), float(ordered[0]), 0.0
    steps = np.diff(ordered)
    k = int(np.argmax(steps))
    return float(ordered[k]), float(ordered[k + 1]), float(steps[k])
