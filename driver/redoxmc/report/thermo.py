"""The thermodynamics of a campaign: one record for each (x, T), with its hulls, and curves."""

from collections.abc import Sequence

import numpy as np

from redoxmc.report.analysis import Analysis
from redoxmc.report.averages import Thermal, thermal_averages
from redoxmc.results.points import Curve, ThermoPoint
from redoxmc.sampling.chain import Chain
from redoxmc.thermo.correlation import MIN_EFFECTIVE, split_r_hat, standard_error
from redoxmc.thermo.hull import formation_energies, on_hull
from redoxmc.thermo.levels import finite_size_entropy_of, ideal_entropy_of

NO_ENERGY_ERROR = (
    f"the energies hold fewer than the {MIN_EFFECTIVE:.0f} independent samples of an error"
)
_GRID = 40  # temperatures of a curve between the coldest and the hottest chain


def thermo_records(analysis: Analysis) -> tuple[list[ThermoPoint], list[Curve]]:
    """The entries under "thermo" of summary.json, one for each (x, T), and under "curves".

    A curve holds entropy and free energy of one x between the coldest and the hottest temperature,
    where they are known.
    """
    by_x: dict[float, dict[float, list[Chain]]] = {}
    for chain in analysis.store.chains:
        by_x.setdefault(chain.x, {}).setdefault(chain.temperature, []).append(chain)
    records: list[ThermoPoint] = []
    curves: list[Curve] = []
    for x, groups in sorted(by_x.items()):
        temperatures = sorted(groups)
        # bounds that are exact, so that the ends of a curve are the sampled temperatures
        grid = np.geomspace(temperatures[0], temperatures[-1], _GRID)[1:-1]
        between = sorted({*temperatures, *np.round(grid, 2)}) if len(temperatures) > 1 else []
        every = [*temperatures, *between]
        chains = [chain for group in groups.values() for chain in group]
        averages = thermal_averages(analysis, chains, every)
        own = dict(zip(temperatures, averages, strict=False))
        records += [_record(analysis, x, t, groups[t], own[t]) for t in temperatures]
        curve = _curve(analysis, x, between, averages[len(temperatures) :])
        curves += [curve] if curve else []
    add_hulls(records)
    return records, curves


def _record(
    analysis: Analysis, x: float, temperature: float, chains: list[Chain], thermal: Thermal
) -> ThermoPoint:
    lattice = analysis.lattice
    units, sites = lattice.formula_units, lattice.n_redox
    kept = [analysis.kept(chain) for chain in chains if not chain.failure]
    length = min((len(energies) for energies, _ in kept), default=0)
    together = np.array([energies[:length] for energies, _ in kept])
    error, order_r_hat = np.nan, None
    if analysis.is_single_state(chains[0]) and length:
        error = 0.0
    elif length >= 4:
        error = standard_error(together) / units
    if length >= 4 and (chains[0].n_ions > 0 or not lattice.n_ion_sites):
        order = np.array([analysis.order.nearest(keys[:length]) for _, keys in kept])
        order_r_hat = split_r_hat(order) if np.isfinite(order).all() else None
    n_reduced = lattice.n_reduced(chains[0].n_ions) or 0
    failed = analysis.failed_share(chains[0].n_ions)
    reasons = [thermal.reason] if thermal.reason else []
    reasons += [] if np.isfinite(error) else [NO_ENERGY_ERROR]
    return ThermoPoint(
        x=x,
        temperature_K=temperature,
        energy_eV_per_fu=together.mean() / units if length else None,
        energy_standard_error_eV_per_fu=error,
        electronic_entropy_kB_per_site=thermal.electronic / sites,
        electronic_entropy_standard_error=_known_with(
            thermal.electronic, thermal.entropy_error / sites, failed > 0
        ),
        ionic_entropy_kB_per_site=thermal.ionic / sites,
        configurational_entropy_kB_per_site=thermal.entropy / sites,
        configurational_entropy_standard_error=thermal.entropy_error / sites,
        entropy_anchor=thermal.anchor or None,
        ideal_finite_size_kB_per_site=finite_size_entropy_of(lattice.blocks, n_reduced),
        ideal_kB_per_site=ideal_entropy_of(lattice.blocks, n_reduced),
        free_energy_eV_per_fu=thermal.free_energy / units,
        free_energy_standard_error=thermal.free_energy_error / units,
        failed_share=failed,
        r_hat=split_r_hat(together) if length >= 4 else None,
        r_hat_order=order_r_hat,
        why_unknown="; ".join(reasons) or None,
    )


def _known_with(value: float, error: float, some_failed: bool = False) -> float | None:
    """The error of a value that is known; that of states left out is not 0."""
    if some_failed and error == 0.0:
        return None
    return error if np.isfinite(value) else None


def _curve(
    analysis: Analysis, x: float, temperatures: Sequence[float], averages: Sequence[Thermal]
) -> Curve | None:
    table = np.array([t.as_row() for t in averages]).reshape(-1, 6)
    if not len(table) or not np.isfinite(table[:, 4]).all():
        return None
    units, sites = analysis.lattice.formula_units, analysis.lattice.n_redox
    return Curve(
        x=x,
        temperature_K=list(temperatures),
        electronic_entropy_kB_per_site=list(table[:, 3] / sites),
        electronic_entropy_standard_error=[_known_with(v, e / sites) for v, e in table[:, [3, 1]]],
        free_energy_eV_per_fu=list(table[:, 4] / units),
        free_energy_standard_error=list(table[:, 5] / units),
    )


def add_hulls(records: Sequence[ThermoPoint]) -> None:
    """Add formation energies and hulls of each temperature that knows both end members.

    They are the first and the last x that were sampled.
    """
    for temperature in {record.temperature_K for record in records}:
        together = [record for record in records if record.temperature_K == temperature]
        _add_hull(together, "energy_eV_per_fu", "formation_energy_eV_per_fu", "on_hull")
        _add_hull(
            together,
            "free_energy_eV_per_fu",
            "formation_free_energy_eV_per_fu",
            "on_free_energy_hull",
        )


def _add_hull(records: Sequence[ThermoPoint], value: str, formed: str, flag: str) -> None:
    """Add what the fields `formed` and `flag` say of the energies in the field `value`."""
    known = [record for record in records if getattr(record, value) is not None]
    low, high = (end(record.x for record in records) for end in (min, max))
    ends = {record.x: getattr(record, value) for record in known if record.x in (low, high)}
    if len(ends) < 2:
        return
    x = [record.x for record in known]
    energies = [getattr(record, value) for record in known]
    formation = formation_energies(x, energies, ends[low], ends[high], (low, high))
    for record, energy, stable in zip(known, formation, on_hull(x, formation), strict=True):
        setattr(record, formed, float(energy))
        setattr(record, flag, bool(stable))
