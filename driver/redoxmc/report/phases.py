"""What follows from the energies of several x: phases and voltages."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from redoxmc.report.analysis import Analysis
from redoxmc.results.phases import PhaseBoundary, Phases, VoltagePlateau
from redoxmc.results.points import Curve, ThermoPoint
from redoxmc.structures.lattice import Floats
from redoxmc.thermo.boundaries import Boundary, phase_boundaries
from redoxmc.thermo.hull import two_phase_regions
from redoxmc.thermo.levels import lacking_entropy
from redoxmc.thermo.voltage import voltage_profile
from redoxmc.units import KB


def phase_diagram(
    analysis: Analysis, records: Sequence[ThermoPoint], curves: Sequence[Curve]
) -> list[Phases]:
    """Phases at each temperature of which every x has a free energy, and at 0 K.

    At 0 K they follow from the lowest energies known. Empty with fewer than three x.
    """
    wanted = {record.x for record in records}
    if len(wanted) < 3:
        return []
    free, errors = free_energies(records, curves)
    by_t = {0.0: lowest_energies(analysis)} | free
    by_t = {t: by_x for t, by_x in sorted(by_t.items()) if wanted <= set(by_x)}
    x = sorted(wanted)
    boundaries: list[PhaseBoundary] = []
    warm = [t for t in by_t if t > 0.0]
    if len(warm) > 1:
        values = np.array([[free[t][v] for v in x] for t in warm])
        spread = np.array([[errors[t][v] for v in x] for t in warm])
        boundaries = boundary_records(x, warm, values, spread, lacking(analysis, x))
    diagram = []
    for temperature, end in pairwise([*by_t, np.inf]):
        regions = two_phase_regions(x, [by_t[temperature][v] for v in x])
        neighbours = set(pairwise(x))
        diagram.append(
            Phases(
                temperature_K=temperature,
                two_phase=[list(r) for r in regions if r not in neighbours],
                unresolved=[list(r) for r in regions if r in neighbours],
                stable=sorted({v for region in regions for v in region}),
                boundaries=[b for b in boundaries if temperature <= b.temperature_K < end],
            )
        )
    return diagram


_ByTemperature = dict[float, dict[float, float]]


def free_energies(
    records: Sequence[ThermoPoint], curves: Sequence[Curve]
) -> tuple[_ByTemperature, _ByTemperature]:
    """Free energies and their standard errors, eV per formula unit, by temperature and x."""
    free: _ByTemperature = {}
    errors: _ByTemperature = {}
    rows: list[tuple[float, float, float | None, float | None]] = [
        (curve.x, *row)
        for curve in curves
        for row in zip(
            curve.temperature_K,
            curve.free_energy_eV_per_fu,
            curve.free_energy_standard_error,
            strict=True,
        )
    ]
    rows += [
        (r.x, r.temperature_K, r.free_energy_eV_per_fu, r.free_energy_standard_error)
        for r in records
    ]
    for x, temperature, value, error in rows:
        if value is not None and error is not None:
            free.setdefault(temperature, {})[x] = value
            errors.setdefault(temperature, {})[x] = error
    return free, errors


def lacking(analysis: Analysis, x: Sequence[float]) -> Floats:
    """Ideal entropy (k_B per formula unit) that the cell lacks for being finite, (n_x,).

    N S_ideal(n/N) − ln C(N, n), of the charges, and of the ions where their order is sampled.
    """
    lattice = analysis.lattice
    counts: Mapping[float, int] = {chain.x: chain.n_ions for chain in analysis.store.chains}
    found = []
    for value in x:
        filled = [(lattice.blocks, lattice.n_reduced(counts[value]) or 0)]
        if analysis.sampled:
            filled += [(((lattice.n_ion_sites, 1),), counts[value])]
        found.append(sum(lacking_entropy(blocks, count) for blocks, count in filled))
    return np.array(found) / lattice.formula_units


def boundary_records(
    x: Sequence[float],
    temperatures: Sequence[float],
    free_energies: Floats,
    errors: Floats,
    missing: Floats,
) -> list[PhaseBoundary]:
    """Where each x becomes stable or unstable: a temperature of the cell, and a bracket.

    Arguments as in thermo.boundaries, and missing (n_x,) or (n_T, n_x): ideal entropy (k_B per
    formula unit) that the cell lacks. Where there is order the cell lacks less than that; the
    bracket low_K to high_K therefore holds two standard errors about the boundary of the cell as it
    is, about that with all of the ideal entropy, and what lies between. It is null where it leaves
    the temperatures.
    corrected_K: the boundary with all of it, null where there is none.
    """
    kelvin = np.asarray(temperatures, dtype=np.float64)
    found = phase_boundaries(x, temperatures, free_energies, errors)
    corrected = free_energies - KB * kelvin[:, None] * missing
    others = phase_boundaries(x, temperatures, corrected, errors)
    records = []
    for own in found:
        twins = [b for b in others if (b.x, b.stable_above) == (own.x, own.stable_above)]
        twin = min(twins, key=lambda b: abs(b.temperature - own.temperature), default=None)
        low, high = _bracket(own, twin)
        records.append(
            PhaseBoundary(
                x=own.x,
                stable_above=own.stable_above,
                temperature_K=own.temperature,
                corrected_K=None if twin is None else twin.temperature,
                low_K=low,
                high_K=high,
            )
        )
    return records


def _bracket(own: Boundary, twin: Boundary | None) -> tuple[float | None, float | None]:
    # more entropy of x makes it more stable: without a twin the boundary has left at this end
    lows = [own.low, *([twin.low] if twin else [None] if own.stable_above else [])]
    highs = [own.high, *([twin.high] if twin else [] if own.stable_above else [None])]
    return (
        None if None in lows else min(v for v in lows if v is not None),
        None if None in highs else max(v for v in highs if v is not None),
    )


def lowest_energies(analysis: Analysis) -> dict[float, float]:
    """Lowest energy known (eV per formula unit) by x, of the campaign's x."""
    lattice = analysis.lattice
    counts = {chain.n_ions: chain.x for chain in analysis.store.chains}
    return {
        counts.get(n_ions, lattice.x_of(n_ions)): energy / lattice.formula_units
        for n_ions, (_, energy) in analysis.store.cache.lowest_states().items()
    }


