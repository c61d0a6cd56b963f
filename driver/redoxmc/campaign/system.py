"""What a config describes: model, lattice, symmetry, moves. Runs and enumerations start here."""

import importlib.metadata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc import __version__
from redoxmc.campaign.parallel import Ranks
from redoxmc.config.campaign import Config, Source, load_config, name_of
from redoxmc.engines.host import HostRelaxer
from redoxmc.engines.lammps import LammpsSession
from redoxmc.errors import EngineError, InputError
from redoxmc.io.points import read_points
from redoxmc.model_card import ModelCard, load_card
from redoxmc.moves.electron_transfer import ElectronTransfer
from redoxmc.moves.mixture import WeightedMixture, build_moves, refuse_idle_moves
from redoxmc.moves.sites import Sites
from redoxmc.sampling.cache import EnergyCache
from redoxmc.sampling.energies import Energies, EnergiesOfAnyCount, RelaxedEnergies
from redoxmc.species import Species
from redoxmc.structures.compositions import compositions
from redoxmc.structures.host import Host, HostGeometry
from redoxmc.structures.host_file import build_lattice
from redoxmc.structures.lattice import Lattice, Occupancy
from redoxmc.structures.neighbours import neighbour_shells
from redoxmc.structures.ordering import ion_order, lowest_charge_order, lowest_order


@dataclass
class System:
    """Everything that follows from a config."""

    config: Config
    card: ModelCard
    host: Host
    mixture: WeightedMixture  # of moves
    counts: dict[float, int]  # number of ions of each concentration
    relaxer: HostRelaxer  # of host lattices; it makes the engines

    @property
    def lattice(self) -> Lattice:
        """The sites of the host."""
        return self.host.lattice

    @property
    def session(self) -> LammpsSession:
        """This process' LAMMPS."""
        return self.relaxer.session

    @property
    def identity(self) -> str:
        """Hash of what determines the chains."""
        host = self.config.host.structure.read_text(encoding="utf-8", errors="replace")
        return self.config.identity(self.card.identity, host)

    def header(self) -> dict[str, Any]:
        """What results carry of their origin: plain data."""
        card = self.card
        return {
            "identity": self.identity,
            "model_identity": card.identity,  # of all files that determine energies
            "config": self._config_with_metal(),
            "lattice": self.lattice.to_data(),
            "versions": _versions(),
            "model": {
                "name": card.name,
                "architecture": card.architecture,
                "sha256": card.sha256,
                "charge_aware": card.charge_aware,
            },
        }

    def _config_with_metal(self) -> dict[str, Any]:
        """The config with the zero of voltages from the model card, where it says none itself."""
        config = self.config.echo()
        ions, metal = self.config.ions, self.card.metal
        if ions is None or ions.metal_energy is not None or metal is None:
            return config
        if Species.parse(ions.species).element == metal.element:
            config["ions"]["metal_energy"] = metal.energy
        return config

    def ions(self, x: float, seed: int) -> Occupancy:
        """The ion order of a concentration; "random" and "sampled" depend on the seed."""
        n_ions = self.counts[x]
        ordering = self.config.ions.ordering if self.config.ions else "ewald"
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_ions, 0)))
        return ion_order(self.host, n_ions, ordering, rng)

    def ordered_state(self, x: float, seed: int) -> Occupancy:
        """The state of lowest electrostatic energy, of the charges alone where ions are fixed."""
        if self.mixture.changes_ions:
            return lowest_order(self.host, self.counts[x])
        return lowest_charge_order(self.lattice, self.ions(x, seed))

    @property
    def reachable_counts(self) -> list[int]:
        """Numbers of ions that the chains may have."""
        return _reachable_counts(self.config, self.lattice, self.counts.values())

    def energies(self, n_ions: int, cache: EnergyCache) -> Energies:
        """The relaxed energies that a chain asks for which starts with n_ions ions."""
        if self.config.sampling.ensemble != "semigrand":
            return self.relaxed_energies(n_ions, cache)
        return EnergiesOfAnyCount(self.lattice, lambda n: self.relaxed_energies(n, cache))

    def relaxed_energies(self, n_ions: int, cache: EnergyCache) -> RelaxedEnergies:
        """The relaxed energies of one concentration, from this process' LAMMPS."""
        energies = RelaxedEnergies(
            self.host,
            self.relaxer.engine(n_ions),
            cache,
            self.mixture.at_fixed_count() or ElectronTransfer(self.lattice.most),
            audit=self.config.sampling.audit,
            from_previous=self.config.relax.start == "previous",
        )
        group = self.session.comm
        if group is not None and group.Get_size() > 1:
            # of several ranks one reads: what it does not see yet, the others must not find either
            energies.geometry = lambda key: group.bcast(
                cache.geometry(key) if group.Get_rank() == 0 else None
            )
        return energies

    def relax_hosts(self, ranks: Ranks) -> None:
        """Find the host lattices that are still missing, spread over groups.

        Raises InputError where a model cannot relax it: no state of that concentration would start.
        """
        geometries = self.host.geometries
        missing = [n for n in self.reachable_counts if n not in geometries]
        relaxed: dict[int, HostGeometry | str] = {}
        for n_ions in missing[ranks.index :: ranks.n_groups]:
            try:
                relaxed[n_ions] = self.relaxer.geometry(n_ions)
            except EngineError as error:
                relaxed[n_ions] = str(error)
        for part in ranks.gather(relaxed):
            for n_ions, host in part.items():
                if isinstance(host, str):
                    raise InputError(
                        f"model {self.card.folder}: the host lattice with {n_ions} ions does not "
                        f"relax ({host}); use relax.cell = 'fixed' or another model."
                    )
                geometries[n_ions] = host


