"""What is where in results.h5: one layout for Monte Carlo and for dynamics.

Attributes: schema, ensemble, complete, and as JSON identity, config (with all defaults), versions,
lattice, model.
/states: key (canonical), energy_eV (nan where failed), reason, force_evaluations, audit_eV (nan
where none), audited, lost_charges (-1 where not known; absent in earlier files). /geometries/N:
relaxed states with N ions: state (index into /states), cell_A, positions_A. /hosts/N: the host
lattice with N ions. /surrogates/N: what walks go by, with sampling.surrogate: single_eV, pair_eV,
triplets, triple_eV.
/replicas/NAME, an item for each step: energy_eV, and of Monte Carlo `state` (index into /states:
canonical); of dynamics `raw_state` (index into the replica's own raw_key: symmetric images are told
apart) and the columns of `dynamics.replica`. Besides what a resumed run goes on from: `checkpoint`
(JSON, with the generator), and of dynamics cell_A, positions_A, velocities_A_per_ps, and the step
of lowest potential energy in lowest/.
Attributes ladders (Monte Carlo) and order (of the replicas of dynamics): JSON.

Schema 1, of the first version, had the columns of dynamics in one table `rows`, and `state` and
`keys` for raw_state and raw_key. It is read.
"""

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from redoxmc.dynamics.replica import COLUMNS, MdChain
from redoxmc.moves.cluster_model import ClusterModel
from redoxmc.results import checkpoints
from redoxmc.results.replica import AnyChain
from redoxmc.results.sealed import put
from redoxmc.sampling.cache import EnergyCache, Entry
from redoxmc.sampling.surrogate import Fit
from redoxmc.sampling.trace import ENERGY, Trace
from redoxmc.structures.host import HostGeometry
from redoxmc.structures.occupancy import ions_of_key

if TYPE_CHECKING:
    from redoxmc.results.store import Store

SCHEMA = 2
_OWN = (
    "schema",
    "ensemble",
    "complete",
    "idle_shares",
    "ladders",
    "order",
)  # attributes beside the header's


_FIT = {"error": "error_eV", "states": "states", "refits": "refits", "step": "step"}


def write(file: Any, store: "Store") -> None:
    """Fill an empty h5py.File."""
    file.attrs["schema"] = SCHEMA
    file.attrs["ensemble"] = "md" if store.md_chains else "mc"
    file.attrs["complete"] = store.complete
    file.attrs["idle_shares"] = json.dumps(store.idle_shares)
    for name, value in store.header.items():
        file.attrs[name] = json.dumps(value)
    _write_states(file, store.cache)
    for n_ions, host in store.hosts.items():
        group = file.create_group(f"hosts/{n_ions}")
        put(group, "cell_A", host.cell)
        put(group, "positions_A", host.positions)
        group.attrs["force_evaluations"] = host.force_evaluations
    for n_ions, fitted in store.surrogates.items():
        group = file.create_group(f"surrogates/{n_ions}")
        put(group, "single_eV", fitted.model.single)
        put(group, "pair_eV", fitted.model.pair)
        put(group, "triplets", fitted.model.triplets)
        put(group, "triple_eV", fitted.model.triple)
        group.attrs["constant_eV"] = fitted.model.constant
        for name, attribute in _FIT.items():
            group.attrs[attribute] = getattr(fitted, name)
    index = {key: n for n, key in enumerate(store.cache.entries)}
    chains: list[AnyChain] = [*store.chains, *store.uniform_chains, *store.md_chains]
    for chain in chains:
        group = file.create_group(f"replicas/{chain.name}")
        _write_trace(group, store.traces.get(chain.name, Trace()), index)
        checkpoints.write_chain(group, chain)
    file.attrs["ladders"] = json.dumps([checkpoints.ladder_data(lad) for lad in store.ladders])
    file.attrs["order"] = json.dumps([chain.name for chain in store.md_chains])


def read(file: Any) -> dict[str, Any]:
    """What a Store is made of, from an open h5py.File; fails in any way where it is damaged."""
    states, cache = _read_states(file) if "states" in file else ([], EnergyCache())
    hosts = {
        int(n): HostGeometry(g["cell_A"][:], g["positions_A"][:], int(g.attrs["force_evaluations"]))
        for n, g in file.get("hosts", {}).items()
    }
    chains, traces = {}, {}
    for name, group in file["replicas"].items():
        chains[name] = checkpoints.read_chain(group)
        if chains[name].name != name:
            raise ValueError(f"replica {name} holds the chain {chains[name].name}")
        trace = traces[name] = _read_trace(group, states, isinstance(chains[name], MdChain))
        lists: list[list[Any]] = [trace.keys or trace.raw_keys, *trace.columns.values()]
        if any(len(one) != len(trace.energies) for one in lists):
            raise ValueError(f"the history of replica {name} lacks something")
    if file.attrs["schema"] == 1:  # without a digest
        for name, trace in traces.items():
            _check_trace(name, trace, cache)
    ladders = json.loads(file.attrs.get("ladders", "[]"))
    moving = [name for name, chain in chains.items() if isinstance(chain, MdChain)]
    order = json.loads(file.attrs["order"]) if "order" in file.attrs else moving
    return {
        "header": {n: json.loads(value) for n, value in file.attrs.items() if n not in _OWN},
        "cache": cache,
        "hosts": hosts,
        "surrogates": {int(n): _read_fit(group) for n, group in file.get("surrogates", {}).items()},
        "ladders": [checkpoints.ladder(data, chains) for data in ladders],
        "md_chains": [chains[name] for name in order],
        "traces": traces,
        "complete": bool(file.attrs["complete"]),
        "idle_shares": json.loads(file.attrs.get("idle_shares", "[]")),
    }


