"""The replicas of a group of ranks, and its work on them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic

from redoxmc.campaign.exchange import TO_ROOT, TO_TAKER, Exchange, transfers
from redoxmc.campaign.sampler import R


@dataclass
class Desk(Generic[R]):
    """What a group works on; every rank of the group has one.

    replicas: by name. targets: steps that each replica of the campaign is to have. coming: the
    replica that is on its way here, and the group that sends it. changed: names of replicas that
    root has not seen as they are. busy: s, spent on them.
    """

    replicas: dict[str, R]
    targets: dict[str, int]
    coming: tuple[str, int] | None = None
    changed: set[str] = field(default_factory=set)
    busy: float = 0.0

    @property
    def work(self) -> list[str]:
        """Names of the replicas here that have steps left."""
        return [n for n, r in self.replicas.items() if not r.finished(self.targets[n])]

    @property
    def named(self) -> list[str]:
        """The same with what is on its way here."""
        return self.work + ([self.coming[0]] if self.coming else [])

    def advance(
        self,
        advance: Callable[[R, int, Callable[[], bool]], None],
        turn: Callable[[R, float], Callable[[], bool]],
        seconds: float,
    ) -> None:
        """Give each replica that has steps left its part of so many seconds.

        advance: of the sampler. turn: of a replica and the moment when its turn is over, makes the
        question whether to stop.
        """
        names = self.work
        for name in names:
            replica, begin = self.replicas[name], time.monotonic()
            advance(replica, self.targets[name], turn(replica, begin + seconds / len(names)))
            spent = time.monotonic() - begin
            for chain in replica.chains:
                chain.wall += spent / len(replica.chains)
            self.busy += spent
            self.changed.add(name)

    def take_changed(self) -> list[R]:
        """Replicas that root has not seen as they are, in their order."""
        taken = [replica for name, replica in self.replicas.items() if name in self.changed]
        self.changed.clear()
        return taken

    def report(self, exchange: Exchange) -> None:
        """Send root what has changed; of the history, what it does not have."""
        exchange.send(self.take_changed(), 0, TO_ROOT)
        self.forget()

    def forget(self) -> None:
        """Drop the history of the replicas."""
        for replica in self.replicas.values():
            for chain in replica.chains:
                chain.take_history()

    def hand_over(self, work: list[list[str]], group: int, exchange: Exchange | None) -> None:
        """Send replicas to groups without work, or expect one. group: this one."""
        for giver, taker, name in transfers(work):
            if giver == group:
                replica = self.replicas.pop(name)
                self.changed.discard(name)
                if exchange:
                    exchange.send(replica, taker, TO_TAKER)
            elif taker == group:
                self.coming = name, giver

    def fetch(self, exchange: Exchange | None) -> Any:
        """The replica on its way here, for `take`; None where it has not come."""
        return exchange.receive(self.coming[1], TO_TAKER) if exchange and self.coming else None

    def take(self, replica: R) -> None:
        """Take a replica over."""
        self.replicas[replica.name] = replica
        self.changed.add(replica.name)
        self.coming = None