def load_system(source: Source, concentration: float | None = None) -> System:
    """Read and check everything that a config names; InputError for the first fault.

    concentration: keep this one of the config's only.
    """
    config = load_config(source)
    card = load_card(config.model.path)
    if card.is_classical and "device" in config.model.model_fields_set:
        raise InputError(
            f"{name_of(source)}: model.device = '{config.model.device}' is for learned models, and "
            f"{card.folder} is a potential of LAMMPS' own styles; leave it out."
        )
    if config.report.hull_points is not None:
        read_points(config.report.hull_points)  # drawn at the end, which is late to say no
    lattice = build_lattice(config, card)
    counts = compositions(config, lattice)
    mixture = _moves(config, lattice)
    reachable = _reachable_counts(config, lattice, counts.values())
    refuse_idle_moves(mixture, lattice.n_redox, [lattice.packed(n) for n in reachable])
    if concentration is not None:
        counts = _only(counts, concentration, name_of(source))
    if concentration is not None and config.ions is not None:
        ions = config.ions.model_copy(update={"concentrations": list(counts)})
        config = config.model_copy(update={"ions": ions})
    host = Host.of(lattice, card.bonds)
    relaxer = HostRelaxer(host, LammpsSession(card, device=config.model.device), config.relax)
    return System(config, card, host, mixture, counts, relaxer)


def _moves(config: Config, lattice: Lattice) -> WeightedMixture:
    sites = lattice.scaled @ lattice.cell
    redox, ions = sites[lattice.redox_sites], sites[lattice.ion_sites]
    semigrand = config.sampling.ensemble == "semigrand"
    ion_pairs = np.empty((0, 2), dtype=np.int64)
    if len(ions):
        ion_pairs = neighbour_shells(lattice.cell, redox, 1, others=ions)[0][0]
    return build_moves(
        config.sampling.moves,
        Sites(
            lattice.n_redox,
            lattice.n_ion_sites,
            redox_pairs=neighbour_shells(lattice.cell, redox, 1)[0][0],
            ion_pairs=ion_pairs,
            electrons=_electrons(lattice) if semigrand else 1,
            semigrand=semigrand,
            most=lattice.most,
            one_couple=lattice.one_couple,
            excluded=lattice.excluded,
        ),
    )


def _electrons(lattice: Lattice) -> int:
    """Redox sites that one ion reduces; InputError where that is no whole number."""
    ion = lattice.species[lattice.ion_sites[0]]
    number: int
    number, rest = divmod(ion.charge, lattice.step)
    if rest or number < 1:
        states = lattice.ladders[0]
        raise InputError(
            f"ions.species = '{ion}' does not reduce a whole number of {states[0]} to {states[1]}."
        )
    return number


def _reachable_counts(config: Config, lattice: Lattice, counts: Iterable[int]) -> list[int]:
    """Numbers of ions that chains of the campaign may have."""
    if config.sampling.ensemble == "semigrand":
        counts = range(lattice.n_ion_sites + 1)
        return [n for n in counts if lattice.n_reduced(n) is not None and lattice.holds(n)]
    return sorted(set(counts))


def _only(counts: dict[float, int], concentration: float, path: Path) -> dict[float, int]:
    wanted = {x: n for x, n in counts.items() if abs(x - concentration) < 1e-6}
    if not wanted:
        raise InputError(
            f"--concentration {concentration:g} is none of ions.concentrations in {path}: "
            f"{list(counts)}."
        )
    return wanted


def _versions() -> dict[str, str]:
    """Versions of what determines the numbers."""
    versions = {"redoxmc": __version__}
    for name in ("lammps", "torch", "numpy", "spglib"):
        versions[name] = importlib.metadata.version(name)
    return versions
