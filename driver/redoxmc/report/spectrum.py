"""The distinct states of a chain's state space that are known, and whether these are all."""

from dataclasses import dataclass

import numpy as np

from redoxmc.results.store import Store
from redoxmc.structures.enumeration import n_orders
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats, Occupancy
from redoxmc.structures.occupancy import ions_of_key, occupancy_of_key
from redoxmc.thermo.entropy import boltzmann_probabilities, split_entropy


@dataclass(frozen=True)
class Spectrum:
    """Known states of a state space: one ion order with all charge orders, or all of both."""

    keys: list[str]  # canonical
    degeneracies: list[int]  # occupancies of the space in each
    energies: Floats  # eV, nan where the relaxation failed
    # size of the space, failed states included; None where it is not known
    n_states: int | None

    @property
    def complete(self) -> bool:
        """Whether every state of the space is known."""
        return sum(self.degeneracies) == self.n_states

    @property
    def some_failed(self) -> bool:
        """Whether states are known that do not relax."""
        return bool(np.isnan(self.energies).any())

    def valid(self) -> tuple[Floats, Floats]:
        """Energies (eV) and degeneracies of the states that relaxed."""
        good = ~np.isnan(self.energies)
        return self.energies[good], np.array(self.degeneracies, dtype=float)[good]


def known_spectrum(store: Store, host: Host, ions: Occupancy, sampled: bool) -> Spectrum:
    """Collect what the cache knows of the space of a chain.

    ions: (n_ion_sites,) the chain's ion order. sampled: whether ion orders are sampled too.
    """
    lattice, n_ions = host.lattice, int(ions.sum())
    n_states = n_orders(host, n_ions, ions_fixed=not sampled)
    keys, degeneracies, energies = [], [], []
    for key, entry in store.cache.entries.items():
        if ions_of_key(key) != n_ions:
            continue
        orbit = host.symmetry.orbit(occupancy_of_key(key))
        inside = sampled | (orbit[:, lattice.n_redox :] == ions).all(axis=1)
        if inside.any():
            keys.append(key)
            degeneracies.append(int(inside.sum()))
            energies.append(np.nan if entry.energy is None else entry.energy)
    return Spectrum(keys, degeneracies, np.array(energies), n_states)


def split_entropies(spectrum: Spectrum, host: Host, temperature: float) -> tuple[float, float]:
    """Ionic and electronic entropy (k_B per cell) of a complete spectrum of ion and charge orders.

    The electronic one is what charges add once the ion order is known; see
    thermo.entropy.split_entropy.
    """
    good = np.flatnonzero(~np.isnan(spectrum.energies))
    orbits = [host.symmetry.orbit(occupancy_of_key(spectrum.keys[n])) for n in good]
    energies = np.repeat(spectrum.energies[good], [len(orbit) for orbit in orbits])
    ions = np.concatenate(orbits)[:, host.lattice.n_redox :]
    labels = np.unique(ions, axis=0, return_inverse=True)[1].ravel()
    weights = boltzmann_probabilities(energies, np.ones(len(energies)), temperature)
    return split_entropy(weights, labels)
