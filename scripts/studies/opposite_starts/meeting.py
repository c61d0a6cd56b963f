"""Whether chains from opposite charge orders have met; order parameters of a large cell by place.

A cell of 10^4 atoms holds many patches, none of which knows of the others. Each is averaged over
the second half of a chain, and the spread of the patches is the error of their mean: it holds the
correlation in time, which a chain of a few memories cannot tell by itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from redoxmc.thermo.correlation import student_widening

WITHIN = 2.0  # standard errors between two means that agree
RESOLVED = 0.1  # of the range of the starts: wider errors could not tell the two apart


@dataclass(frozen=True)
class Mean:
    """A mean over the second half of a chain."""

    value: float
    error: float  # standard error, from the spread of the patches; nan for a single one


@dataclass(frozen=True)
class Meeting:
    """The means of two chains held against each other."""

    difference: float  # first minus second
    error: float  # standard error of the difference
    span: float  # of the values at both starts and that of a random order, 0
    met: bool


def patches(fractional: ArrayLike, grid: Sequence[int]) -> NDArray[np.int64]:
    """Return the patch of each site, [n], when each vector of the cell is cut into so many parts.

    fractional: [n, 3], in the vectors of the cell. grid: how many parts along each.
    """
    # a site on a face belongs to one of the two patches, whatever its last digits say
    place = np.floor((np.asarray(fractional, dtype=np.float64) + 1e-6) * grid).astype(np.int64)
    x, y, z = (place % np.asarray(grid)).T
    return np.asarray((x * grid[1] + y) * grid[2] + z)


def likeness(occupancy: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Return σ σ_ref of each site, [n]; the mean is 1 in the order of reference, 0 at random.

    occupancy, reference: [n] of 0 and 1, of which σ makes -1 and 1.
    """
    return _signs(occupancy) * _signs(reference)


def neighbour_likeness(occupancy: ArrayLike, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return of each site the mean of σ_i σ_j over its neighbours, [n].

    occupancy: [n] of 0 and 1. pairs: [n_pairs, 2], in both directions, as neighbour_shells gives
    them. Where half of the sites are occupied and all have as many neighbours, the mean over the
    sites is the Warren-Cowley parameter of the shell (thermo.order).
    """
    sigma = _signs(occupancy)
    products = sigma[pairs[:, 0]] * sigma[pairs[:, 1]]
    return np.bincount(pairs[:, 0], products) / np.bincount(pairs[:, 0])


def by_patch(values: ArrayLike, patch: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean over the sites of each patch, [n_patches]. values, patch: [n_sites]."""
    return np.bincount(patch, np.asarray(values, dtype=np.float64)) / np.bincount(patch)


def second_half(series: ArrayLike) -> Mean:
    """Return mean and error over the second half of the records. series: [n_records, n_patches]."""
    values = np.asarray(series, dtype=np.float64)
    means = values[len(values) // 2 :].mean(axis=0)
    count = len(means)
    if count < 2:
        return Mean(float(means.mean()), math.nan)
    error = float(means.std(ddof=1)) / math.sqrt(count) * student_widening(count - 1)
    return Mean(float(means.mean()), error)


def meet(first: Mean, second: Mean, starts: tuple[float, float]) -> Meeting:
    """Compare the means of two chains. starts: what each was at its start.

    They have met within two errors of the difference, if these are at most a tenth of the span;
    errors that are unknown never make them meet.
    """
    difference, error = first.value - second.value, math.hypot(first.error, second.error)
    span = max(0.0, *starts) - min(0.0, *starts)
    met = abs(difference) <= WITHIN * error <= RESOLVED * span
    return Meeting(difference, error, span, met)


def occupancy_text(occupancy: ArrayLike) -> str:
    """Return 0 and 1 as hexadecimal digits, of four sites each."""
    return np.packbits(np.asarray(occupancy, dtype=np.uint8)).tobytes().hex()


def occupancy_of_text(text: str, count: int) -> NDArray[np.uint8]:
    """Return the first count sites of occupancy_text, [count] of 0 and 1."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8), count=count)


def _signs(occupancy: ArrayLike) -> NDArray[np.float64]:
    return 2.0 * np.asarray(occupancy, dtype=np.float64) - 1.0
