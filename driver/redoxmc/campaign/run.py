"""The main job: config in, replicas built, run in rounds, stored, reported.

Root holds all chains and the store. In a round every group advances its ladders for some seconds;
then new relaxed energies go to all ranks, the chains go back to root, and root writes a checkpoint.
Chains carry their own generators, and energies are functions of the occupancy, so which group ran
what, and where a round ended, leaves no trace in them.
"""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from itertools import product
from math import comb, inf
from pathlib import Path
from typing import Any

from redoxmc.campaign.failures import refuse_no_result
from redoxmc.campaign.parallel import Ranks, distribute, split_ranks
from redoxmc.campaign.preflight import check_model
from redoxmc.campaign.progress import Progress
from redoxmc.campaign.same import refuse_another
from redoxmc.campaign.system import System, load_system
from redoxmc.errors import InputError
from redoxmc.io.files import CHECKPOINT_SECONDS
from redoxmc.report.gaps import GapWatch
from redoxmc.report.summary import write_report
from redoxmc.results.store import Store, load, save
from redoxmc.sampling.cache import EnergyCache
from redoxmc.sampling.chain import Chain, make_chain
from redoxmc.sampling.ladder import Ladder, advance, make_ladder
from redoxmc.sampling.stopping import step_targets

Work = tuple[Ladder, int]  # and the number of attempted moves that it is to have made
STOPPED = 75  # exit code: stopped on request, resumable


def run_campaign(
    config: Path,
    out: Path,
    *,
    resume: bool = False,
    concentration: float | None = None,
    progress: bool = True,
) -> int:
    """Run or continue a campaign into the folder `out`; every MPI rank calls it.

    concentration: run this one of the config's only.

    Returns 0 when all replicas have their steps, 75 when stopped by a file STOP in `out`, SIGTERM
    or SIGINT (resumable). Raises InputError on bad input, on every rank, before anything is
    written, and NoResultError, when all is written, where every start of a concentration failed.
    """
    system, ranks = prepare(config, concentration)
    if system.config.sampling.ensemble == "md":
        return 0 if _run_md(system, ranks, out, resume, progress) else STOPPED
    store = ranks.share(lambda: _open(system, out, resume))
    system.hosts.update(store.hosts)
    stopping = _catch_signals()
    with Progress(system, store, out, show=progress and ranks.root) as display:
        display.say("relaxing the host lattice of each concentration")
        system.relax_hosts(ranks)
        store.hosts = dict(system.hosts)
        display.say("sampling")
        finished = _rounds(system, ranks, store, out, stopping, display)
        memory = ranks.peak_memory()
        if ranks.root:
            display.say(f"peak memory of a rank: {memory:.0f} MB")
            store.complete = finished
            save(store, out / "results.h5")
            display.say("writing the report")
            write_report(store, out)
            display.say("done" if finished else "stopped; continue with --resume")
    refuse_no_result(store.chains, ranks)
    return 0 if finished else STOPPED


def prepare(config: Path, concentration: float | None = None) -> tuple[System, Ranks]:
    """Load the system on every rank, with a LAMMPS session on this rank's group."""
    system = load_system(config, concentration)
    ranks = split_ranks(system.config.parallel.ranks_per_replica)
    system.session.comm = ranks.group
    check_model(system.session, system.lattice, min(system.counts.values()))
    return system, ranks


def _run_md(system: System, ranks: Ranks, out: Path, resume: bool, progress: bool) -> bool:
    from redoxmc.campaign.md_run import run_md

    def say(what: str) -> None:
        if ranks.root and progress:
            print(f"redoxmc: {what}", file=sys.stderr)

    stopping, md = _catch_signals(), system.config.md
    return run_md(system, md, ranks, out, stopping=stopping, resume=resume, say=say)


def _open(system: System, out: Path, resume: bool) -> Store:
    """Begin a new store or continue the one in `out`."""
    path = out / "results.h5"
    header = system.header()
    fresh = _ladders(system)
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        return Store(header, EnergyCache(), {}, fresh, {})
    if not resume:
        raise InputError(f"{path} exists; continue it with --resume or choose another --out.")
    store = load(path)
    may = "sampling.steps, burn_in and standard_error, [parallel] and [report]"
    refuse_another(path, store.header, header, may)
    store.header = header
    return store


