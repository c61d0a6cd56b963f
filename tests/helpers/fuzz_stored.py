"""Fuzz targets for what redoxmc writes and reads again: results.h5, its checkpoints, trainings."""

import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fuzz_mutate as mutate
import h5py
import numpy as np
from fuzz_verdict import demand

from redoxmc.dynamics.replica import COLUMNS, MdChain, Snapshot
from redoxmc.results.layout import SCHEMA
from redoxmc.results.sealed import earlier, write_sealed
from redoxmc.results.store import Store, load, load_last_good, save
from redoxmc.sampling.cache import EnergyCache, Entry
from redoxmc.sampling.chain import Chain, MoveCount
from redoxmc.sampling.ladder import make_ladder
from redoxmc.sampling.trace import Trace
from redoxmc.structures.host import HostGeometry

KEYS = ("01|01", "01|10", "10|01")
HEADER = {
    "identity": "a" * 64,
    "config": {"sampling": {"burn_in": 0.1}, "ions": {"concentrations": [0.5]}},
    "versions": {"redoxmc": "1"},
    "lattice": {},
    "model": {"name": "m"},
}


def _common(temperature: float) -> dict[str, Any]:
    return {
        "x": 0.5,
        "n_ions": 1,
        "temperature": temperature,
        "seed": 1,
        "rng": np.random.default_rng(1),
        "occupancy": np.array([0, 1, 0, 1], dtype=np.int8),
        "energy": -10.5,
        "step": 40,
        "moves": {"charge_swap": MoveCount(40, 7, 0)},
    }


def monte_carlo(shift: float = 0.0) -> Store:
    """A small store of Monte Carlo. shift: of its energies, eV."""
    rng = np.random.default_rng(3)
    positions = rng.normal(size=(len(KEYS), 4, 3))
    cache = EnergyCache()
    for n, key in enumerate(KEYS):
        cache.add(key, Entry(-10.0 - n + shift, 10), (5 * np.eye(3), positions[n]))
    cache.add("11|11", Entry(None, 3, "it did not converge"))
    chains = [Chain(**_common(t), key=KEYS[0]) for t in (300.0, 600.0)]
    visited = [KEYS[k] for k in rng.integers(len(KEYS), size=40)]
    trace = Trace([cache[key].energy for key in visited], visited)
    return Store(
        dict(HEADER),
        cache,
        {1: HostGeometry(5 * np.eye(3), positions[0], 12)},
        [make_ladder(chains, 10)],
        {chain.name: trace for chain in chains},
    )


def dynamics(shift: float = 0.0) -> Store:
    """A small store of dynamics."""
    rng = np.random.default_rng(4)
    moment = {
        "cell": 5 * np.eye(3),
        "positions": rng.normal(size=(4, 3)),
        "velocities": rng.normal(size=(4, 3)),
    }
    common = _common(300.0)
    lowest = Snapshot(7, -11.0 + shift, common["occupancy"], **moment)
    chain = MdChain(**common, **moment, length=10, pilots={10: 0.2}, lowest=lowest)
    columns = {name: rng.normal(size=20).tolist() for name in COLUMNS}
    energies = [shift + energy for energy in columns.pop(COLUMNS[0])]
    return Store(
        dict(HEADER),
        md_chains=[chain],
        traces={chain.name: Trace(energies, [], ["01|01", "01|10"] * 10, columns)},
    )


