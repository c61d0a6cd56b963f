"""Energies and chains of a material in memory, without a campaign and its folder."""

from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.campaign.enumeration import state_space
from redoxmc.campaign.run import join_ranks
from redoxmc.campaign.system import load_system
from redoxmc.config.campaign import Source
from redoxmc.errors import EngineError, InputError, cut
from redoxmc.sampling.cache import EnergyCache, Entry
from redoxmc.sampling.chain import make_chain
from redoxmc.sampling.energies import RelaxedEnergies
from redoxmc.sampling.ladder import advance, make_ladder
from redoxmc.structures.compositions import ion_count
from redoxmc.structures.lattice import Occupancy
from redoxmc.structures.occupancy import occupancy_key, occupancy_of_key

if TYPE_CHECKING:
    from ase import Atoms


class Sampler:
    """Relaxed energies of a material and Markov chains on them.

    config: as of a campaign; `sampling.moves` and `[relax]` count, temperatures and steps do not.
    States are keys such as "0110|1100": electrons of each redox site, ion sites. Every energy is
    computed once and kept, so that a second chain on known states costs nothing.
    """

    def __init__(self, config: Source):
        self._system = load_system(config)
        join_ranks(self._system)
        self._cache = EnergyCache()
        self._energies: dict[int, RelaxedEnergies] = {}

    def states(self, x: float) -> dict[str, int]:
        """The distinct states at x ions per redox site, and how many orders each stands for."""
        self._count(x)
        return state_space(self._system, x)

    def energy(self, state: str) -> float:
        """Relaxed energy of a state, eV per cell; EngineError where it does not relax."""
        energy = self._entry(state).energy
        assert energy is not None
        return energy

    def atoms(self, state: str) -> "Atoms":
        """The relaxed structure of a state, in its canonical form, with `charge_state`."""
        entry, host = self._entry(state), self._system.host
        canonical = host.symmetry.canonical(occupancy_of_key(state))
        geometry = self._cache.geometry(occupancy_key(host.lattice, canonical))
        assert geometry is not None
        return host.atoms(canonical, *geometry, energy=entry.energy)

    def walk(self, x: float, temperature: float, steps: int, seed: int = 1) -> Any:
        """A chain of attempted moves, as a pandas.DataFrame of step, state and energy_eV.

        temperature: K. It begins at a random charge order. EngineError where no state relaxes.
        """
        import pandas

        self._count(x)
        ions = self._system.ions(x, seed)
        chain = make_chain(self._system.lattice, x, ions, temperature, seed)
        energies = self._of(int(ions.sum()))
        advance(make_ladder([chain], 1), energies, self._system.mixture, steps, lambda: False)
        if chain.failure:
            raise EngineError(chain.failure)
        trace = chain.take_history()
        columns = {"state": trace.keys, "energy_eV": np.array(trace.energies)}
        return pandas.DataFrame({"step": np.arange(1, len(trace.keys) + 1)} | columns)

    def _count(self, x: float) -> None:
        """Make a composition known that the config does not name."""
        if x not in self._system.counts:
            self._system.counts[x] = ion_count(self._system.lattice, x)

    def _entry(self, state: str) -> Entry:
        occupancy, n_ions = self._occupancy(state)
        entry = self._of(n_ions).look_up(occupancy).entry
        if entry.energy is None:
            raise EngineError(f"state {state}: {entry.reason}", entry.force_evaluations)
        return entry

    def _occupancy(self, state: str) -> tuple[Occupancy, int]:
        """A state as an array, and its number of ions; InputError where it is none of this cell."""
        lattice = self._system.lattice
        charges, _, ions = state.partition("|")
        sizes = (lattice.n_redox, lattice.n_ion_sites)
        written = (charges + ions).isdecimal() and set(ions) <= {"0", "1"}
        if not written or (len(charges), len(ions)) != sizes:
            raise InputError(
                f"state {cut(state)!r}: write {sizes[0]} digits, the electrons of each redox site, "
                f"a bar and {sizes[1]} digits for the ion sites, as in '0110|1100'."
            )
        occupancy, n_ions = occupancy_of_key(state), ions.count("1")
        levels = occupancy[: lattice.n_redox]
        if (levels > lattice.most).any() or int(levels.sum()) != lattice.n_reduced(n_ions):
            raise InputError(
                f"state {state!r} is not neutral: {n_ions} ions leave {lattice.n_reduced(n_ions)} "
                f"electrons on the redox sites, at most {max(lattice.most)} on one."
            )
        return occupancy, n_ions

    def _of(self, n_ions: int) -> RelaxedEnergies:
        """The energies of a composition; its host lattice is relaxed when it is first asked for."""
        if n_ions not in self._energies:
            geometries = self._system.host.geometries
            if n_ions not in geometries:
                geometries[n_ions] = self._system.relaxer.geometry(n_ions)
            self._energies[n_ions] = self._system.relaxed_energies(n_ions, self._cache)
        return self._energies[n_ions]