def _ladders(system: System) -> list[Ladder]:
    sampling = system.config.sampling
    ladders: list[Ladder] = []
    for x, seed in product(system.config.ions.concentrations, sampling.seeds):
        ions = system.ions(x, seed)
        potentials: Sequence[float | None] = sampling.chemical_potential or [None]
        for potential in potentials:
            chains = [
                make_chain(system.lattice, x, ions, temperature, seed, potential)
                for temperature in sampling.temperatures
            ]
            if sampling.annealing:
                for chain in chains:
                    chain.anneal_from = sampling.annealing.start
                    chain.anneal_steps = sampling.annealing.steps
            groups = [chains] if sampling.tempering else [[chain] for chain in chains]
            ladders.extend(make_ladder(group, sampling.exchange_interval) for group in groups)
        if sampling.uniform_draws:
            draws = make_chain(system.lattice, x, ions, inf, seed)
            ladders.append(make_ladder([draws], sampling.exchange_interval))
    return ladders


def _rounds(
    system: System,
    ranks: Ranks,
    store: Store,
    out: Path,
    stopping: Callable[[], bool],
    display: Progress,
) -> bool:
    """Advance all ladders to the end; returns False where it was stopped before."""
    saved = time.monotonic()
    watch = GapWatch(system.config.sampling.steps, display.say)
    while True:
        todo = _todo(system, store) if ranks.root else []
        stop = any(ranks.world.allgather(stopping())) or ranks.world.bcast((out / "STOP").exists())
        unfinished = ranks.world.bcast(bool(todo))
        if stop or not unfinished:
            return not unfinished
        mine = ranks.scatter(_assign(system, todo, ranks) if ranks.root else None)
        _advance_for_a_while(system, ranks, mine, store, stopping, display)
        store.cache.merge(ranks.gather(store.cache.take_fresh()))
        parts = ranks.gather([ladder for ladder, _ in mine])
        if ranks.root:
            for part in parts:
                store.absorb(part)
            display.update(store)
            watch.look(store)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save(store, out / "results.h5")
                saved = time.monotonic()


def _todo(system: System, store: Store) -> list[Work]:
    """Ladders that are not where they are to be."""
    sampling = system.config.sampling
    wanted = sampling.standard_error
    targets = step_targets(
        store.ladders,
        {name: trace.energies for name, trace in store.traces.items()},
        steps=sampling.steps,
        uniform_draws=sampling.uniform_draws,
        burn_in=sampling.burn_in,
        wanted=None if wanted is None else wanted * system.lattice.formula_units,
    )
    work = zip(store.ladders, targets, strict=True)
    return [(ladder, target) for ladder, target in work if not ladder.finished(target)]


def _assign(system: System, todo: list[Work], ranks: Ranks) -> list[list[Work]]:
    """Ladders of one concentration go together: they ask for the same states."""
    bundles: dict[int, list[Work]] = {}
    for ladder, target in todo:
        bundles.setdefault(ladder.chains[0].n_ions, []).append((ladder, target))

    def cost(n_ions: int) -> int:
        return comb(system.lattice.n_redox, system.lattice.n_reduced(n_ions) or 0)

    ordered = sorted(bundles, key=lambda n: (-cost(n), n))
    return distribute([bundles[n] for n in ordered], ranks.n_groups)


def _advance_for_a_while(
    system: System,
    ranks: Ranks,
    work: list[Work],
    store: Store,
    stopping: Callable[[], bool],
    display: Progress,
) -> None:
    share = system.config.parallel.sync_seconds / max(len(work), 1)
    for ladder, target in work:
        energies = system.energies(ladder.chains[0].n_ions, store.cache)
        begin = time.monotonic()

        def stop(begin: float = begin, chains: list[Chain] = ladder.chains) -> bool:
            display.tick(chains)
            over = time.monotonic() - begin > share or stopping()
            # the ranks of a group stop at the same move
            return bool(ranks.group.bcast(over)) if ranks.group.Get_size() > 1 else over

        advance(ladder, energies, system.mixture, target, stop)
        elapsed = time.monotonic() - begin
        for chain in ladder.chains:
            chain.wall += elapsed / len(ladder.chains)


def _catch_signals() -> Callable[[], bool]:
    """Turn SIGTERM and SIGINT into a question; the second signal has its usual effect."""
    received: list[int] = []

    def remember(number: int, frame: Any) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, remember)
    signal.signal(signal.SIGINT, remember)
    return lambda: bool(received)
