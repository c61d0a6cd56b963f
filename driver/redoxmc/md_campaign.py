"""A campaign with ensemble = "md": molecular dynamics at temperature with charge swaps.

Root holds all replicas and the store. In a round every group advances its replicas for some
seconds; then they go back to root, which writes a checkpoint. A replica carries its generator, and
every piece and path loads its structure anew, so that a resumed run goes on bit for bit on as many
ranks per replica.
"""

import copy
import os
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

from redoxmc import md_trajectory
from redoxmc.engines.md import MdSession
from redoxmc.engines.md_config import MdConfig
from redoxmc.engines.md_distortion import make_distortions
from redoxmc.errors import EngineError, InputError
from redoxmc.md_chain import MdChain, MdWorld, begin
from redoxmc.md_start import check_time_step, prepare
from redoxmc.md_step import step
from redoxmc.md_store import MdStore, load, save
from redoxmc.md_summary import write_summary
from redoxmc.parallel import Ranks
from redoxmc.sampling.chain import make_chain
from redoxmc.system import System, versions

CHECKPOINT_SECONDS = float(os.environ.get("REDOXMC_CHECKPOINT_SECONDS", "15"))
ION_MOVES = ("ion_swap", "ion_charge_swap", "insertion_removal")


def run_md(
    system: System,
    md: MdConfig,
    ranks: Ranks,
    out: Path,
    *,
    stopping: Callable[[], bool],
    resume: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> bool:
    """Run or continue the campaign into the folder `out`; every MPI rank calls it.

    stopping: asked between steps whether to stop (of this rank alone). say: told what goes on.
    Returns whether all replicas have their steps: False when `stopping` or a file STOP in `out`
    ended it. Raises InputError on bad input, on every rank.
    """
    _refuse(system)
    store = ranks.share(lambda: _open(system, md, out, resume))

    def tell(what: str) -> None:
        if ranks.root:
            with (out / "log.txt").open("a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {what}\n")
        say(what)

    system.hosts.update(store.hosts)
    tell("relaxing the host lattice of each concentration")
    system.relax_hosts(ranks)
    system.session.close()
    store.hosts = dict(system.hosts)
    session = MdSession(system.card, ranks.group)
    try:
        _check_time_step(system, md, session, ranks, store.chains)
        tell("molecular dynamics")
        finished = _rounds(system, md, session, ranks, store, out, stopping)
    finally:
        session.close()
    if ranks.root:
        store.complete = finished
        save(store, out / "results.h5")
        write_summary(store, system.lattice, system.symmetry, out)
        tell("done" if finished else "stopped; continue with --resume")
    ranks.world.Barrier()
    return finished


def _refuse(system: System) -> None:
    moves = sorted(set(system.config.sampling.moves) & set(ION_MOVES))
    if moves:
        raise InputError(
            f"sampling.moves has {moves[0]!r}, which takes ions from site to site; with "
            "sampling.ensemble = 'md' ions move by themselves and moves change charges only: use "
            "charge_swap, neighbour_swap or charge_swap_2."
        )
    if system.config.sampling.tempering:
        raise InputError(
            "sampling.tempering = true: replicas of sampling.ensemble = 'md' do not exchange "
            "temperatures; leave it out."
        )


def _identity(system: System, md: MdConfig) -> str:
    settings = md.model_dump(exclude={"trajectory_interval"})
    return f"{system.identity} {sorted(settings.items())}"


def _open(system: System, md: MdConfig, out: Path, resume: bool) -> MdStore:
    path = out / "results.h5"
    card = system.card
    header = {
        "identity": _identity(system, md),
        "config": system.config.echo() | {"md": md.model_dump(mode="json")},
        "lattice": system.lattice.to_data(),
        "versions": versions(),
        "model": {
            "name": card.name,
            "architecture": card.architecture,
            "sha256": card.sha256,
            "charge_aware": card.charge_aware,
        },
    }
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        return MdStore(header, {}, _chains(system), {})
    if not resume:
        raise InputError(f"{path} exists; continue it with --resume or choose another --out.")
    store = load(path)
    if store.header["identity"] != header["identity"]:
        raise InputError(
            f"{path} belongs to another config (only sampling.steps and burn_in, [parallel], "
            "[report] and md.trajectory_interval may change); choose another --out."
        )
    store.header = header
    for chain in store.chains:
        md_trajectory.cut(out / "trajectories", chain)
    return store


def _chains(system: System) -> list[MdChain]:
    sampling = system.config.sampling
    chains = []
    for x, seed, temperature in product(
        system.config.ions.concentrations, sampling.seeds, sampling.temperatures
    ):
        first = make_chain(system.lattice, x, system.ions(x, seed), temperature, seed)
        chains.append(MdChain(x, first.n_ions, temperature, seed, first.rng, first.occupancy))
    return chains


def _world(system: System, md: MdConfig, session: MdSession, chain: MdChain) -> MdWorld:
    lattice = system.lattice
    host = system.hosts[chain.n_ions]
    distortions = make_distortions(lattice, host, system.card, chain.occupancy)
    return MdWorld(lattice, session, distortions, system.mixture, md)


def _check_time_step(
    system: System, md: MdConfig, session: MdSession, ranks: Ranks, chains: list[MdChain]
) -> None:
    """On the first group, for the hottest replica that has not begun; refused everywhere."""
    fresh = [chain for chain in chains if not len(chain.positions)]
    hottest = max(fresh, key=lambda chain: chain.temperature, default=None)
    problem = ""
    if hottest is not None and ranks.index == 0:
        world = _world(system, md, session, hottest)
        trial = copy.deepcopy(hottest)  # the replica itself begins when its turn comes
        try:
            begin(trial, world)
            check_time_step(trial, world)
        except InputError as error:
            problem = str(error)
        except EngineError as error:
            problem = f"the start of {hottest.name} does not relax: {error}."
    problem = ranks.world.bcast(problem)
    if problem:
        raise InputError(problem)


def _rounds(
    system: System,
    md: MdConfig,
    session: MdSession,
    ranks: Ranks,
    store: MdStore,
    out: Path,
    stopping: Callable[[], bool],
) -> bool:
    steps = system.config.sampling.steps
    saved = time.monotonic()
    while True:
        todo = [c for c in store.chains if c.step < steps and not c.failure]
        stop = any(ranks.world.allgather(stopping())) or ranks.world.bcast((out / "STOP").exists())
        unfinished = ranks.world.bcast(bool(todo))
        if stop or not unfinished:
            return not unfinished
        shares = [todo[n :: ranks.n_groups] for n in range(ranks.n_groups)] if ranks.root else None
        mine = ranks.scatter(shares)
        for chain in mine:
            seconds = system.config.parallel.sync_seconds / len(mine)
            _advance(_world(system, md, session, chain), chain, steps, ranks, out, seconds)
        parts = ranks.gather(mine)
        if ranks.root:
            for part in parts:
                store.absorb(part)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save(store, out / "results.h5")
                saved = time.monotonic()


def _advance(
    world: MdWorld, chain: MdChain, steps: int, ranks: Ranks, out: Path, seconds: float
) -> None:
    """Some seconds of one replica; where its dynamics fails it ends, and the others go on."""
    start = time.monotonic()
    try:
        if not chain.length:
            prepare(chain, world)
        while chain.step < steps:
            step(chain, world)
            if world.md.trajectory_interval and chain.step % world.md.trajectory_interval == 0:
                _frame(world, chain, ranks, out / "trajectories")
            over = time.monotonic() - start > seconds
            if ranks.group.bcast(over):
                break
    except EngineError as error:
        chain.failure = f"step {chain.step + 1}: {error}"
    chain.wall += time.monotonic() - start


def _frame(world: MdWorld, chain: MdChain, ranks: Ranks, folder: Path) -> None:
    session = world.dynamics
    if ranks.leader:
        md_trajectory.append_extxyz(folder, chain, world.lattice)
    ranks.group.Barrier()  # the folder exists
    if isinstance(session, MdSession):
        path = folder / f"{chain.name}.lammpstrj"
        _, species = world.lattice.atoms(chain.occupancy)
        session.dump(path, chain.step, chain.cell, chain.phase, species)
