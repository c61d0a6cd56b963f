"""Whether different starts end in the same charge order: what each seed of an x came to."""

from typing import Any

import numpy as np

from redoxmc.report.analysis import Analysis, number
from redoxmc.sampling.chain import Chain
from redoxmc.thermo.correlation import standard_error

Record = dict[str, Any]


def start_records(analysis: Analysis, thermo: list[Record]) -> list[Record]:
    """The entries under "starts" of summary.json: one for each x and seed, where there are several.

    thermo: the records of the same campaign. Of a seed: how far its lowest energy at any
    temperature lies above that of all seeds, and energy and order at its coldest temperature.
    r_hat: the largest of its x over temperatures, of energy and order parameter.
    """
    groups: dict[float, dict[int, list[Chain]]] = {}
    for chain in analysis.store.chains:
        if not analysis.is_single_state(chain):
            groups.setdefault(chain.x, {}).setdefault(chain.seed, []).append(chain)
    records = []
    for x, seeds in sorted(groups.items()):
        lowest = {seed: _lowest(analysis, chains) for seed, chains in seeds.items()}
        found = [energy for energy in lowest.values() if np.isfinite(energy)]
        if len(seeds) == 1 or not found:
            continue
        floor = min(found)
        r_hats = [r[key] for r in thermo if r["x"] == x for key in ("r_hat", "r_hat_order")]
        worst = None if None in r_hats else max(r_hats)
        for seed, chains in sorted(seeds.items()):
            above = 1e3 * (lowest[seed] - floor) / analysis.lattice.formula_units
            records.append(
                {"x": x, "seed": seed, "lowest_above_meV_per_fu": number(above), "r_hat": worst}
                | _coldest(analysis, chains)
            )
    return records


def _lowest(analysis: Analysis, chains: list[Chain]) -> float:
    """Lowest energy (eV) of some chains, cooling and burn-in included; nan where there is none."""
    traces = [analysis.store.traces.get(chain.name) for chain in chains]
    return min((min(t.energies) for t in traces if t and t.energies), default=float("nan"))


def _coldest(analysis: Analysis, chains: list[Chain]) -> Record:
    chain = min(chains, key=lambda chain: chain.temperature)
    energies, keys = analysis.kept(chain)
    known = len(energies) >= 4
    units = analysis.lattice.formula_units
    order = analysis.order.of_visits(keys)
    return {
        "temperature_K": chain.temperature,
        "energy_eV_per_fu": number(energies.mean() / units) if known else None,
        "energy_standard_error_eV_per_fu": (
            number(standard_error(energies) / units) if known else None
        ),
        "warren_cowley": order["warren_cowley"][0],
        "dominant": order["dominant"],
    }
