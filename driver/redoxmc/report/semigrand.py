"""What a semigrand campaign says: mean x and energy at each chemical potential and temperature."""

import numpy as np

from redoxmc.report.analysis import Analysis
from redoxmc.results.points import SemigrandPoint
from redoxmc.sampling.chain import Chain
from redoxmc.thermo.correlation import MIN_EFFECTIVE, split_r_hat, standard_error


def semigrand_records(analysis: Analysis) -> list[SemigrandPoint]:
    """The entries under "thermo": one for each (chemical potential, T), all starts together."""
    groups: dict[tuple[float, float], list[Chain]] = {}
    for chain in analysis.store.chains:
        if chain.chemical_potential is not None and not chain.failure:
            group = (chain.chemical_potential, chain.temperature)
            groups.setdefault(group, []).append(chain)
    return [_record(analysis, mu, t, chains) for (mu, t), chains in sorted(groups.items())]


def _record(
    analysis: Analysis, potential: float, temperature: float, chains: list[Chain]
) -> SemigrandPoint:
    lattice = analysis.lattice
    kept = [analysis.kept(chain) for chain in chains]
    length = min(len(energies) for energies, _ in kept)
    x = np.array([analysis.concentrations(keys[:length]) for _, keys in kept])
    energies = np.array([own[:length] for own, _ in kept]) / lattice.formula_units
    known = length >= 4
    metal = analysis.config["ions"]["metal_energy"]
    charge = lattice.species[lattice.ion_sites[0]].charge
    stiffness = chains[0].stiffness
    mean, error = (x.mean(), standard_error(x)) if known else (np.nan, np.nan)
    internal = potential - 2 * stiffness * mean if stiffness else potential
    point = SemigrandPoint(
        chemical_potential_eV=potential,
        temperature_K=temperature,
        internal_potential_eV=internal,
        internal_potential_standard_error_eV=2 * stiffness * error if stiffness else 0.0,
        x=mean,
        x_standard_error=error,
        energy_eV_per_fu=energies.mean() if known else None,
        energy_standard_error_eV_per_fu=standard_error(energies) if known else None,
        voltage_V=None if metal is None else (metal - internal) / charge,
        failed_share=analysis.failed_share(),
        r_hat=split_r_hat(x) if known else None,
    )
    if point.x_standard_error is None:
        point.why_unknown = (
            f"x holds fewer than the {MIN_EFFECTIVE:.0f} independent samples of an error"
        )
    return point
