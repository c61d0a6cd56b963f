"""The main job: config in, replicas built, run in rounds, stored, reported.

Opening, resuming, rounds, checkpoints, STOP, signals and progress are here and in `rounds`, once
for replicas of any kind (`sampler.Sampler`).
"""

import shutil
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from redoxmc.campaign.dynamics import DynamicsSampler
from redoxmc.campaign.failures import refuse_no_result
from redoxmc.campaign.lock import locked
from redoxmc.campaign.monte_carlo import MonteCarloSampler
from redoxmc.campaign.parallel import Ranks, split_ranks
from redoxmc.campaign.preflight import check_model
from redoxmc.campaign.progress import Progress
from redoxmc.campaign.root import checkpoint
from redoxmc.campaign.rounds import run_rounds
from redoxmc.campaign.same import refuse_another
from redoxmc.campaign.sampler import Sampler
from redoxmc.campaign.system import System, load_system
from redoxmc.config.campaign import Source
from redoxmc.errors import InputError
from redoxmc.report.remarks import remarks
from redoxmc.report.summary import write_report
from redoxmc.report.tables import failures
from redoxmc.results.store import GEOMETRIES, Store, collect_geometries, load_last_good
from redoxmc.results.summary import Summary

STOPPED = 75  # exit code: stopped on request, resumable


def run_campaign(
    config: Source,
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
    system = load_system(config, concentration)
    ranks = join_ranks(system)
    stopping = _catch_signals()
    finished = run_system(system, ranks, out, stopping, resume=resume, progress=progress)
    return 0 if finished else STOPPED


def join_ranks(system: System) -> Ranks:
    """Give the system's LAMMPS to this rank's group, and try the model on the host.

    Raises InputError where the ranks do not divide, or the model does not fit.
    """
    ranks = split_ranks(system.config.parallel.ranks_per_replica)
    system.session.comm = ranks.group
    check_model(system.session, system.lattice, min(system.counts.values()))
    return ranks


def run_system(
    system: System,
    ranks: Ranks,
    out: Path,
    stopping: Callable[[], bool],
    *,
    resume: bool = False,
    progress: bool = True,
) -> bool:
    """Run or continue the campaign of a system; every rank calls it.

    stopping: asked between steps whether to stop (of this rank alone). Returns whether all
    replicas have their steps. Raises InputError as run_campaign.
    """
    sampler: Sampler[Any] = (
        DynamicsSampler(system, ranks, out)
        if system.config.sampling.ensemble == "md"
        else MonteCarloSampler(system, ranks)
    )
    path = out / "results.h5"
    ranks.share(lambda: _refuse_existing(path, resume))
    with ExitStack() as stack:
        stack.callback(sampler.close)
        ranks.share(lambda: stack.enter_context(locked(out)))
        header = system.header() | {"identity": sampler.identity}
        store, remark = _open(path, header, sampler, ranks)
        system.host.geometries.update(store.hosts)
        show = progress and ranks.root
        display = stack.enter_context(Progress(system, store, out, ranks.root, show))
        if remark:
            display.say(remark)
        display.say("relaxing the host lattice of each concentration")
        system.relax_hosts(ranks)
        store.hosts = dict(system.host.geometries)
        sampler.begin(store, display.say)
        if not ranks.root:
            store.ladders, store.md_chains = [], []
        display.say(sampler.what)
        finished = run_rounds(
            sampler, store, ranks, out, system.config.parallel.sync_seconds, stopping, display
        )
        display.say(f"peak memory of a rank: {ranks.peak_memory():.0f} MB")
        display.say(_idle(store.idle_shares))
        store.complete = finished
        ranks.share(lambda: _save_all(store, path))
        display.say("writing the report")
        left_out, seen = ranks.share(lambda: _notes(write_report(store, out)))
        for note in left_out:
            display.remark(f"left out, {note}")
        for note in seen:
            display.say(note)
        display.say("done" if finished else "stopped; continue with --resume")
    refuse_no_result([*store.chains, *store.md_chains], ranks)
    return finished


def _notes(summary: Summary) -> tuple[list[str], list[str]]:
    """What was left out, and what else a reader must know."""
    return failures(summary), remarks(summary)


def _refuse_existing(path: Path, resume: bool) -> None:
    if path.exists() and not resume:
        raise InputError(f"{path} exists; continue it with --resume or choose another --out.")


def _open(
    path: Path, header: dict[str, Any], sampler: Sampler[Any], ranks: Ranks
) -> tuple[Store, str]:
    """The store at path or a fresh one, and a remark on its state; the history is root's alone."""
    found: list[Store] = []

    def look() -> tuple[Store, str]:
        store, remark = _stored(path, header, sampler.may_change) or (sampler.fresh(header), "")
        if not path.exists():  # geometries of a run that was killed before its first checkpoint
            shutil.rmtree(path.parent / GEOMETRIES, ignore_errors=True)
        found.append(store)
        return store.without_history(), remark

    store, remark = ranks.share(look)
    store = found[0] if found else store
    store.cache.write_geometries(path.parent / GEOMETRIES, ranks.index, ranks.leader)
    return store, remark


def _save_all(store: Store, path: Path) -> None:
    """The last checkpoint: geometries are in it, but where they are too many."""
    everything = collect_geometries(store)
    checkpoint(store, path)
    if everything:
        store.cache.geometries.remove_files()


def _idle(shares: list[float]) -> str:
    worst, mean = max(shares), sum(shares) / len(shares)
    who = f"at most {worst:.1%} (group {shares.index(worst)})"
    return f"idle while sampling: {mean:.1%} of a group's time, {who}"


def _stored(path: Path, header: dict[str, Any], may_change: str) -> tuple[Store, str] | None:
    """The store at path, to be continued, and a remark on its state; None where there is none."""
    if not path.exists():
        return None
    store, remark = load_last_good(path)
    refuse_another(path, store.header, header, may_change)
    store.header = header
    return store, remark


def _catch_signals() -> Callable[[], bool]:
    """Turn SIGTERM and SIGINT into a question; the second signal has its usual effect."""
    received: list[int] = []

    def remember(number: int, frame: Any) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, remember)
    signal.signal(signal.SIGINT, remember)
    return lambda: bool(received)
