"""What root does beside its own replicas: it keeps the store, and says what is left to do.

No group waits for it: what it is asked and what it says goes with the words of the groups.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redoxmc.campaign.desk import Desk
from redoxmc.campaign.exchange import TO_ROOT, Exchange
from redoxmc.campaign.lock import check_lock
from redoxmc.campaign.progress import Progress
from redoxmc.campaign.sampler import Sampler
from redoxmc.errors import InputError
from redoxmc.io.files import CHECKPOINT_SECONDS
from redoxmc.report.gaps import GapWatch
from redoxmc.results.store import Store, save

PAUSE = 9  # times what it took to take replicas in passes before they are asked for again


@dataclass
class Orders:
    """What root says to all groups.

    targets: steps that replicas are to have, where that has changed. finished: whether all have
    theirs. collect: whether changed replicas are to come with the next word. problem: why the
    campaign ends. news: of the sampler.
    """

    targets: dict[str, int]
    finished: bool
    collect: bool
    problem: InputError | None
    news: Any


class Root:
    """The store of a campaign while its replicas are with the groups."""

    def __init__(
        self, sampler: Sampler[Any], store: Store, out: Path, n_groups: int, display: Progress
    ):
        self._sampler, self._store, self._out, self._display = sampler, store, out, display
        self._watch = GapWatch(display.steps, display.say)
        self._n_groups = n_groups
        self.bundles = sampler.bundles(store)
        self._targets: dict[str, int] = {}
        self._news = self._changed_targets()
        self._problem: InputError | None = None
        self._saved, self._due = time.monotonic(), 0.0
        self._asked = False  # for replicas, with the last word
        self._missing: set[int] | None = None  # groups whose replicas are on their way
        self._heard = False  # the words that go with them, and so their energies
        self._parts: list[list[Any]] = []  # what has come of them

    @property
    def stop(self) -> bool:
        """Whether somebody asks the campaign to stop."""
        return (self._out / "STOP").exists()

    def speak(self) -> Orders:
        """What to say now; replicas that the last word asked for are sent from now on."""
        if self._asked or self._n_groups == 1:
            self._missing, self._heard = set(range(1, self._n_groups)), False
        self._asked = self._missing is None and time.monotonic() >= self._due
        news, self._news = self._news, {}
        found = self._sampler.take_news()
        return Orders(news, not self.bundles, self._asked, self._problem, found)

    def hear(self, idle: bool) -> None:
        """Note that words have come. idle: a group has no work, so that decisions are urgent."""
        self._heard = True
        if idle:
            self._due = 0.0

    def look(self, exchange: Exchange, desk: Desk[Any]) -> None:
        """Take in what has come of the replicas; when it is all, and their energies, decide."""
        self._receive(exchange)
        if self._missing is None or self._missing or not self._heard:
            return
        begin, self._missing = time.monotonic(), None
        self._absorb([*self._parts, desk.take_changed()])
        self._parts = []
        self.bundles = self._sampler.bundles(self._store)
        self._news |= self._changed_targets()
        self._display.update(self._store)
        self._watch.look(self._store)
        now = time.monotonic()
        self._due = now + PAUSE * (now - begin)
        if now - self._saved > CHECKPOINT_SECONDS:
            try:
                checkpoint(self._store, self._out / "results.h5")
            except InputError as error:
                self._problem = error
            self._saved = time.monotonic()

    def close(self, exchange: Exchange, parts: list[list[Any]]) -> None:
        """Take in what is still on its way, and after that the last parts."""
        while self._missing:
            self._receive(exchange)
        self._absorb([*self._parts, *parts])

    def _receive(self, exchange: Exchange) -> None:
        for group in sorted(self._missing or ()):
            part = exchange.receive(group, TO_ROOT)
            if part is not None and self._missing is not None:
                self._parts.append(part)
                self._missing.remove(group)

    def _absorb(self, parts: list[list[Any]]) -> None:
        for part in parts:
            self._store.absorb(part)

    def _changed_targets(self) -> dict[str, int]:
        now = {replica.name: steps for bundle in self.bundles for replica, steps in bundle}
        changed = {n: steps for n, steps in now.items() if self._targets.get(n) != steps}
        self._targets |= changed
        return changed


def checkpoint(store: Store, path: Path) -> None:
    """Save the store; InputError where that fails, or the folder is another run's by now."""
    check_lock(path.parent)
    save(store, path)
