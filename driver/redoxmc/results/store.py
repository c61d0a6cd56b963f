"""Everything that a campaign knows, and its file: results.h5, replaced atomically at a checkpoint.

`results.layout` says what is where in the file. A reader sees the last complete checkpoint at any
time.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.dynamics.replica import MdChain
from redoxmc.errors import InputError
from redoxmc.results import layout
from redoxmc.results.replica import AnyChain, Replica
from redoxmc.results.sealed import earlier, open_sealed, write_sealed
from redoxmc.sampling.cache import EnergyCache
from redoxmc.sampling.chain import Chain
from redoxmc.sampling.ladder import Ladder
from redoxmc.sampling.surrogate import Fit
from redoxmc.sampling.trace import Trace
from redoxmc.structures.host import HostGeometry

GEOMETRIES = "geometries"  # the folder of files of geometries, in that of the results
MOST_BYTES = 64_000_000  # of geometries that results.h5 takes in all, which is written from memory


@dataclass
class Store:
    """Everything that a campaign knows; of ladders and md_chains, one list is empty."""

    # plain data that goes into the attributes: identity, config, lattice, versions, model
    header: dict[str, Any]
    # relaxed energies of canonical states, of Monte Carlo
    cache: EnergyCache = field(default_factory=EnergyCache)
    # the host lattice by number of ions
    hosts: dict[int, HostGeometry] = field(default_factory=dict)
    # replicas of Monte Carlo
    ladders: list[Ladder] = field(default_factory=list)
    # the history of each chain, by its name
    traces: dict[str, Trace] = field(default_factory=dict)
    # whether every replica has its steps
    complete: bool = False
    # replicas of dynamics
    md_chains: list[MdChain] = field(default_factory=list)
    # what walks go by, by number of ions: of Monte Carlo with sampling.surrogate
    surrogates: dict[int, Fit] = field(default_factory=dict)
    # of each group of ranks, the part of the last run's sampling in which it did nothing
    idle_shares: list[float] = field(default_factory=list)

    @property
    def chains(self) -> list[Chain]:
        """The chains of all ladders, but for uniform draws."""
        return [c for ladder in self.ladders for c in ladder.chains if not c.uniform]

    @property
    def uniform_chains(self) -> list[Chain]:
        """The uniform draws."""
        return [c for ladder in self.ladders for c in ladder.chains if c.uniform]

    def without_history(self) -> "Store":
        """The same without what only root needs: histories and geometries."""
        return replace(self, traces={}, cache=EnergyCache(self.cache.entries))

    def kept(self, chain: AnyChain) -> Trace:
        """The history of a chain after burn-in, cooling, and changes of its walks."""
        trace = self.traces.get(chain.name, Trace())
        first = int(self.header["config"]["sampling"]["burn_in"] * len(trace.energies))
        if isinstance(chain, Chain):
            first = max(first, chain.anneal_steps, chain.settled)
        return trace.after(first)

    def absorb(self, replicas: Sequence[Replica]) -> None:
        """Take back replicas that a group has advanced, and their new history."""
        kinds: tuple[list[Any], ...] = (self.ladders, self.md_chains)
        for mine in kinds:
            places = {replica.name: n for n, replica in enumerate(mine)}
            for replica in replicas:
                if replica.name in places:
                    mine[places[replica.name]] = replica
        for replica in replicas:
            for chain in replica.chains:
                self.traces.setdefault(chain.name, Trace()).extend(chain.take_history())


_NO_IONS: dict[str, list[float]] = {"concentrations": []}


def merge(stores: Sequence[Store], names: Sequence[str]) -> Store:
    """Bring stores of one config with different concentrations together.

    names: what to call them in errors. Raises InputError where config or model differ, or two hold
    the same replica.
    """
    first = stores[0]
    merged = Store(dict(first.header), complete=all(s.complete for s in stores))
    concentrations: list[float] = []
    for store, name in zip(stores, names, strict=True):
        if _common(store) != _common(first):
            raise InputError(f"{name} and {names[0]} have different configs or models.")
        twice = set(store.traces) & set(merged.traces)
        if twice:
            raise InputError(
                f"{name} holds the replica {min(twice)} that another folder holds too."
            )
        merged.cache.entries = store.cache.entries | merged.cache.entries
        merged.cache.geometries.kept.update(store.cache.geometries.kept)
        merged.cache.geometries.folders.extend(store.cache.geometries.folders)
        merged.hosts.update(store.hosts)
        merged.surrogates.update(store.surrogates)
        merged.ladders.extend(store.ladders)
        merged.md_chains.extend(store.md_chains)
        merged.traces.update(store.traces)
        concentrations.extend((store.header["config"]["ions"] or _NO_IONS)["concentrations"])
    if first.header["config"]["ions"] is None:
        return merged
    ions = {**first.header["config"]["ions"], "concentrations": sorted(concentrations)}
    merged.header["config"] = {**first.header["config"], "ions": ions}
    return merged


def _common(store: Store) -> Any:
    config = json.loads(json.dumps(store.header["config"]))
    del config["parallel"], config["report"]
    config["model"].pop("device", None)
    if config["ions"] is not None:
        del config["ions"]["concentrations"]
    return config, store.header["model"], store.header["lattice"]


def reported(store: Store) -> list[str]:
    """The lowest state of each x, the best and the last one of each chain: a report shows these."""
    keys = [key for key, _ in store.cache.lowest_states().values()]
    for chain in store.chains:
        trace = store.traces.get(chain.name, Trace())
        keys += [chain.key] if chain.key else []
        keys += [trace.keys[int(np.argmin(trace.energies))]] if trace.energies else []
    return keys


def collect_geometries(store: Store) -> bool:
    """Take geometries into memory, of all states or, where they are many, of those `reported`.

    Returns whether it is all.
    """
    everything = store.cache.geometries.bytes_in_files <= MOST_BYTES
    store.cache.read_geometries(store.cache.entries if everything else reported(store))
    return everything


def save(store: Store, path: Path) -> None:
    """Write the store to path, atomically; the one that was there is kept beside it."""
    write_sealed(path, layout.SCHEMA, lambda file: layout.write(file, store))


def load(path: Path) -> Store:
    """Read a store; InputError where the file is missing, damaged or of a newer schema."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; 'redoxmc run' writes it.")
    with open_sealed(path, layout.SCHEMA) as file:
        store = Store(**layout.read(file))
    store.cache.geometries.folders = [path.parent / GEOMETRIES]
    return store


def load_last_good(path: Path) -> tuple[Store, str]:
    """Read a store, or the checkpoint before it where it is damaged; and a sentence on that.

    Raises InputError where neither can be read.
    """
    try:
        return load(path), ""
    except InputError as error:
        try:
            store = load(earlier(path))
        except InputError:
            raise error from None
        return store, f"{error} The checkpoint before it is continued."
