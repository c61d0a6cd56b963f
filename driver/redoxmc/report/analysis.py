"""Joins a store with the formulas of thermo: what each chain says."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.report.order import OrderParameters
from redoxmc.report.remarks import lost_in_steps
from redoxmc.report.spectrum import Spectrum, known_spectrum
from redoxmc.results.runs import Audit, Mean, MeanEnergy, Run, SemigrandRun
from redoxmc.results.store import Store
from redoxmc.sampling.chain import Chain
from redoxmc.structures.host import Host
from redoxmc.structures.lattice import Floats, Lattice
from redoxmc.structures.occupancy import ions_of_key, occupancy_of_key
from redoxmc.thermo.correlation import effective_samples, standard_error
from redoxmc.thermo.moments import heat_capacity

if TYPE_CHECKING:
    from ase import Atoms


MAX_COUNTED_STATES = 2_000


@dataclass
class Analysis:
    """A store, its lattice, and the state space of every chain (but in the semigrand ensemble)."""

    store: Store
    host: Host
    order: OrderParameters
    spectra: dict[str, Spectrum] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Store) -> "Analysis":
        """Prepare the analysis of a store."""
        lattice = Lattice.from_data(store.header["lattice"])
        order = OrderParameters.of(lattice, store.header["config"]["host"]["supercell"])
        analysis = cls(store, Host.of(lattice), order)
        if analysis.semigrand:
            return analysis
        spectra: dict[bytes, Spectrum] = {}
        for chain in store.chains + store.uniform_chains:
            ions = chain.occupancy[lattice.n_redox :]
            group = str(ions.sum()).encode() if analysis.sampled else ions.tobytes()
            if group not in spectra:
                spectra[group] = known_spectrum(store, analysis.host, ions, analysis.sampled)
            analysis.spectra[chain.name] = spectra[group]
        return analysis

    @property
    def lattice(self) -> Lattice:
        """The sites of the host."""
        return self.host.lattice

    @property
    def config(self) -> dict[str, Any]:
        """The config of the campaign, defaults included."""
        config: dict[str, Any] = self.store.header["config"]
        return config

    @property
    def sampled(self) -> bool:
        """Whether ion orders are sampled too."""
        ions = self.config["ions"]
        return bool(ions and ions["ordering"] == "sampled")

    @property
    def semigrand(self) -> bool:
        """Whether x varies along a chain."""
        return bool(self.config["sampling"]["ensemble"] == "semigrand")

    def kept(self, chain: Chain) -> tuple[Floats, list[str]]:
        """Energies (eV) and keys of a chain after burn-in and cooling."""
        trace = self.store.kept(chain)
        return np.array(trace.energies), trace.keys

    def drawn(self, chain: Chain) -> Floats:
        """Energies (eV) of uniform draws, (n,); nan where they do not relax."""
        trace = self.store.traces.get(chain.name)
        return np.array(trace.energies if trace else [])

    def is_single_state(self, chain: Chain) -> bool:
        """Whether the chain's space holds one state, whose averages are exact."""
        return not self.semigrand and self.spectra[chain.name].n_states == 1

    def run_record(self, chain: Chain, structure: str | None) -> Run:
        """The entry of one chain under "runs" of summary.json."""
        energies, keys = self.kept(chain)
        units, sites = self.lattice.formula_units, self.lattice.n_redox
        exact = self.is_single_state(chain) and len(keys) > 0
        trace = self.store.traces.get(chain.name)
        known = len(keys) >= 4
        energy = mean_of(energies, known, units)
        capacity = None
        if exact:
            energy.standard_error = capacity = 0.0
        elif known and not self.semigrand:  # x fluctuates there, and the energy with it
            capacity = heat_capacity(energies, chain.temperature, sites).value
        lowest = min(trace.energies) / units if trace and trace.energies else None
        record = Run(
            x=chain.x,
            temperature_K=chain.temperature,
            seed=chain.seed,
            n_atoms=len(self.lattice.atoms(chain.occupancy)[0]),
            n_reduced=int(chain.occupancy[:sites].sum()),
            steps=chain.step,
            moves=chain.moves,
            walk_sweeps=chain.sweeps or None,
            walk_share=chain.walk_share or None,
            relaxations=chain.relaxations,
            cache_hits=chain.cache_hits,
            force_evaluations=chain.force_evaluations,
            wall_s=chain.wall,
            failure=chain.failure or None,
            energy_eV_per_fu=MeanEnergy(**vars(energy), min=lowest),
            heat_capacity_kB_per_site=capacity,
            effective_samples=effective_samples(energies) if known else None,
            order=self.order.of_visits(keys),
            path_audit_eV=self._audits(None if self.semigrand else chain.n_ions),
            lost_orders=lost_in_steps(self.store.cache, keys),
            state_counts=dict(Counter(keys)) if self._countable else None,
            best_structure=structure,
        )
        if chain.chemical_potential is None:
            return record
        return SemigrandRun(
            **vars(record),
            chemical_potential_eV=chain.chemical_potential,
            mean_x=mean_of(self.concentrations(keys), known),
        )

    def failed_share(self, n_ions: int | None = None) -> float:
        """The share of the distinct states known with n_ions ions (None: any) that do not relax."""
        energies = [
            entry.energy
            for key, entry in self.store.cache.entries.items()
            if n_ions in (None, ions_of_key(key))
        ]
        return energies.count(None) / len(energies) if energies else 0.0

    @property
    def end_members(self) -> list[str]:
        """Formulas at the first and the last sampled x; none where there is one x only."""
        chains = self.store.chains or self.store.md_chains
        counts = sorted({chain.n_ions for chain in chains})
        ends = (counts[0], counts[-1]) if len(counts) > 1 else ()
        return [self.lattice.formula_at(n_ions) for n_ions in ends]

    def concentrations(self, keys: list[str]) -> Floats:
        """Ions per redox site of each of the states."""
        return np.array([ions_of_key(key) for key in keys]) / self.lattice.n_redox

    def relaxed_atoms(self, key: str) -> "Atoms | None":
        """The relaxed canonical structure of a state; None where it is not kept."""
        geometry = self.store.cache.geometry(key)
        if geometry is None:
            return None
        energy = self.store.cache[key].energy
        atoms = self.host.atoms(occupancy_of_key(key), *geometry, energy=energy)
        atoms.info["state"] = key
        return atoms

    @property
    def _countable(self) -> bool:
        return len(self.store.cache) <= MAX_COUNTED_STATES

    def _audits(self, n_ions: int | None) -> Audit:
        """Audits of all energies at this concentration (None: at any): replicas share them."""
        audits = [
            entry.audit
            for key, entry in self.store.cache.entries.items()
            if entry.audit is not None and n_ions in (None, ions_of_key(key))
        ]
        good = [audit for audit in audits if not math.isnan(audit)]
        return Audit(checked=len(good), max=max(good, default=None), failed=len(audits) - len(good))


def mean_of(series: Floats, known: bool, units: int = 1) -> Mean:
    """The average of a series over a number of units, and its error; unknown ones if not known."""
    if not known:
        return Mean(mean=None, standard_error=None)
    return Mean(mean=series.mean() / units, standard_error=standard_error(series / units))
