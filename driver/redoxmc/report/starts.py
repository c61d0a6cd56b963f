"""Whether different starts end in the same charge order: what each seed of an x came to."""

from collections.abc import Sequence

import numpy as np

from redoxmc.report.analysis import Analysis
from redoxmc.results.mixing import Start
from redoxmc.results.points import ThermoPoint
from redoxmc.sampling.chain import Chain
from redoxmc.thermo.correlation import standard_error


def start_records(analysis: Analysis, thermo: Sequence[ThermoPoint]) -> list[Start]:
    """The entries under "starts" of summary.json: one for each x and seed, where there are several.

    thermo: the records of the same campaign.
    """
    if analysis.semigrand:
        return []
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
        r_hats = [r for p in thermo if p.x == x for r in (p.r_hat, p.r_hat_order)]
        worst = max((r for r in r_hats if r is not None), default=None)
        for seed, chains in sorted(seeds.items()):
            above = 1e3 * (lowest[seed] - floor) / analysis.lattice.formula_units
            records.append(_start(analysis, chains, above, None if None in r_hats else worst))
    return records


def _lowest(analysis: Analysis, chains: list[Chain]) -> float:
    """Lowest energy (eV) of some chains, cooling and burn-in included; nan where there is none."""
    traces = [analysis.store.traces.get(chain.name) for chain in chains]
    return min((min(t.energies) for t in traces if t and t.energies), default=float("nan"))


def _start(analysis: Analysis, chains: list[Chain], above: float, r_hat: float | None) -> Start:
    chain = min(chains, key=lambda chain: chain.temperature)
    energies, keys = analysis.kept(chain)
    known = len(energies) >= 4
    units = analysis.lattice.formula_units
    order = analysis.order.of_visits(keys)
    return Start(
        x=chain.x,
        seed=chain.seed,
        lowest_above_meV_per_fu=above,
        r_hat=r_hat,
        temperature_K=chain.temperature,
        energy_eV_per_fu=energies.mean() / units if known else None,
        energy_standard_error_eV_per_fu=standard_error(energies) / units if known else None,
        warren_cowley=order.warren_cowley[0],
        dominant=order.dominant,
    )
