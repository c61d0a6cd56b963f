"""What a replica is to a campaign and its store, whatever it samples."""

from collections.abc import Sequence
from typing import Protocol

from redoxmc.dynamics.replica import MdChain
from redoxmc.sampling.chain import Chain

AnyChain = Chain | MdChain


class Replica(Protocol):
    """What goes to a group of ranks and comes back: plain data that carries its generators."""

    @property
    def name(self) -> str:
        """Unique within a campaign."""

    @property
    def chains(self) -> Sequence[AnyChain]:
        """The chains that advance together."""

    def finished(self, steps: int) -> bool:
        """Whether nothing is left to do up to this number of steps."""