def _read_fit(group: Any) -> Fit:
    """A surrogate; in a file from before it had triplets and refits there are none."""
    names = [name for name in ("triplets", "triple_eV") if name in group]
    model = ClusterModel(
        float(group.attrs["constant_eV"]),
        group["single_eV"][:],
        group["pair_eV"][:],
        *[group[name][:] for name in names],
    )
    states, refits, step = (int(group.attrs.get(_FIT[n], 0)) for n in ("states", "refits", "step"))
    return Fit(model, float(group.attrs["error_eV"]), states, refits, step)


def _write_states(file: Any, cache: EnergyCache) -> None:
    group, keys, entries = file.create_group("states"), list(cache.entries), cache.entries.values()
    put(group, "key", keys)
    put(group, "reason", [e.reason for e in entries])
    put(group, "energy_eV", _floats(e.energy for e in entries))
    put(group, "audit_eV", _floats(e.audit for e in entries))
    put(group, "audited", np.array([e.audit is not None for e in entries], dtype=bool))
    lost = [-1 if e.lost_charges is None else e.lost_charges for e in entries]
    put(group, "lost_charges", np.array(lost, dtype=int))
    put(group, "force_evaluations", np.array([e.force_evaluations for e in entries], dtype=int))
    kept, by_count = cache.geometries.kept, dict[int, list[int]]()
    for n, key in enumerate(keys):
        if key in kept:
            by_count.setdefault(ions_of_key(key), []).append(n)
    for n_ions, members in by_count.items():
        group = file.create_group(f"geometries/{n_ions}")
        put(group, "state", np.array(members))
        put(group, "cell_A", np.array([kept[keys[n]][0] for n in members]))
        put(group, "positions_A", np.array([kept[keys[n]][1] for n in members]))


def _floats(values: Any) -> Any:
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def _read_states(file: Any) -> tuple[list[str], EnergyCache]:
    """Keys in the order of the file, and what is known of each."""
    states = file["states"]
    keys = [key.decode() for key in states["key"][:]]
    columns = [states[c][:] for c in ("energy_eV", "audit_eV", "audited", "force_evaluations")]
    columns.append(states["lost_charges"][:] if "lost_charges" in states else -np.ones(len(keys)))
    entries = {
        key: Entry(
            energy=None if np.isnan(energy) else float(energy),
            force_evaluations=int(evaluations),
            reason=reason.decode(),
            audit=float(audit) if audited else None,
            lost_charges=int(lost) if lost >= 0 else None,
        )
        for key, reason, energy, audit, audited, evaluations, lost in zip(
            keys, states["reason"][:], *columns, strict=True
        )
    }
    cache = EnergyCache(entries)
    for group in file.get("geometries", {}).values():
        rows = zip(group["state"][:], group["cell_A"][:], group["positions_A"][:], strict=True)
        for state, cell, positions in rows:
            cache.geometries.kept[keys[state]] = cell, positions
    return keys, cache


def _write_trace(group: Any, trace: Trace, index: dict[str, int]) -> None:
    put(group, ENERGY, np.array(trace.energies, dtype=float))
    for name, values in trace.columns.items():
        put(group, name, np.array(values, dtype=float))
    if trace.raw_keys:
        raw_index = {key: n for n, key in enumerate(dict.fromkeys(trace.raw_keys))}
        put(group, "raw_key", list(raw_index))
        put(group, "raw_state", np.array([raw_index[key] for key in trace.raw_keys], dtype=int))
    else:
        put(group, "state", np.array([index[key] for key in trace.keys], dtype=int))


def _read_trace(group: Any, states: list[str], dynamics: bool) -> Trace:
    if not dynamics:
        return Trace(group[ENERGY][:].tolist(), _pick(states, group["state"]))
    columns = {name: group[name][:] for name in COLUMNS if name in group}
    keys, place = group.get("raw_key", ()), group.get("raw_state", ())
    if "rows" in group:  # schema 1
        columns = dict(zip(json.loads(group.attrs["columns"]), group["rows"][:].T, strict=True))
        keys, place = group["keys"], group["state"]
    raw, steps = [key.decode() for key in keys[:]], len(columns[ENERGY])
    # what an earlier version did not write is nan
    lists = {name: columns.get(name, np.full(steps, np.nan)).tolist() for name in COLUMNS}
    return Trace(lists.pop(ENERGY), [], _pick(raw, place), lists)


def _pick(keys: list[str], place: Any) -> list[str]:
    indices = place[:]
    if len(indices) and indices.min() < 0:
        raise ValueError(f"an index of a state is {indices.min()}")
    return [keys[n] for n in indices]


def _check_trace(name: str, trace: Trace, cache: EnergyCache) -> None:
    """Raise ValueError where a chain was at an energy that its state is far from."""
    known = _floats(cache[key].energy for key in trace.keys)
    energies = np.array(trace.energies[: len(known)])
    # with relax.start = "previous" an energy depends on its path by less than that
    wrong = ~((np.abs(energies - known) < 1.0) | (np.isnan(energies) & np.isnan(known)))
    if wrong.any():
        raise ValueError(f"replica {name} was at {energies[wrong][0]:g} eV, its state is not")
