"""results.h5 of molecular dynamics: the whole campaign in one file, replaced at a checkpoint.

Layout: attributes schema, ensemble = "md", complete, and as JSON identity, config, versions,
lattice, model. /hosts/N: the host lattice with N ions. /replicas/NAME: one row of `columns` and the
charge and ion order (`state`, an index into `keys`) after each step, and what a resumed run goes on
from: cell_A, positions_A, velocities_A_per_ps and a checkpoint (JSON, with the generator).
/replicas/NAME/lowest: the step of lowest potential energy, if there was one.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.dynamics.replica import COLUMNS, MdChain, Snapshot
from redoxmc.errors import InputError
from redoxmc.io.files import replace_atomically
from redoxmc.sampling.chain import MoveCount
from redoxmc.structures.host import HostGeometry

SCHEMA = 1
_PLAIN = (
    "x", "n_ions", "temperature", "seed", "energy", "step", "length", "strain", "drift", "time",
    "force_evaluations", "wall", "failure",
)  # fmt: skip


@dataclass
class MdTrace:
    """The history of a replica: rows of md_chain.COLUMNS, and the key of the state, by step."""

    rows: list[tuple[float, ...]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@dataclass
class MdStore:
    """Everything that a campaign knows. header: plain data that goes into the attributes."""

    header: dict[str, Any]
    hosts: dict[int, HostGeometry]
    chains: list[MdChain]
    traces: dict[str, MdTrace]
    complete: bool = False

    def kept(self, chain: MdChain) -> MdTrace:
        """The history of a chain after burn-in."""
        trace = self.traces.get(chain.name, MdTrace())
        first = int(self.header["config"]["sampling"]["burn_in"] * len(trace.rows))
        return MdTrace(trace.rows[first:], trace.keys[first:])

    def absorb(self, chains: Sequence[MdChain]) -> None:
        """Take back chains that a group has advanced, and their new history."""
        places = {chain.name: n for n, chain in enumerate(self.chains)}
        for chain in chains:
            self.chains[places[chain.name]] = chain
            trace = self.traces.setdefault(chain.name, MdTrace())
            trace.rows.extend(chain.records)
            trace.keys.extend(chain.keys)
            chain.records, chain.keys = [], []


def save(store: MdStore, path: Path) -> None:
    """Write the store to path, atomically."""
    replace_atomically(path, lambda temporary: _write(store, temporary))


def _write(store: MdStore, path: Path) -> None:
    import h5py

    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["ensemble"] = "md"
        file.attrs["complete"] = store.complete
        for name, value in store.header.items():
            file.attrs[name] = json.dumps(value)
        for n_ions, host in store.hosts.items():
            group = file.create_group(f"hosts/{n_ions}")
            group["cell_A"], group["positions_A"] = host.cell, host.positions
            group.attrs["force_evaluations"] = host.force_evaluations
        text = h5py.string_dtype()
        replicas = file.create_group("replicas", track_order=True)  # not that of names
        for chain in store.chains:
            trace = store.traces.get(chain.name, MdTrace())
            group = replicas.create_group(chain.name)
            group.attrs["checkpoint"] = json.dumps(_checkpoint(chain))
            group.attrs["columns"] = json.dumps(COLUMNS)
            group["rows"] = np.array(trace.rows, dtype=float).reshape(-1, len(COLUMNS))
            keys = list(dict.fromkeys(trace.keys))
            index = {key: n for n, key in enumerate(keys)}
            group.create_dataset("keys", data=keys, dtype=text)
            group["state"] = np.array([index[key] for key in trace.keys], dtype=int)
            group["cell_A"], group["positions_A"] = chain.cell, chain.positions
            group["velocities_A_per_ps"] = chain.velocities
            if chain.lowest is not None:
                _write_snapshot(group.create_group("lowest"), chain.lowest)


def _write_snapshot(group: Any, lowest: Snapshot) -> None:
    group.attrs["step"], group.attrs["energy_eV"] = lowest.step, lowest.energy
    group["occupancy"] = lowest.occupancy
    group["cell_A"], group["positions_A"] = lowest.cell, lowest.positions
    group["velocities_A_per_ps"] = lowest.velocities


def _checkpoint(chain: MdChain) -> dict[str, Any]:
    return {
        **{name: getattr(chain, name) for name in _PLAIN},
        "occupancy": chain.occupancy.tolist(),
        "rng": chain.rng.bit_generator.state,
        "pilots": {str(length): chance for length, chance in chain.pilots.items()},
        "moves": {name: asdict(count) for name, count in chain.moves.items()},
        "pieces": asdict(chain.pieces),
        "volumes": asdict(chain.volumes),
    }


def is_md(path: Path) -> bool:
    """Whether a results file is one of molecular dynamics; False where it cannot be read."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("ensemble") == "md")
    except OSError:
        return False


