"""results.h5: the whole campaign in one self-describing file, replaced atomically at a checkpoint.

Layout: attributes schema, complete, and as JSON identity, config (with all defaults), versions,
lattice, model.
/states: key, energy_eV (nan where failed), reason, force_evaluations, audit_eV (nan where none).
/geometries/N: relaxed states with N ions: state (index into /states), cell_A, positions_A.
/hosts/N: the host lattice with N ions. /replicas/NAME: energy_eV and state after each attempted
move, and a checkpoint (JSON, with the generator). /ladders: JSON. A reader sees the last complete
checkpoint at any time.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.errors import InputError
from redoxmc.io.files import replace_atomically
from redoxmc.sampling.cache import EnergyCache, Entry
from redoxmc.sampling.chain import Chain, MoveCount
from redoxmc.sampling.ladder import Ladder, make_ladder
from redoxmc.structures.host import HostGeometry
from redoxmc.structures.occupancy import ions_of_key

SCHEMA = 1
_PLAIN = ("x", "n_ions", "temperature", "seed", "key", "energy", "step", "relaxations")
_COUNTS = ("cache_hits", "force_evaluations", "wall", "failure")
_LATER = ("chemical_potential", "anneal_from", "anneal_steps")  # absent in older files


@dataclass
class Trace:
    """The history of a chain: energy (eV) and state key after each attempted move.

    A uniform draw that did not relax has the energy nan.
    """

    energies: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@dataclass
class Store:
    """Everything that a campaign knows. header: plain data that goes into the attributes."""

    header: dict[str, Any]
    cache: EnergyCache
    hosts: dict[int, HostGeometry]
    ladders: list[Ladder]
    traces: dict[str, Trace]
    complete: bool = False

    @property
    def chains(self) -> list[Chain]:
        """The chains of all ladders, but for uniform draws."""
        return [c for ladder in self.ladders for c in ladder.chains if not c.uniform]

    @property
    def uniform_chains(self) -> list[Chain]:
        """The uniform draws."""
        return [c for ladder in self.ladders for c in ladder.chains if c.uniform]

    def absorb(self, ladders: Sequence[Ladder]) -> None:
        """Take back ladders that a group has advanced, and their new history."""
        places = {ladder.chains[0].name: n for n, ladder in enumerate(self.ladders)}
        for ladder in ladders:
            self.ladders[places[ladder.chains[0].name]] = ladder
            for chain in ladder.chains:
                trace = self.traces.setdefault(chain.name, Trace())
                trace.energies.extend(chain.energies)
                trace.keys.extend(chain.keys)
                chain.energies, chain.keys = [], []


def merge(stores: Sequence[Store], names: Sequence[str]) -> Store:
    """Bring stores of one config with different concentrations together.

    names: what to call them in errors. Raises InputError where config or model differ, or two hold
    the same replica.
    """
    first = stores[0]
    merged = Store(dict(first.header), EnergyCache(), {}, [], {}, all(s.complete for s in stores))
    concentrations: list[float] = []
    for store, name in zip(stores, names, strict=True):
        if _common(store) != _common(first):
            raise InputError(f"{name} and {names[0]} have different configs or models.")
        twice = set(store.traces) & set(merged.traces)
        if twice:
            raise InputError(
                f"{name} holds the replica {min(twice)} that another folder holds too."
            )
        merged.cache.merge([store.cache.entries])
        merged.hosts.update(store.hosts)
        merged.ladders.extend(store.ladders)
        merged.traces.update(store.traces)
        concentrations.extend(store.header["config"]["ions"]["concentrations"])
    ions = {**first.header["config"]["ions"], "concentrations": sorted(concentrations)}
    merged.header["config"] = {**first.header["config"], "ions": ions}
    return merged


def _common(store: Store) -> Any:
    config = json.loads(json.dumps(store.header["config"]))
    del config["ions"]["concentrations"], config["parallel"], config["report"]
    return config, store.header["model"], store.header["lattice"]


def save(store: Store, path: Path) -> None:
    """Write the store to path, atomically."""
    replace_atomically(path, lambda temporary: _write(store, temporary))


def _write(store: Store, path: Path) -> None:
    import h5py

    keys = list(store.cache.entries)
    index = {key: n for n, key in enumerate(keys)}
    entries = list(store.cache.entries.values())
    # the newest layout is the one that readers may open in SWMR mode
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["complete"] = store.complete
        for name, value in store.header.items():
            file.attrs[name] = json.dumps(value)
        states = file.create_group("states")
        text = h5py.string_dtype()
        states.create_dataset("key", data=keys, dtype=text)
        states.create_dataset("reason", data=[e.reason for e in entries], dtype=text)
        states["energy_eV"] = _floats(e.energy for e in entries)
        states["audit_eV"] = _floats(e.audit for e in entries)
        states["audited"] = np.array([e.audit is not None for e in entries], dtype=bool)
        states["force_evaluations"] = np.array([e.force_evaluations for e in entries], dtype=int)
        _write_geometries(file, store)
        for n_ions, host in store.hosts.items():
            group = file.create_group(f"hosts/{n_ions}")
            group["cell_A"], group["positions_A"] = host.cell, host.positions
            group.attrs["force_evaluations"] = host.force_evaluations
        for chain in store.chains + store.uniform_chains:
            trace = store.traces.get(chain.name, Trace())
            group = file.create_group(f"replicas/{chain.name}")
            group.attrs["checkpoint"] = json.dumps(_checkpoint(chain))
            group.create_dataset("energy_eV", data=np.array(trace.energies, dtype=float))
            group.create_dataset("state", data=np.array([index[k] for k in trace.keys], dtype=int))
        file.attrs["ladders"] = json.dumps([_ladder_data(ladder) for ladder in store.ladders])


def _floats(values: Any) -> Any:
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def _write_geometries(file: Any, store: Store) -> None:
    by_count: dict[int, list[int]] = {}
    for n, (key, entry) in enumerate(store.cache.entries.items()):
        if entry.positions is not None:
            by_count.setdefault(ions_of_key(key), []).append(n)
    entries = list(store.cache.entries.values())
    for n_ions, members in by_count.items():
        group = file.create_group(f"geometries/{n_ions}")
        group["state"] = np.array(members)
        group["cell_A"] = np.array([entries[n].cell for n in members])
        group["positions_A"] = np.array([entries[n].positions for n in members])


def _checkpoint(chain: Chain) -> dict[str, Any]:
    return {
        **{name: getattr(chain, name) for name in _PLAIN + _COUNTS + _LATER},
        "occupancy": chain.occupancy.tolist(),
        "rng": chain.rng.bit_generator.state,
        "moves": {name: asdict(count) for name, count in chain.moves.items()},
    }


def _ladder_data(ladder: Ladder) -> dict[str, Any]:
    return {
        "chains": [chain.name for chain in ladder.chains],
        "rng": ladder.rng.bit_generator.state,
        "interval": ladder.interval,
        "exchanges": ladder.exchanges,
        "tried": ladder.tried,
        "accepted": ladder.accepted,
        "walkers": ladder.walkers,
        "ends": ladder.ends,
        "round_trips": ladder.round_trips,
    }


def load(path: Path) -> Store:
    """Read a store; InputError where the file is missing, truncated or of a newer schema."""
    import h5py

    if not path.is_file():
        raise InputError(f"{path} does not exist; 'redoxmc run' writes it.")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs["schema"] > SCHEMA:
                raise InputError(
                    f"{path} has schema {file.attrs['schema']}; this redoxmc reads up to {SCHEMA}."
                )
            return _read(file)
    except (OSError, KeyError, ValueError, json.JSONDecodeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged or not a results file ({error}).") from None


def _read(file: Any) -> Store:
    states = file["states"]
    keys = [key.decode() for key in states["key"][:]]
    geometry: dict[int, tuple[Any, Any]] = {}
    for group in file.get("geometries", {}).values():
        rows = zip(group["state"][:], group["cell_A"][:], group["positions_A"][:], strict=True)
        geometry.update({int(n): (cell, positions) for n, cell, positions in rows})
    columns = [states[c][:] for c in ("energy_eV", "audit_eV", "audited", "force_evaluations")]
    entries = {
        key: Entry(
            energy=None if np.isnan(energy) else float(energy),
            force_evaluations=int(evaluations),
            cell=geometry.get(n, (None, None))[0],
            positions=geometry.get(n, (None, None))[1],
            reason=reason.decode(),
            audit=float(audit) if audited else None,
        )
        for n, (key, reason, energy, audit, audited, evaluations) in enumerate(
            zip(keys, states["reason"][:], *columns, strict=True)
        )
    }
    hosts = {
        int(n): HostGeometry(g["cell_A"][:], g["positions_A"][:], int(g.attrs["force_evaluations"]))
        for n, g in file.get("hosts", {}).items()
    }
    chains, traces = {}, {}
    for name, group in file["replicas"].items():
        chains[name] = _chain(json.loads(group.attrs["checkpoint"]))
        visited = [keys[n] for n in group["state"][:]]
        traces[name] = Trace(group["energy_eV"][:].tolist(), visited)
    ladders = [_ladder(data, chains) for data in json.loads(file.attrs["ladders"])]
    own = ("ladders", "complete", "schema")
    header = {name: json.loads(value) for name, value in file.attrs.items() if name not in own}
    return Store(header, EnergyCache(entries), hosts, ladders, traces, bool(file.attrs["complete"]))


def _generator(state: dict[str, Any]) -> np.random.Generator:
    generator = np.random.default_rng()
    generator.bit_generator.state = state
    return generator


def _chain(data: dict[str, Any]) -> Chain:
    return Chain(
        **{name: data[name] for name in _PLAIN + _COUNTS},
        **{name: data[name] for name in _LATER if name in data},
        occupancy=np.array(data["occupancy"], dtype=np.int8),
        rng=_generator(data["rng"]),
        moves={name: MoveCount(**count) for name, count in data["moves"].items()},
    )


def _ladder(data: dict[str, Any], chains: dict[str, Chain]) -> Ladder:
    own = [chains[name] for name in data["chains"]]
    ladder = make_ladder(own, data["interval"])
    ladder.rng = _generator(data["rng"])
    for name in ("exchanges", "tried", "accepted", "walkers", "ends", "round_trips"):
        # in a file from before round trips were counted, counting begins now
        setattr(ladder, name, data.get(name, getattr(ladder, name)))
    return ladder
