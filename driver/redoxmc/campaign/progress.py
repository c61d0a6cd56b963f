"""What a person sees while a campaign runs: a bar on a terminal, and log.txt for all."""

import sys
import time
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Self, TypeVar

from redoxmc.campaign.system import System
from redoxmc.results.store import Store
from redoxmc.sampling.chain import Chain

T = TypeVar("T")


class Display:
    """A bar on a terminal and log.txt, of root alone; what the bar shows is up to the campaign.

    out: folder of log.txt. first: what the bar says at first.
    """

    def __init__(self, out: Path, root: bool, first: str):
        self._root = root
        self._log = out / "log.txt"
        self._first = first
        self._bar: Any = None
        self._task: Any = None
        self._begin = time.monotonic()

    def __enter__(self) -> Self:
        if self._root and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task(self._first, total=None, figures="")
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _write(self, what: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            log.write(f"{stamp} {time.monotonic() - self._begin:9.1f} s  {what}\n")


class Progress(Display):
    """Progress of a campaign on root: nothing is shown or written elsewhere.

    The bar counts attempted moves, and shows acceptance, lowest energy per formula unit and the
    time left.
    """

    def __init__(self, system: System, store: Store, out: Path, show: bool):
        super().__init__(out, show, "setting up")
        self._units = system.lattice.formula_units
        self._steps = system.config.sampling.steps
        self._store = store
        self._done = 0
        self._fresh: dict[str, int] = {}  # moves of this rank since the last round, by ladder

    def __enter__(self) -> Self:
        super().__enter__()
        self.update(self._store)
        return self

    def say(self, what: str) -> None:
        """Name the present stage."""
        if not self._root:
            return
        if self._bar is not None:
            self._bar.update(self._task, description=what)
        else:
            print(f"redoxmc: {what}", file=sys.stderr)
        self._write(what)

    def update(self, store: Store) -> None:
        """Show the state after a round."""
        self._done = sum(chain.step for chain in store.chains)
        self._fresh = {}
        if self._bar is not None:
            total, figures = self._steps * len(store.chains), self._figures(store.chains)
            self._bar.update(self._task, completed=self._done, total=total, figures=figures)

    def tick(self, chains: Sequence[Chain]) -> None:
        """Show the moves of this rank since the last round."""
        if self._bar is not None:
            self._fresh[chains[0].name] = sum(len(chain.energies) for chain in chains)
            self._bar.update(
                self._task,
                description=f"sampling x = {chains[0].x:g}",
                completed=self._done + sum(self._fresh.values()),
                figures=self._figures(chains),
            )

    def _figures(self, chains: Sequence[Chain]) -> str:
        counts = [count for chain in chains for count in chain.moves.values()]
        proposed = sum(count.proposed for count in counts)
        accepted = sum(count.accepted for count in counts)
        energies = [chain.energy for chain in chains if isfinite(chain.energy)]
        if not proposed or not energies:
            return ""
        lowest = min(energies) / self._units
        return f"accepted {accepted / proposed:.0%}  E {lowest:.4f} eV/f.u."


def track(items: Sequence[T], what: str, show: bool) -> Iterator[T]:
    """Iterate over items under a progress bar, on a terminal and where show is true."""
    if not (show and sys.stderr.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description=what, console=Console(stderr=True))
