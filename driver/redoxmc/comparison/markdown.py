"""Pieces of Markdown."""

from collections.abc import Iterable, Sequence

from redoxmc.comparison.records import Results

Row = Sequence[object]


def table(head: Sequence[str], rows: Iterable[Row]) -> str:
    """A Markdown table; None is written as –."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = ["–" if cell is None else str(cell) for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def done(results: Results) -> Results:
    """The results that are there."""
    return {name: result for name, result in results.items() if "skipped" not in result}


def number(value: float | None, digits: int) -> str | None:
    """A number with so many digits."""
    return None if value is None else f"{value:.{digits}f}"


def listed(values: Sequence[float]) -> str:
    """Numbers, with commas."""
    return ", ".join(f"{value:g}" for value in values)


def axes(values: Sequence[float]) -> str:
    """Three lengths."""
    return " / ".join(f"{value:.2f}" for value in values)
