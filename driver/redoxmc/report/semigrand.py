"""What a semigrand campaign says: mean x and energy at each chemical potential and temperature."""

from typing import Any

import numpy as np

from redoxmc.report.analysis import Analysis, number
from redoxmc.sampling.chain import Chain
from redoxmc.thermo.correlation import MIN_EFFECTIVE, split_r_hat, standard_error


def semigrand_records(analysis: Analysis) -> list[dict[str, Any]]:
    """The entries under "thermo": one for each (chemical potential, T), all starts together.

    x is the mean there; what needs a fixed x is null. internal_potential_eV is the derivative of
    the free energy by the number of ions at that mean: μ itself, and μ − 2 κ x where the variance
    is constrained (Sadigh & Erhart 2012, eq. 11). The voltage against the metal is (E_metal − that
    potential)/z.
    """
    groups: dict[tuple[float, float], list[Chain]] = {}
    for chain in analysis.store.chains:
        if chain.chemical_potential is not None and not chain.failure:
            group = (chain.chemical_potential, chain.temperature)
            groups.setdefault(group, []).append(chain)
    return [_record(analysis, mu, t, chains) for (mu, t), chains in sorted(groups.items())]


def _record(
    analysis: Analysis, potential: float, temperature: float, chains: list[Chain]
) -> dict[str, Any]:
    lattice = analysis.lattice
    kept = [analysis.kept(chain) for chain in chains]
    length = min(len(energies) for energies, _ in kept)
    x = np.array([analysis.concentrations(keys[:length]) for _, keys in kept])
    energies = np.array([own[:length] for own, _ in kept]) / lattice.formula_units
    known = length >= 4
    metal = analysis.config["ions"]["metal_energy"]
    charge = lattice.species[lattice.ion_sites[0]].charge
    stiffness = chains[0].stiffness
    mean, error = float(x.mean()) if known else np.nan, standard_error(x) if known else np.nan
    internal = potential - 2 * stiffness * mean if stiffness else potential
    unknown = (
        "formation_energy_eV_per_fu",
        "on_hull",
        "electronic_entropy_kB_per_site",
        "electronic_entropy_standard_error",
        "ideal_finite_size_kB_per_site",
        "free_energy_eV_per_fu",
        "free_energy_standard_error",
    )
    return {
        "chemical_potential_eV": potential,
        "temperature_K": temperature,
        "internal_potential_eV": number(internal),
        "internal_potential_standard_error_eV": number(2 * stiffness * error if stiffness else 0.0),
        "x": number(mean),
        "x_standard_error": number(error),
        "energy_eV_per_fu": float(energies.mean()) if known else None,
        "energy_standard_error_eV_per_fu": number(standard_error(energies)) if known else None,
        "voltage_V": None if metal is None else number((metal - internal) / charge),
        **dict.fromkeys(unknown),
        "r_hat": number(split_r_hat(x)) if known else None,
        "why_unknown": (
            None
            if known and np.isfinite(error)
            else f"x holds fewer than the {MIN_EFFECTIVE:.0f} independent samples of an error"
        ),
    }
