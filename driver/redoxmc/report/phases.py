"""What follows from the energies of several x: phases and voltages."""

from itertools import pairwise
from typing import Any

from redoxmc.report.analysis import Analysis
from redoxmc.thermo.hull import two_phase_regions
from redoxmc.thermo.voltage import voltage_profile

Record = dict[str, Any]


def phase_diagram(analysis: Analysis, records: list[Record], curves: list[Record]) -> list[Record]:
    """Phases at each temperature of which every x has a free energy, and at 0 K.

    two_phase: regions of coexistence, with an x inside them that is not stable. unresolved: pairs
    of stable neighbours among the x, with a solid solution or a narrower gap between them. At 0 K
    they follow from the lowest energies known. Empty with fewer than three x.
    """
    wanted = {record["x"] for record in records}
    if len(wanted) < 3:
        return []
    by_t: dict[float, dict[float, float]] = {0.0: lowest_energies(analysis)}
    for curve in curves:
        points = zip(curve["temperature_K"], curve["free_energy_eV_per_fu"], strict=True)
        for temperature, energy in points:
            by_t.setdefault(temperature, {})[curve["x"]] = energy
    for record in records:
        if record["free_energy_eV_per_fu"] is not None:
            own = by_t.setdefault(record["temperature_K"], {})
            own[record["x"]] = record["free_energy_eV_per_fu"]
    diagram = []
    for temperature, energies in sorted(by_t.items()):
        if wanted <= set(energies):
            x = sorted(wanted)
            regions = two_phase_regions(x, [energies[v] for v in x])
            neighbours = set(pairwise(x))
            diagram.append(
                {
                    "temperature_K": temperature,
                    "two_phase": [list(r) for r in regions if r not in neighbours],
                    "unresolved": [list(r) for r in regions if r in neighbours],
                    "stable": sorted({v for region in regions for v in region}),
                }
            )
    return diagram


def lowest_energies(analysis: Analysis) -> dict[float, float]:
    """Lowest energy known (eV per formula unit) by x, of the campaign's x."""
    lattice = analysis.lattice
    counts = {chain.n_ions: chain.x for chain in analysis.store.chains}
    return {
        counts.get(n_ions, n_ions / lattice.n_redox): energy / lattice.formula_units
        for n_ions, (_, energy) in analysis.store.cache.lowest_states().items()
    }


def voltages(analysis: Analysis, records: list[Record]) -> list[Record]:
    """Plateaus at 0 K, from the lowest energies, and at each temperature with free energies.

    The voltage is null without a reference for the metal.
    """
    found = _plateaus(analysis, 0.0, lowest_energies(analysis))
    free: dict[float, dict[float, float]] = {}
    for record in records:
        if record["free_energy_eV_per_fu"] is not None:
            own = free.setdefault(record["temperature_K"], {})
            own[record["x"]] = record["free_energy_eV_per_fu"]
    every = {record["x"] for record in records}
    for temperature, energies in sorted(free.items()):
        if set(energies) == every:
            found += _plateaus(analysis, temperature, energies)
    return found


def _plateaus(analysis: Analysis, temperature: float, energies: dict[float, float]) -> list[Record]:
    if len(energies) < 2:
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
