"""Whether chains that begin in order and in disorder meet: heating against cooling.

At fixed x the seeds of sampling.ordered_seeds begin in the order of lowest electrostatic energy, as
in heating, and the others at random, as in cooling. In the semigrand ensemble chains begin at each
of ions.concentrations, so that the least and the greatest of them are two branches of an isotherm.
Where the branches differ by more than two standard errors, or have no value in common, the loop is
open: neither is equilibrium.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from redoxmc.report.analysis import Analysis
from redoxmc.results.mixing import EnergyHysteresis, Hysteresis, IsothermHysteresis
from redoxmc.sampling.chain import Chain
from redoxmc.structures.lattice import Floats
from redoxmc.thermo.correlation import standard_error

OPEN = 2.0  # standard errors
SAME = 1e-9  # eV/f.u.: energies of one state differ by rounding


@dataclass(frozen=True)
class Branch:
    """The chains of one start at one point."""

    mean: float  # of all of them
    error: float  # standard error; nan where it is not known, as of a chain that is frozen
    low: float  # the least value
    high: float  # the greatest value


def hysteresis_records(analysis: Analysis) -> list[Hysteresis]:
    """The entries under "hysteresis" of summary.json: one for each point with two branches."""
    groups: dict[tuple[float, float], dict[bool, list[Chain]]] = {}
    for chain in analysis.store.chains:
        if not chain.failure:
            point = (_abscissa(analysis, chain), chain.temperature)
            second = _is_second(analysis, chain)
            if second is not None:
                groups.setdefault(point, {}).setdefault(second, []).append(chain)
    records = []
    for (abscissa, temperature), both in sorted(groups.items()):
        if len(both) == 2:
            first, other = (_branch(analysis, both[side]) for side in (False, True))
            records.append(_record(analysis, abscissa, temperature, first, other))
    return records


def _abscissa(analysis: Analysis, chain: Chain) -> float:
    if analysis.semigrand:
        assert chain.chemical_potential is not None
        return chain.chemical_potential
    return chain.x


def _is_second(analysis: Analysis, chain: Chain) -> bool | None:
    """Which branch a chain belongs to; None for a start between the two."""
    if not analysis.semigrand:
        ordered = analysis.config["sampling"].get("ordered_seeds") or []
        return chain.seed not in ordered if ordered else None
    starts = sorted({one.x for one in analysis.store.chains})
    if len(starts) < 2 or starts[0] < chain.x < starts[-1]:
        return None
    return chain.x == starts[-1]


def _branch(analysis: Analysis, chains: list[Chain]) -> Branch:
    series: list[Floats] = []
    for chain in chains:
        energies, keys = analysis.kept(chain)
        units = analysis.lattice.formula_units
        series.append(analysis.concentrations(keys) if analysis.semigrand else energies / units)
    length = min(len(one) for one in series)
    if length < 4:
        return Branch(np.nan, np.nan, np.nan, np.nan)
    together = np.array([one[:length] for one in series])
    low, high = float(together.min()), float(together.max())
    return Branch(float(together.mean()), standard_error(together), low, high)


def _record(
    analysis: Analysis, abscissa: float, temperature: float, first: Branch, second: Branch
) -> Hysteresis:
    difference = first.mean - second.mean
    error = float(np.hypot(first.error, second.error))
    apart = first.low > second.high + SAME or second.low > first.high + SAME
    known = bool(np.isfinite(difference) and np.isfinite(error))
    common: dict[str, Any] = {
        "temperature_K": temperature,
        "difference": difference,
        "standard_error": error,
        "open": True if apart else bool(abs(difference) > OPEN * error + SAME) if known else None,
    }
    if analysis.semigrand:
        return IsothermHysteresis(
            chemical_potential_eV=abscissa,
            low_start=first.mean,
            high_start=second.mean,
            **common,
        )
    return EnergyHysteresis(x=abscissa, ordered=first.mean, random=second.mean, **common)
