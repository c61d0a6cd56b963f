"""Every distinct state of a small cell, relaxed, with exact Boltzmann averages."""

import numpy as np

from redoxmc.campaign.parallel import Ranks
from redoxmc.campaign.progress import track
from redoxmc.campaign.run import join_ranks
from redoxmc.campaign.system import System, load_system
from redoxmc.config.campaign import Source, name_of
from redoxmc.errors import InputError
from redoxmc.report.spectrum import Spectrum, split_entropies
from redoxmc.results.states import EnumeratedState, Enumeration, ExactPoint, FailedEnumeratedState
from redoxmc.sampling.cache import EnergyCache
from redoxmc.structures.enumeration import distinct_orders, n_orders, orders_with
from redoxmc.structures.occupancy import occupancy_of_key
from redoxmc.thermo.entropy import canonical_averages

MAX_STATES = 200_000


def enumerate_states(config: Source) -> Enumeration:
    """Relax every distinct state of every concentration; every MPI rank calls it.

    The ion order is that of the first seed, or all of them with ordering = "sampled". A state whose
    relaxation fails is listed under "failed" and left out of the averages, as a run rejects it.
    Raises InputError above 200,000 states of one concentration, and for the semigrand ensemble.
    """
    system = load_system(config)
    ranks = join_ranks(system)
    if system.config.sampling.ensemble == "semigrand":
        raise InputError(
            f"{name_of(config)}: 'redoxmc enumerate' works at fixed x; use sampling.ensemble = "
            "'relaxed'."
        )
    spaces = {x: state_space(system, x) for x in system.counts}
    system.relax_hosts(ranks)
    cache = EnergyCache()
    for x, space in spaces.items():
        _relax_all(system, ranks, x, list(space), cache)
    result = Enumeration()
    for x, space in spaces.items():
        for key, degeneracy in space.items():
            entry = cache[key]
            if entry.energy is None:
                result.failed.append(
                    FailedEnumeratedState(key=key, x=x, degeneracy=degeneracy, reason=entry.reason)
                )
            else:
                result.states.append(
                    EnumeratedState(
                        key=key,
                        x=x,
                        degeneracy=degeneracy,
                        energy_eV=entry.energy,
                        lost_charges=entry.lost_charges,
                    )
                )
        result.thermo.extend(_thermo(system, x, space, cache))
    return result


def state_space(system: System, x: float) -> dict[str, int]:
    """Canonical keys and degeneracies of all states of a concentration, in a fixed order."""
    n_ions = system.counts[x]
    sampled = system.config.samples_ions
    size = n_orders(system.host, n_ions, ions_fixed=not sampled)
    if size is None or size > MAX_STATES:
        number = "too many" if size is None else size
        raise InputError(
            f"x = {x:g} has {number} states; 'redoxmc enumerate' relaxes at most {MAX_STATES}: "
            "take a smaller supercell, or sample with 'redoxmc run'."
        )
    ions = None if sampled else system.ions(x, system.config.sampling.seeds[0])
    return distinct_orders(system.host, orders_with(system.host, n_ions, ions))


def _relax_all(system: System, ranks: Ranks, x: float, keys: list[str], cache: EnergyCache) -> None:
    energies = system.energies(system.counts[x], cache)
    mine = keys[ranks.index :: ranks.n_groups]
    for key in track(mine, f"relaxing x = {x:g}", show=ranks.root):
        energies.look_up(occupancy_of_key(key))
        cache.geometries.kept.clear()  # energies are what is asked for
    cache.merge(ranks.gather(cache.take_fresh()))


def _thermo(
    system: System, x: float, space: dict[str, int], cache: EnergyCache
) -> list[ExactPoint]:
    lattice = system.lattice
    energies = [cache[key].energy for key in space]
    spectrum = Spectrum(
        list(space),
        list(space.values()),
        np.array([np.nan if energy is None else energy for energy in energies]),
        sum(space.values()),
    )
    levels, degeneracies = spectrum.valid()
    sampled = system.config.samples_ions
    records = []
    for temperature in system.config.sampling.temperatures if len(levels) else []:
        averages = canonical_averages(levels, degeneracies, temperature)
        ionic, electronic = None, averages.entropy
        if sampled:
            ionic, electronic = split_entropies(spectrum, system.host, temperature)
            ionic /= lattice.n_redox
        records.append(
            ExactPoint(
                x=x,
                temperature_K=temperature,
                energy_eV_per_fu=averages.mean_energy / lattice.formula_units,
                heat_capacity_kB_per_site=averages.heat_capacity / lattice.n_redox,
                electronic_entropy_kB_per_site=electronic / lattice.n_redox,
                ionic_entropy_kB_per_site=ionic,
                free_energy_eV_per_fu=averages.free_energy / lattice.formula_units,
            )
        )
    return records
