"""What follows from the energies of several x: phases and voltages."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from redoxmc.report.analysis import Analysis
from redoxmc.structures.lattice import Floats
from redoxmc.thermo.boundaries import Boundary, phase_boundaries
from redoxmc.thermo.hull import two_phase_regions
from redoxmc.thermo.levels import lacking_entropy
from redoxmc.thermo.voltage import voltage_profile
from redoxmc.units import KB

Record = dict[str, Any]


def phase_diagram(analysis: Analysis, records: list[Record], curves: list[Record]) -> list[Record]:
    """Phases at each temperature of which every x has a free energy, and at 0 K.

    two_phase: regions of coexistence, with an x inside them that is not stable. unresolved: pairs
    of stable neighbours among the x, with a solid solution or a narrower gap between them. At 0 K
    they follow from the lowest energies known. boundaries: those of boundary_records between this
    temperature and the next. Empty with fewer than three x.
    """
    wanted = {record["x"] for record in records}
    if len(wanted) < 3:
        return []
    free, errors = _free_energies(records, curves)
    by_t = {0.0: lowest_energies(analysis)} | free
    by_t = {t: by_x for t, by_x in sorted(by_t.items()) if wanted <= set(by_x)}
    x = sorted(wanted)
    boundaries: list[Record] = []
    warm = [t for t in by_t if t > 0.0]
    if len(warm) > 1:
        values = np.array([[free[t][v] for v in x] for t in warm])
        spread = np.array([[errors[t][v] for v in x] for t in warm])
        boundaries = boundary_records(x, warm, values, spread, _lacking(analysis, x))
    diagram = []
    for temperature, end in pairwise([*by_t, np.inf]):
        regions = two_phase_regions(x, [by_t[temperature][v] for v in x])
        neighbours = set(pairwise(x))
        by_x = [b for b in boundaries if temperature <= b["temperature_K"] < end]
        diagram.append(
            {
                "temperature_K": temperature,
                "two_phase": [list(r) for r in regions if r not in neighbours],
                "unresolved": [list(r) for r in regions if r in neighbours],
                "stable": sorted({v for region in regions for v in region}),
                "boundaries": by_x,
            }
        )
    return diagram


_ByTemperature = dict[float, dict[float, float]]


def _free_energies(
    records: list[Record], curves: list[Record]
) -> tuple[_ByTemperature, _ByTemperature]:
    """Free energies and their standard errors, eV per formula unit, by temperature and x."""
    free: _ByTemperature = {}
    errors: _ByTemperature = {}
    names = "temperature_K", "free_energy_eV_per_fu", "free_energy_standard_error"
    rows = [
        (curve["x"], *row)
        for curve in curves
        for row in zip(*(curve[name] for name in names), strict=True)
    ]
    rows += [(r["x"], *(r[name] for name in names)) for r in records]
    for x, temperature, value, error in rows:
        if value is not None and error is not None:
            free.setdefault(temperature, {})[x] = value
            errors.setdefault(temperature, {})[x] = error
    return free, errors


def _lacking(analysis: Analysis, x: Sequence[float]) -> Floats:
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
    lacking: Floats,
) -> list[Record]:
    """Where each x becomes stable or unstable: a temperature of the cell, and a bracket.

    Arguments as in thermo.boundaries, and lacking (n_x,): ideal entropy (k_B per formula unit) that
    the cell lacks. Where there is order the cell lacks less than that; the bracket low_K to high_K
    therefore holds two standard errors about the boundary of the cell as it is, about that with all
    of the ideal entropy, and what lies between. It is null where it leaves the temperatures.
    corrected_K: the boundary with all of it, null where there is none.
    """
    kelvin = np.asarray(temperatures, dtype=np.float64)
    found = phase_boundaries(x, temperatures, free_energies, errors)
    corrected = free_energies - KB * kelvin[:, None] * lacking
    others = phase_boundaries(x, temperatures, corrected, errors)
    records = []
    for own in found:
        twins = [b for b in others if (b.x, b.stable_above) == (own.x, own.stable_above)]
        twin = min(twins, key=lambda b: abs(b.temperature - own.temperature), default=None)
        records.append(
            {
                "x": own.x,
                "stable_above": own.stable_above,
                "temperature_K": own.temperature,
                "corrected_K": None if twin is None else twin.temperature,
                **_bracket(own, twin),
            }
        )
    return records


def _bracket(own: Boundary, twin: Boundary | None) -> Record:
    # more entropy of x makes it more stable: without a twin the boundary has left at this end
    lows = [own.low, *([twin.low] if twin else [None] if own.stable_above else [])]
    highs = [own.high, *([twin.high] if twin else [] if own.stable_above else [None])]
    return {
        "low_K": None if None in lows else min(v for v in lows if v is not None),
        "high_K": None if None in highs else max(v for v in highs if v is not None),
    }


def lowest_energies(analysis: Analysis) -> dict[float, float]:
    """Lowest energy known (eV per formula unit) by x, of the campaign's x."""
    lattice = analysis.lattice
    counts = {chain.n_ions: chain.x for chain in analysis.store.chains}
    return {
        counts.get(n_ions, lattice.x_of(n_ions)): energy / lattice.formula_units
        for n_ions, (_, energy) in analysis.store.cache.lowest_states().items()
    }


def voltages(analysis: Analysis, records: list[Record]) -> list[Record]:
    """Plateaus at 0 K, from the lowest energies, and at each temperature with free energies.

    The voltage is null without a reference for the metal.
    """
    plateaus = _plateaus(analysis, 0.0, lowest_energies(analysis))
    free: dict[float, dict[float, float]] = {}
    for record in records:
        if record["free_energy_eV_per_fu"] is not None:
            by_x = free.setdefault(record["temperature_K"], {})
            by_x[record["x"]] = record["free_energy_eV_per_fu"]
    every = {record["x"] for record in records}
    for temperature, energies in sorted(free.items()):
        if set(energies) == every:
            plateaus += _plateaus(analysis, temperature, energies)
    return plateaus


def _plateaus(analysis: Analysis, temperature: float, energies: dict[float, float]) -> list[Record]:
    if len(energies) < 2 or not analysis.lattice.n_ion_sites:
        return []
    lattice, x = analysis.lattice, sorted(energies)
    ion = lattice.species[lattice.ion_sites[0]].charge
    # x counts ions per redox site; a formula unit holds one redox site or more
    per_unit = lattice.n_redox / lattice.formula_units
    metal = analysis.config["ions"]["metal_energy"]
    plateaus = voltage_profile([v * per_unit for v in x], [energies[v] for v in x], metal, ion)
    return [
        {
            "x_low": p.x_low / per_unit,
            "x_high": p.x_high / per_unit,
            "temperature_K": temperature,
            "voltage_V": p.voltage,
        }
        for p in plateaus
    ]
