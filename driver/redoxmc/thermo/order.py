"""Order parameters of a charge order: Warren-Cowley parameters per neighbour shell."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def warren_cowley(occupancy: ArrayLike, shells: Sequence[NDArray[np.int64]]) -> list[float]:
    """Return α_s = 1 − N_unlike/(2 c (1−c) N_pairs) for each shell of one sublattice.

    With more than two levels, 1 − ⟨(v_i − v_j)²⟩/(2 var v), which is the same for two: the
    correlation of the numbers of electrons of neighbours.

    occupancy: [n] of 0 and 1, or of levels (or [n_samples, n]: the mean over samples is returned).
    shells: one int64 [n_pairs, 2] per shell, as neighbour_shells gives them.

    1: only like neighbours; 0: random; −(1−c)/c at c ≥ 1/2 (−1 at 1/2): only unlike ones. A finite
    cell of n sites filled at random gives −1/(n−1), not 0, for pairs of distinct sites. NaN where
    all sites are alike, or a shell is empty. Source: Cowley, Phys. Rev. 77, 669 (1950).
    """
    values = np.atleast_2d(np.asarray(occupancy)).astype(np.int64)
    c = values.mean(axis=1)
    expected = 2.0 * c * (1.0 - c)
    if values.max(initial=0) > 1:
        expected = 2.0 * values.var(axis=1)
    result = []
    for pairs in shells:
        if not len(pairs) or np.any(expected == 0.0):
            result.append(math.nan)
            continue
        unlike = ((values[:, pairs[:, 0]] - values[:, pairs[:, 1]]) ** 2).mean(axis=1)
        result.append(float(np.mean(1.0 - unlike / expected)))
    return result


def cross_warren_cowley(
    redox: ArrayLike, ions: ArrayLike, shells: Sequence[NDArray[np.int64]]
) -> list[float]:
    """Return α_s = 1 − P(ion site occupied | reduced neighbour)/c_ion for each shell between
    sublattices.

    redox: [n_redox], ions: [n_ion] of 0 and 1 (or with a leading sample axis, averaged over). With
    more than two levels, a site counts with its number of electrons.
    shells: one int64 [n_pairs, 2] of (redox site, ion site) per shell. Negative: ions sit beside
    reduced sites more often than at random. NaN where no site is reduced or no ion site occupied.
    """
    charges = np.atleast_2d(np.asarray(redox)).astype(np.int64)
    occupied = np.atleast_2d(np.asarray(ions)).astype(np.int64)
    c = occupied.mean(axis=1)
    result = []
    for pairs in shells:
        reduced = charges[:, pairs[:, 0]]
        if not len(pairs) or np.any(c == 0.0) or np.any(reduced.sum(axis=1) == 0):
            result.append(math.nan)
            continue
        together = (reduced * occupied[:, pairs[:, 1]]).sum(axis=1)
        result.append(float(np.mean(1.0 - together / reduced.sum(axis=1) / c)))
    return result


def structure_factor(
    occupancy: ArrayLike, fractional: ArrayLike, waves: ArrayLike
) -> NDArray[np.float64]:
    """Return S(q) = |Σ_i (σ_i − c) e^(2πi q·r_i)|²/(n c (1−c)) of the occupied pattern, [n_waves].

    occupancy: [n] of 0 and 1, or of levels, with their variance for c (1−c).
    fractional: [n, 3], in the vectors of the cell. waves: [n_waves, 3],
    integers: the wave vectors that the cell can hold, in reciprocal lattice vectors. 1: random; n:
    all sites in phase (full order at this q). NaN where all sites are alike. Subtracting the mean
    takes the Bragg peaks of the sublattice itself away.
    """
    sigma = np.asarray(occupancy, dtype=np.float64)
    c = float(sigma.mean())
    q = np.asarray(waves, dtype=np.float64).reshape(-1, 3)
    if sigma.min() == sigma.max():
        return np.full(len(q), math.nan)
    n = len(sigma)
    full = n * c * (1.0 - c) if sigma.max() <= 1.0 else n * float(sigma.var())
    phases = np.exp(2j * np.pi * (q @ np.asarray(fractional, dtype=np.float64).T))
    return np.asarray(np.abs(phases @ (sigma - c)) ** 2 / full)
