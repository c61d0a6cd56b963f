"""What the loop of a campaign asks of a kind of replicas."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from redoxmc.results.replica import Replica
from redoxmc.results.store import Store

R = TypeVar("R", bound=Replica)


class Sampler(Protocol[R]):
    """How replicas of one kind are made and advanced. Every rank has one.

    Where `advance` stops must leave no trace in the replica: what follows is the same bit for bit.
    """

    # the stage's name, shown and written to log.txt
    what: str
    # keys that may change between a run and its resumption, in words
    may_change: str

    @property
    def identity(self) -> str:
        """What determines the replicas; a store of another one is not continued."""

    def fresh(self, header: dict[str, Any]) -> Store:
        """A store of replicas at their beginning. header: of the store."""

    def begin(self, store: Store, say: Callable[[str], None]) -> None:
        """Get ready for the rounds, on all ranks; the hosts are relaxed. say: told a new stage."""

    def bundles(self, store: Store) -> list[list[tuple[R, int]]]:
        """Replicas with work left and the steps that each is to have, by falling cost; of root.

        Those of one bundle ask for the same states and stay together where there are enough.
        """

    def advance(self, replica: R, steps: int, stop: Callable[[], bool]) -> None:
        """Advance to so many steps, or until stop(), which is asked after each step, is true."""

    def take_news(self) -> Any:
        """What `bundles` has found out since the last call, for `hear` of every rank; of root."""

    def hear(self, news: Any) -> None:
        """Take up what root has found out; the targets that go with it come later, if at all."""

    def close(self) -> None:
        """Free what `begin` took."""
