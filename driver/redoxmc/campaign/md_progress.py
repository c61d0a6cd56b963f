"""What a person sees while molecular dynamics runs: a bar on a terminal, log.txt for all."""

from collections.abc import Callable, Sequence
from pathlib import Path

from redoxmc.campaign.progress import Display
from redoxmc.dynamics.replica import MdChain


class MdProgress(Display):
    """Progress of a campaign of molecular dynamics on root; nothing is shown or written elsewhere.

    out: its log.txt is written. say: told each stage. The bar counts steps of all replicas, and
    shows the share of swaps accepted.
    """

    def __init__(self, out: Path, root: bool, say: Callable[[str], None]):
        super().__init__(out, root, "molecular dynamics")
        self._say = say

    def say(self, what: str) -> None:
        """Name the present stage."""
        if self._root:
            self._write(what)
            self._say(what)

    def update(self, chains: Sequence[MdChain], steps: int) -> None:
        """Show the state after a round. steps: that each of all the chains is to make."""
        if self._bar is not None:
            counts = [count for chain in chains for count in chain.moves.values()]
            proposed = sum(count.proposed for count in counts)
            accepted = sum(count.accepted for count in counts)
            figures = f"swaps accepted {accepted / proposed:.0%}" if proposed else ""
            done, total = sum(chain.step for chain in chains), steps * len(chains)
            self._bar.update(self._task, completed=done, total=total, figures=figures)

    def tick(self) -> None:
        """Show one more step of a chain of this rank."""
        if self._bar is not None:
            self._bar.advance(self._task)
