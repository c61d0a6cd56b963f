"""What a person sees while molecular dynamics runs: a bar on a terminal, log.txt for all."""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from redoxmc.md_chain import MdChain


class MdProgress:
    """Progress of a campaign of molecular dynamics on root; nothing is shown or written elsewhere.

    out: its log.txt is written. say: told each stage. show: draw a bar (on a terminal only). The
    bar counts steps of all replicas, and shows the share of swaps accepted.
    """

    def __init__(self, out: Path, root: bool, say: Callable[[str], None], show: bool = True):
        self._log, self._root, self._say = out / "log.txt", root, say
        self._show = show and root and sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None
        self._begin = time.monotonic()

    def __enter__(self) -> "MdProgress":
        if self._show:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("molecular dynamics"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, figures="")
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, what: str) -> None:
        """Name the present stage."""
        if not self._root:
            return
        with self._log.open("a", encoding="utf-8") as log:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            log.write(f"{stamp} {time.monotonic() - self._begin:9.1f} s  {what}\n")
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


def peak_memory() -> float:
    """Peak resident memory of this process, MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024  # Linux counts in KB
