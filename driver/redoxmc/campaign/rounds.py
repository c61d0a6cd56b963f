"""Rounds of a campaign: each group of ranks works on its replicas, and none waits for another.

Once in a round a group tells all others the energies that it has computed and what work it has
left, and hears what they say; a group without work takes a replica over. When root asks for them,
replicas go to its store with their new history, for decisions and checkpoints. Meanwhile all groups
work on. Replicas carry their own generators, so which group ran what, and where a round ended,
leaves no trace in them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redoxmc.campaign.desk import Desk
from redoxmc.campaign.exchange import Exchange
from redoxmc.campaign.parallel import Ranks, distribute
from redoxmc.campaign.progress import Progress
from redoxmc.campaign.root import Orders, Root
from redoxmc.campaign.sampler import R, Sampler
from redoxmc.results.store import Store

LOOK_SECONDS = 0.002  # between two looks of a group that has nothing to do
OVERTIME = 0.1  # of a round, between two looks for words that are late


@dataclass
class Word:
    """What a group says to all.

    energies: computed since its last word. work: names of its replicas that have steps left.
    stop: whether it was told to. orders: of root.
    """

    energies: list[Any]
    work: list[str]
    stop: bool
    orders: Orders | None


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

    store: of root it takes up the replicas; on all ranks it knows all energies, and at the end how
    idle the groups were. out: the folder of the results; a file STOP in it stops. seconds: that a
    round takes. stopping: asked of this rank alone. Returns whether the replicas have their steps.
    """
    root = Root(sampler, store, out, ranks.n_groups, display) if ranks.root else None
    desk: Desk[R] = _first_desk(root, store, ranks)
    exchange = Exchange(ranks.leaders) if ranks.leader else None

    def turn(replica: R, end: float) -> Callable[[], bool]:
        def stop() -> bool:
            display.tick(replica)
            over = time.monotonic() > end or stopping()
            if exchange:
                exchange.ready()
            # the ranks of a group stop at the same step
            return bool(ranks.tell_group(over))

        return stop

    begin, collect = time.monotonic(), False
    while True:
        stop = ranks.any_of_group(stopping() or (root is not None and root.stop))
        orders = root.speak() if root else None
        word = Word(store.cache.take_fresh(), desk.named, stop, orders)
        if exchange:
            exchange.speak(word)
            if collect and not root:
                desk.report(exchange)
        else:
            desk.forget()  # the leader of the group sends
        words, end = None, time.monotonic() + seconds
        while words is None:
            if desk.work and not stop:
                left = ranks.tell_group(max(end - time.monotonic(), OVERTIME * seconds))
                desk.advance(sampler.advance, turn, left)
            if root and exchange:
                root.look(exchange, desk)
            news = (exchange.heard() if exchange else None), desk.fetch(exchange)
            words, replica = ranks.tell_group(news)
            if replica is not None:
                desk.take(replica)
            if words is None and (stop or not desk.work):
                time.sleep(LOOK_SECONDS)
        store.cache.merge(word.energies for word in words)
        said: Orders = words[0].orders
        if said.problem is not None:
            raise said.problem
        sampler.hear(said.news)  # before the steps that are to go by it
        desk.targets |= said.targets
        if said.finished or any(word.stop for word in words):
            break
        if root and exchange:
            root.hear(idle=not all(word.work for word in words))
            root.look(exchange, desk)
        desk.hand_over([word.work for word in words], ranks.index, exchange)
        collect = said.collect
    total = time.monotonic() - begin
    _finish(desk, store, ranks, root, exchange)
    store.idle_shares = ranks.gather(1 - desk.busy / total if total else 0.0)
    return said.finished


def _first_desk(root: Root | None, store: Store, ranks: Ranks) -> Desk[Any]:
    """Replicas with steps left go to the groups by falling cost, then those without."""
    shares: list[list[tuple[Any, int]]] | None = None
    if root:
        shares = distribute(root.bundles, ranks.n_groups)
        given = {replica.name for share in shares for replica, _ in share}
        everything: list[Any] = [*store.ladders, *store.md_chains]
        rest = [one for one in everything if one.name not in given]
        for number, replica in enumerate(rest):
            shares[number % ranks.n_groups].append((replica, 0))
    mine = ranks.scatter(shares)
    return Desk({one.name: one for one, _ in mine}, {one.name: steps for one, steps in mine})


def _finish(
    desk: Desk[Any], store: Store, ranks: Ranks, root: Root | None, exchange: Exchange | None
) -> None:
    """Bring everything to root."""
    while desk.coming:
        replica = ranks.tell_group(desk.fetch(exchange))
        if replica is not None:
            desk.take(replica)
    last = (store.cache.take_fresh(), desk.take_changed()) if exchange else None
    parts = [part for part in ranks.gather_on_root(last) if part is not None]
    store.cache.merge(energies for energies, _ in parts)
    if root and exchange:
        root.close(exchange, [replicas for _, replicas in parts])
    if exchange:
        exchange.close()
