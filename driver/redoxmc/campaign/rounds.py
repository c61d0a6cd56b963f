"""Rounds of a campaign: replicas go out to the groups of ranks and come back.

Root holds all replicas and the store. In a round every group advances its replicas for some
seconds; then new relaxed energies go to all ranks, the replicas go back to root, and root writes a
checkpoint. Replicas carry their own generators, so which group ran what, and where a round ended,
leaves no trace in them.
"""

import time
from collections.abc import Callable
from pathlib import Path

from redoxmc.campaign.lock import check_lock
from redoxmc.campaign.parallel import Ranks, distribute
from redoxmc.campaign.progress import Progress
from redoxmc.campaign.sampler import R, Sampler
from redoxmc.io.files import CHECKPOINT_SECONDS
from redoxmc.report.gaps import GapWatch
from redoxmc.results.store import Store, save


def run_rounds(
    sampler: Sampler[R],
    store: Store,
    ranks: Ranks,
    out: Path,
    seconds: float,
    stopping: Callable[[], bool],
    display: Progress,
) -> bool:
    """Advance all replicas until they have their steps or are told to stop; every rank calls it.

    store: of root it takes up the replicas after each round; on all ranks it knows all energies.
    out: the folder of the results; a file STOP in it stops. seconds: that a round takes. stopping:
    asked of this rank alone. Returns whether the replicas have their steps.
    """

    def turn(replica: R, end: float) -> Callable[[], bool]:
        def stop() -> bool:
            display.tick(replica)
            over = time.monotonic() > end or stopping()
            # the ranks of a group stop at the same step
            return bool(ranks.group.bcast(over)) if ranks.group.Get_size() > 1 else over

        return stop

    saved = time.monotonic()
    watch = GapWatch(display.steps, display.say)
    while True:
        bundles = sampler.bundles(store) if ranks.root else []
        stop = any(ranks.world.allgather(stopping())) or ranks.world.bcast((out / "STOP").exists())
        unfinished = ranks.world.bcast(bool(bundles))
        if stop or not unfinished:
            return not unfinished
        mine = ranks.scatter(distribute(bundles, ranks.n_groups) if ranks.root else None)
        for replica, steps in mine:
            begin = time.monotonic()
            sampler.advance(replica, steps, turn(replica, begin + seconds / len(mine)))
            for chain in replica.chains:
                chain.wall += (time.monotonic() - begin) / len(replica.chains)
        store.cache.merge(ranks.gather(store.cache.take_fresh()))
        parts = ranks.gather([replica for replica, _ in mine])
        if ranks.root:
            for part in parts:
                store.absorb(part)
            display.update(store)
            watch.look(store)
        if ranks.world.bcast(time.monotonic() - saved > CHECKPOINT_SECONDS):
            ranks.share(lambda: checkpoint(store, out / "results.h5"))
            saved = time.monotonic()


def checkpoint(store: Store, path: Path) -> None:
    """Save the store; InputError where that fails, or the folder is another run's by now."""
    check_lock(path.parent)
    save(store, path)
