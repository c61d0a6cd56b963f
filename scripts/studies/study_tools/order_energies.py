"""Energy differences between charge orders at one ion order: errors, and ranks with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RESOLUTION = 0.1  # meV per site: energies that lie closer are equal
RESAMPLES, SEED = 2000, 1  # of the interval


@dataclass(frozen=True)
class OrderEnergy:
    """The energy of one charge order, in eV per redox site.

    ions: names its cell and ion order: within one of these, orders are compared.
    held_out: whether this order is of the test part of a set.
    """

    ions: str
    expected: float
    predicted: float
    held_out: bool


def order_errors(orders: Sequence[OrderEnergy], held_out: bool) -> dict[str, Any] | None:
    """Compare charge orders at one ion order; None where no ion order has two of them.

    held_out: look at orders held out, beside all others of their ion order; else only at the
    others. The keys are: `orders`; `pairs`, `pairs_in_order` and `mae_meV_per_site` of the
    differences between two orders, of which one is held out if that is asked for;
    `reference_meV_per_site` and `model_meV_per_site`, relative to the mean of the ion order;
    `spearman` of these and `spearman_95`, the 2.5 and 97.5 % quantiles over 2000 samples of the
    orders with replacement (seed 1), both None below four orders.
    """
    groups: dict[str, list[OrderEnergy]] = {}
    for order in orders:
        if held_out or not order.held_out:
            groups.setdefault(order.ions, []).append(order)
    errors, in_order, relative = [], [], [np.empty((0, 2))]
    for group in groups.values():
        # what has fallen together is a tie, not a rank of rounding errors
        table = 1000 * np.array([[o.expected, o.predicted] for o in group])
        table = np.round((table - table[0]) / RESOLUTION) * RESOLUTION
        own = np.array([o.held_out == held_out for o in group])
        pairs = [table[j] - table[i] for i, j in combinations(range(len(group)), 2)
                 if own[i] or own[j]]  # fmt: skip
        errors += [abs(d[1] - d[0]) for d in pairs]
        in_order += [d[0] * d[1] > 0 for d in pairs]
        if pairs:
            relative.append((table - table.mean(axis=0))[own])
    if not errors:
        return None
    expected, predicted = np.round(np.concatenate(relative), 6).T
    rank, interval = ranks_agree(expected, predicted) if len(expected) >= 4 else (None, None)
    return {
        "orders": len(expected),
        "pairs": len(errors),
        "pairs_in_order": int(sum(in_order)),
        "mae_meV_per_site": float(np.mean(errors)),
        "spearman": rank,
        "spearman_95": interval,
        "reference_meV_per_site": expected.tolist(),
        "model_meV_per_site": predicted.tolist(),
    }


def ranks_agree(expected: Floats, predicted: Floats) -> tuple[float, list[float]]:
    """Return Spearman's ρ, 0 where one side is all equal, and its 95 % interval, see above."""
    rank = float(np.nan_to_num(_spearman(expected, predicted)))
    drawn = np.random.default_rng(SEED).integers(len(expected), size=(RESAMPLES, len(expected)))
    found = np.nan_to_num(_spearman(expected[drawn], predicted[drawn]))
    return rank, [float(q) for q in np.quantile(found, [0.025, 0.975])]


def _spearman(expected: Floats, predicted: Floats) -> Floats:
    """Correlate ranks along the last axis; NaN where one side is all equal."""
    from scipy.stats import rankdata

    one, two = (rankdata(values, axis=-1) for values in (expected, predicted))
    one, two = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (one, two))
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (one * two).sum(axis=-1) / np.sqrt((one**2).sum(axis=-1) * (two**2).sum(axis=-1))
        )


def spearman_text(found: dict[str, Any] | None) -> str | None:
    """Format ρ with its interval; None without them."""
    if found is None or found["spearman"] is None:
        return None
    low, high = found["spearman_95"]
    return f"{found['spearman']:.2f} [{low:.2f}, {high:.2f}]"
