"""Joins a store with the formulas of thermo: what each chain says, and each (x, T)."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from redoxmc.report.spectrum import Spectrum, electronic_entropy, known_spectrum
from redoxmc.results.store import Store
from redoxmc.sampling.chain import Chain
from redoxmc.structures.lattice import Floats, Lattice, occupancy_of_key
from redoxmc.structures.symmetry import find_symmetry
from redoxmc.thermo.combine import best_averages
from redoxmc.thermo.correlation import effective_samples, split_r_hat, standard_error
from redoxmc.thermo.entropy import finite_size_entropy
from redoxmc.thermo.hull import formation_energies, on_hull
from redoxmc.thermo.moments import heat_capacity
from redoxmc.thermo.order import warren_cowley
from redoxmc.thermo.shells import neighbour_shells

MAX_COUNTED_STATES = 2_000
MIN_LADDER_STEPS = 40  # for the blocks of an error estimate
N_SHELLS = 3


@dataclass
class Analysis:
    """A store, its lattice, and the series of every chain after burn-in."""

    store: Store
    lattice: Lattice
    spectra: dict[str, Spectrum]

    @classmethod
    def of(cls, store: Store) -> "Analysis":
        """Prepare the analysis of a store."""
        lattice = Lattice.from_data(store.header["lattice"])
        symmetry = find_symmetry(lattice)
        sampled = store.header["config"]["ions"]["ordering"] == "sampled"
        spectra = {}
        known: dict[bytes, Spectrum] = {}
        for chain in store.chains:
            ions = chain.occupancy[lattice.n_redox :]
            group = bytes([int(ions.sum()) % 256]) if sampled else ions.tobytes()
            if group not in known:
                known[group] = known_spectrum(store, lattice, symmetry, ions, sampled)
            spectra[chain.name] = known[group]
        return cls(store, lattice, spectra)

    @property
    def config(self) -> dict[str, Any]:
        """The config of the campaign, defaults included."""
        config: dict[str, Any] = self.store.header["config"]
        return config

    def kept(self, chain: Chain) -> tuple[Floats, list[str]]:
        """Energies (eV) and keys of a chain after burn-in."""
        trace = self.store.traces.get(chain.name)
        if trace is None:
            return np.empty(0), []
        first = int(self.config["sampling"]["burn_in"] * len(trace.energies))
        return np.array(trace.energies[first:]), trace.keys[first:]

    def is_single_state(self, chain: Chain) -> bool:
        """Whether the chain's space holds one state, whose averages are exact."""
        return self.spectra[chain.name].n_states == 1

    def run_record(self, chain: Chain, structure: str | None) -> dict[str, Any]:
        """The entry of one chain under "runs" of summary.json."""
        energies, keys = self.kept(chain)
        units, sites = self.lattice.formula_units, self.lattice.n_redox
        exact = self.is_single_state(chain)
        trace = self.store.traces.get(chain.name)
        lowest = min(trace.energies) / units if trace and trace.energies else None
        n_atoms = len(self.lattice.atoms(chain.occupancy)[0])
        audits = self._audits(chain.n_ions)
        known = len(keys) >= 4
        capacity = None
        if known:
            capacity = _number(heat_capacity(energies, chain.temperature, sites).value)
        return {
            "x": chain.x,
            "temperature_K": chain.temperature,
            "seed": chain.seed,
            "n_atoms": n_atoms,
            "n_reduced": self.lattice.n_reduced(chain.n_ions),
            "steps": chain.step,
            "moves": {
                name: {"proposed": c.proposed, "accepted": c.accepted, "failed": c.failed}
                for name, c in chain.moves.items()
            },
            "relaxations": chain.relaxations,
            "cache_hits": chain.cache_hits,
            "force_evaluations": chain.force_evaluations,
            "wall_s": chain.wall,
            "failure": chain.failure or None,
            "energy_eV_per_fu": {
                "mean": _number(energies.mean() / units) if known else None,
                "standard_error": 0.0 if exact else _error(energies / units) if known else None,
                "min": lowest,
            },
            "heat_capacity_kB_per_site": 0.0 if exact else capacity,
            "effective_samples": _number(effective_samples(energies)) if known else None,
            "order": {"warren_cowley": self.order(chain)},
            "path_audit_eV": audits,
            "state_counts": dict(Counter(keys)) if self._countable else None,
            "best_structure": structure,
        }

    @property
    def _countable(self) -> bool:
        return len(self.store.cache) <= MAX_COUNTED_STATES

    def _audits(self, n_ions: int) -> dict[str, Any]:
        """Audits of all energies at this concentration: replicas share them."""
        audits = [
            entry.audit
            for key, entry in self.store.cache.entries.items()
            if entry.audit is not None and key.split("|")[1].count("1") == n_ions
        ]
        good = [audit for audit in audits if not math.isnan(audit)]
        failed = len(audits) - len(good)
        return {"checked": len(good), "max": max(good, default=None), "failed": failed}

    def order(self, chain: Chain) -> list[float | None]:
        """Warren-Cowley parameters of the redox sublattice, nearest shells first."""
        _, keys = self.kept(chain)
        sites = self.lattice.scaled[self.lattice.redox_sites] @ self.lattice.cell
        shells, _ = neighbour_shells(self.lattice.cell, sites, N_SHELLS)
        counts = Counter(keys)
        if not counts:
            return [None] * len(shells)
        states = np.array([occupancy_of_key(k)[: self.lattice.n_redox] for k in counts])
        values = np.array([warren_cowley(state, shells) for state in states])
        weights = np.array(list(counts.values()), dtype=float)
        return [_number(v) for v in weights @ values / weights.sum()]

    def thermo_records(self) -> list[dict[str, Any]]:
        """The entries under "thermo": one for each (x, T), all seeds together."""
        groups: dict[tuple[float, float], list[Chain]] = {}
        for chain in self.store.chains:
            groups.setdefault((chain.x, chain.temperature), []).append(chain)
        records = [self._thermo(x, t, chains) for (x, t), chains in sorted(groups.items())]
        for temperature in sorted({t for _, t in groups}):
            _add_hull([r for r in records if r["temperature_K"] == temperature])
        return records

    def _thermo(self, x: float, temperature: float, chains: list[Chain]) -> dict[str, Any]:
        units, sites = self.lattice.formula_units, self.lattice.n_redox
        series = [self.kept(chain)[0] for chain in chains if not chain.failure]
        length = min((len(s) for s in series), default=0)
        together = np.array([s[:length] for s in series])
        mean = float(together.mean()) / units if length else None
        entropy, free = self._entropy_and_free_energy(temperature, chains)
        n_reduced = self.lattice.n_reduced(chains[0].n_ions) or 0
        return {
            "x": x,
            "temperature_K": temperature,
            "energy_eV_per_fu": mean,
            "formation_energy_eV_per_fu": None,
            "on_hull": None,
            "electronic_entropy_kB_per_site": entropy[0],
            "electronic_entropy_standard_error": entropy[1],
            "ideal_finite_size_kB_per_site": finite_size_entropy(sites, n_reduced),
            "free_energy_eV_per_fu": None if free[0] is None else free[0] / units,
            "free_energy_standard_error": None if free[1] is None else free[1] / units,
            "r_hat": _number(split_r_hat(together)) if length >= 4 else None,
        }

    def _entropy_and_free_energy(
        self, temperature: float, chains: list[Chain]
    ) -> tuple[tuple[float | None, float | None], tuple[float | None, float | None]]:
        """Entropy in k_B per redox site, free energy in eV per cell, each with its standard error.

        Exact from the spectrum where every state of the space is known, else from the chains of all
        temperatures anchored at infinite temperature, else unknown. With ion orders that differ
        between seeds, the mean over the seeds and the error of that mean.
        """
        per_seed = [self._one_space(temperature, chain) for chain in chains]
        if any(value is None for value in per_seed):
            return (None, None), (None, None)
        distinct = {id(self.spectra[c.name]): v for c, v in zip(chains, per_seed, strict=True) if v}
        values = np.array(list(distinct.values()))
        if len(values) == 1:
            entropy, entropy_error, free, free_error = values[0]
            return (entropy, _number(entropy_error)), (free, _number(free_error))
        errors = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        mean = values.mean(axis=0)
        return (float(mean[0]), float(errors[0])), (float(mean[2]), float(errors[2]))

    def _one_space(
        self, temperature: float, chain: Chain
    ) -> tuple[float, float, float, float] | None:
        spectrum = self.spectra[chain.name]
        levels, degeneracies = spectrum.valid()
        sampled = self.config["ions"]["ordering"] == "sampled"
        if spectrum.complete:
            if not len(levels):
                return None
            log_states = math.log(degeneracies.sum())  # states that do not relax are none
        elif sampled:  # the chains give the joint entropy of ions and charges only
            return None
        else:
            log_states = math.log(spectrum.n_states)
        temperatures, series = self._series_of(spectrum)
        if not spectrum.complete and (not series or series[0].shape[1] < MIN_LADDER_STEPS):
            return None
        found = best_averages(
            temperatures, series, log_states, levels, degeneracies, at=[temperature]
        )[0]
        if not found.anchored:
            return None
        entropy, error = found.entropy.value, found.entropy.standard_error
        if sampled:
            symmetry = find_symmetry(self.lattice)
            entropy = electronic_entropy(spectrum, self.lattice, symmetry, temperature)
        free, sites = found.free_energy, self.lattice.n_redox
        return entropy / sites, error / sites, free.value, free.standard_error

    def _series_of(self, spectrum: Spectrum) -> tuple[list[float], list[Floats]]:
        """Temperatures and energies [n_seeds, n_steps] of all chains in one space."""
        found: dict[float, list[Floats]] = {}
        for chain in self.store.chains:
            if self.spectra[chain.name] is spectrum and not chain.failure:
                found.setdefault(chain.temperature, []).append(self.kept(chain)[0])
        length = min((len(s) for group in found.values() for s in group), default=0)
        temperatures = sorted(found)
        return temperatures, [np.array([s[:length] for s in found[t]]) for t in temperatures]


def _add_hull(records: list[dict[str, Any]]) -> None:
    """Formation energies and hull of one temperature, where both end members are known."""
    known = [r for r in records if r["energy_eV_per_fu"] is not None]
    ends = {r["x"]: r["energy_eV_per_fu"] for r in known if r["x"] in (0.0, 1.0)}
    if len(ends) < 2:
        return
    x = [r["x"] for r in known]
    formation = formation_energies(x, [r["energy_eV_per_fu"] for r in known], ends[0.0], ends[1.0])
    for record, energy, flag in zip(known, formation, on_hull(x, formation), strict=True):
        record["formation_energy_eV_per_fu"], record["on_hull"] = float(energy), bool(flag)


def _number(value: float) -> float | None:
    """JSON knows no NaN: what cannot be known is null."""
    return float(value) if math.isfinite(value) else None


def _error(series: Floats) -> float | None:
    return _number(standard_error(series))