@cache
def content(kind: str, shift: float = 0.0) -> bytes:
    """A sound results.h5."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "results.h5"
        save({"mc": monte_carlo, "md": dynamics}[kind](shift), path)
        return path.read_bytes()


def prepare_results(folder: Path, rng: random.Random) -> None:
    """Bytes changed by a disk, a copy cut short; or values changed, and a digest that fits them."""
    path, kind = folder / "results.h5", rng.choice(("mc", "md"))
    if rng.random() < 0.5:
        path.write_bytes(mutate.damage_bytes(content(kind), rng))
        return
    path.write_bytes(content(kind))
    with h5py.File(path, "r") as sound:
        write_sealed(path, SCHEMA, lambda file: _copy_damaged(sound, file, rng))
    earlier(path).unlink()


def _copy_damaged(source: Any, file: Any, rng: random.Random) -> None:
    for name in source:
        source.copy(name, file)
    for name, value in source.attrs.items():
        file.attrs[name] = value
    mutate.damage_hdf5(file, rng)


def read_results(folder: Path) -> None:
    """Load it; what is accepted must hang together, and can be written again."""
    path = folder / "results.h5"
    store = load(path)
    demand(isinstance(store.complete, bool), "complete")
    for trace in store.traces.values():
        columns = [trace.keys or trace.raw_keys, *trace.columns.values()]
        demand(all(len(c) == len(trace.energies) for c in columns), "columns of unequal length")
    for ladder in store.ladders:
        demand(all(chain.name in store.traces for chain in ladder.chains), "a chain")
    save(store, folder / "again.h5")  # what was accepted can be written


def prepare_checkpoint(folder: Path, rng: random.Random) -> None:
    """The last of two checkpoints is damaged, sometimes both."""
    path, kind = folder / "results.h5", rng.choice(("mc", "md"))
    both = rng.random() < 0.2
    before = content(kind, -1.0)
    path.write_bytes(mutate.damage_bytes(content(kind), rng))
    earlier(path).write_bytes(mutate.damage_bytes(before, rng) if both else before)


def read_checkpoint(folder: Path) -> None:
    """As a run that is continued does: the last good one, said where it is not the last."""
    path = folder / "results.h5"
    whole = path.read_bytes() in (content("mc"), content("md"))
    store, remark = load_last_good(path)
    energies = [energy for trace in store.traces.values() for energy in trace.energies]
    demand(bool(remark) != whole, "a damaged checkpoint passed for sound")
    makers = {"mc": monte_carlo, "md": dynamics}
    wanted = makers["md" if store.md_chains else "mc"](0.0 if whole else -1.0)
    expected = [energy for trace in wanted.traces.values() for energy in trace.energies]
    demand(sorted(energies) == sorted(expected), "energies that were never written")
    if remark:
        demand("\n" not in remark and "is damaged" in remark, f"the remark {remark!r}")


@cache
def _training() -> tuple[bytes, dict[str, Any]]:
    """A sound checkpoint of a training, and its content."""
    from redoxmc.models.architectures import build_model
    from redoxmc.models.checkpoint import describe_model, save_checkpoint, weights_of
    from redoxmc.models.table import SpeciesRow
    from redoxmc.species import Species

    names = ("Na+", "Fe2+", "Fe3+", "O2-")
    table = tuple(SpeciesRow(Species.parse(n), k, 0.0) for k, n in enumerate(names))
    settings = {"channels": 4, "radial_mlp": (4,), "l_max": 1, "n_layers": 1}
    model = build_model("MACE", settings, table, True, seed=0)
    whole = {"identity": "a", "model": describe_model(model), "weights": weights_of(model.module)}
    whole["history"] = [{"epoch": 1, "valid_loss": 0.5}]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "last.pt"
        save_checkpoint(path, whole)
        data = path.read_bytes()
    return data, whole


def prepare_training(folder: Path, rng: random.Random) -> None:
    """A checkpoint of a training with other bytes, or another description of its model."""
    from redoxmc.models.checkpoint import save_checkpoint

    data, whole = _training()
    path = folder / "last.pt"
    if rng.random() < 0.6:
        path.write_bytes(mutate.damage_bytes(data, rng))
        return
    plain = {key: value for key, value in whole.items() if key != "weights"}
    plain["model"] = mutate.damage_json(plain["model"], rng)
    save_checkpoint(path, {**plain, "weights": whole["weights"]})


def read_training(folder: Path) -> None:
    """As `redoxmc export` does."""
    import torch

    from redoxmc.models.checkpoint import load_checkpoint, rebuild_model, weights_of

    _, whole = _training()
    path = folder / "last.pt"
    content = load_checkpoint(path)
    model = rebuild_model(content["model"], content["weights"])
    own = weights_of(model.module)
    demand(
        all(
            torch.equal(own[name].float(), value.float())
            for name, value in whole["weights"].items()
        ),
        "weights that were never written",
    )
