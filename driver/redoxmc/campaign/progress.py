"""What a person sees while a campaign runs: a bar on a terminal, and log.txt for all."""

import sys
import time
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Self, TypeVar

from redoxmc.campaign.system import System
from redoxmc.errors import InputError
from redoxmc.results.replica import AnyChain, Replica
from redoxmc.results.store import Store

T = TypeVar("T")


class Progress:
    """A bar on a terminal and log.txt, of root alone.

    The bar counts steps of all replicas, and shows the share of moves accepted, the lowest present
    energy per formula unit and the time left.
    """

    def __init__(self, system: System, store: Store, out: Path, root: bool, show: bool):
        """out: folder of log.txt, which root writes. show: whether this rank shows anything."""
        self.steps = system.config.sampling.steps
        self._units = system.lattice.formula_units
        self._store = store
        self._root, self._show = root, show
        self._log = out / "log.txt"
        self._bar: Any = None
        self._task: Any = None
        self._begin = time.monotonic()

    def __enter__(self) -> Self:
        if self._show and sys.stderr.isatty():
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
            self._task = self._bar.add_task("setting up", total=None, figures="")
            self.update(self._store)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, what: str) -> None:
        """Name the present stage."""
        if self._bar is not None:
            self._bar.update(self._task, description=what)
        elif self._show:
            print(f"redoxmc: {what}", file=sys.stderr)
        self._write(what)

    def remark(self, what: str) -> None:
        """Say something that stays on the terminal."""
        if self._bar is not None:
            self._bar.console.print(what, markup=False, highlight=False)
        elif self._show:
            print(f"redoxmc: {what}", file=sys.stderr)
        self._write(what)

    def _write(self, what: str) -> None:
        if self._root:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            line = f"{stamp} {time.monotonic() - self._begin:9.1f} s  {what}\n"
            try:
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(line)
            except OSError as error:
                why = error.strerror or error
                raise InputError(f"{self._log} cannot be written: {why}.") from None

    def update(self, store: Store) -> None:
        """Show the state after a round."""
        if self._bar is not None:
            chains: Sequence[AnyChain] = store.chains or store.md_chains
            done, total = sum(chain.step for chain in chains), self.steps * len(chains)
            figures = self._figures(chains)
            self._bar.update(self._task, completed=done, total=total, figures=figures)

    def tick(self, replica: Replica) -> None:
        """Show one more step of a replica of this rank."""
        if self._bar is not None:
            what = f"sampling x = {replica.chains[0].x:g}"
            figures = self._figures(replica.chains)
            self._bar.update(self._task, advance=1, description=what, figures=figures)

    def _figures(self, chains: Sequence[AnyChain]) -> str:
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