def load(path: Path) -> MdStore:
    """Read a store; InputError where the file is missing, damaged, or not one of this ensemble."""
    import h5py

    if not path.is_file():
        raise InputError(f"{path} does not exist; 'redoxmc run' writes it.")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("ensemble") != "md":
                raise InputError(f"{path} is not of sampling.ensemble = 'md'.")
            if file.attrs["schema"] > SCHEMA:
                raise InputError(
                    f"{path} has schema {file.attrs['schema']}; this redoxmc reads up to {SCHEMA}."
                )
            return _read(file)
    except (OSError, KeyError, ValueError, json.JSONDecodeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged or not a results file ({error}).") from None


def _read(file: Any) -> MdStore:
    hosts = {
        int(n): HostGeometry(g["cell_A"][:], g["positions_A"][:], int(g.attrs["force_evaluations"]))
        for n, g in file.get("hosts", {}).items()
    }
    chains, traces = [], {}
    for name, group in file["replicas"].items():
        chains.append(_chain(group, json.loads(group.attrs["checkpoint"])))
        keys = [key.decode() for key in group["keys"][:]]
        traces[name] = MdTrace(_rows(group), [keys[n] for n in group["state"][:]])
    own = ("schema", "ensemble", "complete")
    header = {name: json.loads(value) for name, value in file.attrs.items() if name not in own}
    return MdStore(header, hosts, chains, traces, bool(file.attrs["complete"]))


def _rows(group: Any) -> list[tuple[float, ...]]:
    """Rows of COLUMNS; what an earlier version did not write is nan."""
    found = group["rows"][:]
    place = {name: n for n, name in enumerate(json.loads(group.attrs["columns"]))}
    unknown = np.full(len(found), np.nan)
    columns = [found[:, place[name]] if name in place else unknown for name in COLUMNS]
    return list(map(tuple, np.column_stack(columns).tolist()))


def _snapshot(group: Any) -> Snapshot:
    return Snapshot(
        int(group.attrs["step"]),
        float(group.attrs["energy_eV"]),
        group["occupancy"][:],
        group["cell_A"][:],
        group["positions_A"][:],
        group["velocities_A_per_ps"][:],
    )


def _chain(group: Any, data: dict[str, Any]) -> MdChain:
    rng = np.random.default_rng()
    rng.bit_generator.state = data["rng"]
    return MdChain(
        **{name: data[name] for name in _PLAIN},
        occupancy=np.array(data["occupancy"], dtype=np.int8),
        rng=rng,
        cell=group["cell_A"][:],
        positions=group["positions_A"][:],
        velocities=group["velocities_A_per_ps"][:],
        pilots={int(length): chance for length, chance in data["pilots"].items()},
        moves={name: MoveCount(**count) for name, count in data["moves"].items()},
        pieces=MoveCount(**data["pieces"]),
        volumes=MoveCount(**data["volumes"]),
        lowest=_snapshot(group["lowest"]) if "lowest" in group else None,
    )
