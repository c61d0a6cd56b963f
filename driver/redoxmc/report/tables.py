"""Records as tables: their cells as text, and on the terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from redoxmc.report.remarks import remarks
from redoxmc.results.record import Record, columns_of
from redoxmc.results.states import Enumeration
from redoxmc.results.summary import Summary
from redoxmc.structures.occupancy import ions_of_key

UNKNOWN = "–"


def cells(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Headings, and the texts of each row, of records of one kind."""
    if not records:
        return [], []
    columns = columns_of(type(records[0]))
    rows = [[_text(getattr(record, name), form) for name, _, form in columns] for record in records]
    return [heading for _, heading, _ in columns], rows


def _text(value: Any, form: str, between: str = ", ") -> str:
    """What is unknown is a dash; lists are joined, and lists in a list as pairs."""
    if value is None or value == []:
        return UNKNOWN
    if isinstance(value, list):
        return between.join(_text(item, form, " and ") for item in value)
    return form.format(value)


def unknowns(points: Iterable[Any]) -> list[str]:
    """What the thermodynamics of a campaign leave out and why, a sentence for each x and reason.

    points: records that say where they are, and why_unknown.
    """
    at: dict[tuple[str, str], list[float]] = {}
    for point in points:
        if point.why_unknown:
            at.setdefault((point.where, point.why_unknown), []).append(point.temperature_K)
    return [
        f"{where} at {', '.join(f'{t:g}' for t in temperatures)} K: {reason}"
        for (where, reason), temperatures in at.items()
    ]


def failures(summary: Summary) -> list[str]:
    """How many states of each x did not relax, an example, and what to change; a sentence each.

    Nothing for dynamics, which relaxes no states.
    """
    failed = getattr(summary, "failed_states", [])
    shares = {
        getattr(point, "x", None): point.failed_share for point in summary.thermo
        if point.failed_share
    }  # fmt: skip
    if not failed or not shares:
        return []
    advice = (
        "; if it left its site, look at relax.site_tolerance, at the model, or for ions at "
        "ions.minimum_distance"
    )
    sites = summary.host.n_redox_sites
    found = []
    for x, share in sorted(shares.items(), key=lambda pair: (pair[0] is None, pair[0])):
        own = [one for one in failed if x is not None and ions_of_key(one.key) == round(x * sites)]
        example = (own or failed)[0]
        found.append(
            f"x = {x:.4g}: {share:.1%} of the distinct states met did not relax and are left out, "
            f"such as {example.key} ({example.reason}){advice}"
            if x is not None
            else f"{share:.1%} of the distinct states met did not relax ({example.reason}){advice}"
        )
    return found


def print_thermo(summary: Summary) -> None:
    """Print the thermodynamics of a summary, one line for each (x, T)."""
    print_records(f"{summary.host.formula}, model {summary.model['name']}", summary.thermo)
    for note in unknowns(summary.thermo):
        print(f"not known, {note}")
    for note in failures(summary):
        print(f"left out, {note}")
    for remark in remarks(summary):
        print(remark)


def print_spectrum(result: Enumeration) -> None:
    """Print the states and the exact averages of an enumeration."""
    failed = len(result.failed)
    title = "Distinct states" + (f" ({failed} more did not relax)" if failed else "")
    print_records(title, result.states)
    lost = sum(bool(state.lost_charges) for state in result.states)
    if lost:
        print(
            f"charge orders are lost: in {lost} of {len(result.states)} states an ion has the "
            "bond lengths of its other charge state"
        )
    print_records("Exact averages", result.thermo)


def print_records(title: str, records: Sequence[Record]) -> None:
    """Print records of one kind as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    headings, rows = cells(records)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console()
    # a file or a pipe has no width: take what the table needs
    Console(width=None if console.is_terminal else 140).print(table)