def voltages(analysis: Analysis, records: Sequence[ThermoPoint]) -> list[VoltagePlateau]:
    """Plateaus at 0 K, from the lowest energies, and at each temperature with free energies.

    The voltage is null without a reference for the metal.
    """
    plateaus = _plateaus(analysis, 0.0, lowest_energies(analysis))
    free: dict[float, dict[float, float]] = {}
    for record in records:
        if record.free_energy_eV_per_fu is not None:
            free.setdefault(record.temperature_K, {})[record.x] = record.free_energy_eV_per_fu
    every = {record.x for record in records}
    for temperature, energies in sorted(free.items()):
        if set(energies) == every:
            plateaus += _plateaus(analysis, temperature, energies)
    return plateaus


def _plateaus(
    analysis: Analysis, temperature: float, energies: dict[float, float]
) -> list[VoltagePlateau]:
    if len(energies) < 2 or analysis.lattice.ion is None:
        return []
    lattice, x = analysis.lattice, sorted(energies)
    charge = analysis.lattice.ion.charge
    # x counts ions per redox site; a formula unit holds one redox site or more
    per_unit = lattice.n_redox / lattice.formula_units
    metal = analysis.config["ions"]["metal_energy"]
    plateaus = voltage_profile([v * per_unit for v in x], [energies[v] for v in x], metal, charge)
    return [
        VoltagePlateau(
            x_low=p.x_low / per_unit,
            x_high=p.x_high / per_unit,
            temperature_K=temperature,
            voltage_V=p.voltage,
        )
        for p in plateaus
    ]
