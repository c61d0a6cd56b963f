"""What a resumed run goes on from: chains of both kinds and ladders, as plain data and arrays."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from redoxmc.dynamics.replica import MdChain, Snapshot
from redoxmc.dynamics.watch import Memory
from redoxmc.results.replica import AnyChain
from redoxmc.results.sealed import put
from redoxmc.sampling.chain import Chain, MoveCount
from redoxmc.sampling.ladder import Ladder, make_ladder

_BOTH = (
    "x", "n_ions", "temperature", "seed", "energy", "step", "force_evaluations", "wall", "failure",
)  # fmt: skip
_MC = ("key", "relaxations", "cache_hits")
_MC_LATER = (
    "chemical_potential",
    "stiffness",
    "anneal_from",
    "anneal_steps",
    "settled",
    "sweeps",
    "walk_share",
)  # absent in older files
_MD = ("length", "strain", "drift", "time")
_ARRAYS = {"cell": "cell_A", "positions": "positions_A", "velocities": "velocities_A_per_ps"}
_LADDER = ("interval", "exchanges", "tried", "accepted", "walkers", "ends", "round_trips")


def write_chain(group: Any, chain: AnyChain) -> None:
    """Write the state of a chain into its h5py.Group; the history is not part of it."""
    data = {
        "occupancy": chain.occupancy.tolist(),
        "rng": chain.rng.bit_generator.state,
        "moves": {name: asdict(count) for name, count in chain.moves.items()},
    }
    if isinstance(chain, MdChain):
        names: tuple[str, ...] = _BOTH + _MD
        data["pilots"] = {str(length): chance for length, chance in chain.pilots.items()}
        data["pieces"], data["volumes"] = asdict(chain.pieces), asdict(chain.volumes)
        if chain.memory is not None:
            data["memory"] = {n: value.tolist() for n, value in vars(chain.memory).items()}
        _write_arrays(group, chain)
        if chain.lowest is not None:
            lowest = group.create_group("lowest")
            lowest.attrs["step"], lowest.attrs["energy_eV"] = chain.lowest.step, chain.lowest.energy
            put(lowest, "occupancy", chain.lowest.occupancy)
            _write_arrays(lowest, chain.lowest)
    else:
        names = _BOTH + _MC + _MC_LATER
    data |= {name: getattr(chain, name) for name in names}
    group.attrs["checkpoint"] = json.dumps(data)


def _write_arrays(group: Any, moment: MdChain | Snapshot) -> None:
    for name, dataset in _ARRAYS.items():
        put(group, dataset, getattr(moment, name))


def read_chain(group: Any) -> AnyChain:
    """The chain of an h5py.Group, without its history; which kind it is shows in what is there."""
    data = json.loads(group.attrs["checkpoint"])
    common = {name: data[name] for name in _BOTH} | {
        "occupancy": np.array(data["occupancy"], dtype=np.int8),
        "rng": _generator(data["rng"]),
        "moves": {name: MoveCount(**count) for name, count in data["moves"].items()},
    }
    if "pieces" not in data:
        fields = {name: data[name] for name in _MC}
        return Chain(**common, **fields, **{n: data[n] for n in _MC_LATER if n in data})
    return MdChain(
        **common,
        **{name: data[name] for name in _MD},
        **_arrays(group),
        pilots={int(length): chance for length, chance in data["pilots"].items()},
        pieces=MoveCount(**data["pieces"]),
        volumes=MoveCount(**data["volumes"]),
        lowest=_snapshot(group["lowest"]) if "lowest" in group else None,
        memory=_memory(data["memory"]) if "memory" in data else None,
    )


def _memory(data: dict[str, Any]) -> Memory:
    return Memory(
        np.array(data["ion_sites"], dtype=np.int64),
        np.array(data["bond_sums"], dtype=np.float64),
        np.array(data["samples"], dtype=np.int64),
        np.array(data["charges"], dtype=np.int8),
    )


def _arrays(group: Any) -> dict[str, Any]:
    return {name: group[dataset][:] for name, dataset in _ARRAYS.items()}


def _snapshot(group: Any) -> Snapshot:
    step, energy = int(group.attrs["step"]), float(group.attrs["energy_eV"])
    return Snapshot(step, energy, group["occupancy"][:], **_arrays(group))


def _generator(state: dict[str, Any]) -> np.random.Generator:
    generator = np.random.default_rng()
    generator.bit_generator.state = state
    return generator


def ladder_data(ladder: Ladder) -> dict[str, Any]:
    """A ladder as plain data; its chains by name."""
    fields = {name: getattr(ladder, name) for name in _LADDER}
    chains = [chain.name for chain in ladder.chains]
    return {"chains": chains, "rng": ladder.rng.bit_generator.state, **fields}


def ladder(data: dict[str, Any], chains: dict[str, Any]) -> Ladder:
    """The ladder of plain data. chains: by name."""
    made = make_ladder([chains[name] for name in data["chains"]], data["interval"])
    made.rng = _generator(data["rng"])
    for name in _LADDER:
        # in a file from before round trips were counted, counting begins now
        setattr(made, name, data.get(name, getattr(made, name)))
    return made
