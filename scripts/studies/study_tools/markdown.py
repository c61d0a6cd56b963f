"""Pieces of Markdown."""

from collections.abc import Iterable, Sequence

Row = Sequence[object]


def table(head: Sequence[str], rows: Iterable[Row]) -> str:
    """Return a Markdown table; None is written as –."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = ["–" if cell is None else str(cell) for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def number(value: float | None, digits: int) -> str | None:
    """Format a number with so many digits; None stays None."""
    return None if value is None else f"{value:.{digits}f}"


def listed(values: Sequence[float]) -> str:
    """Format numbers with commas between them."""
    return ", ".join(f"{value:g}" for value in values)


def axes(values: Sequence[float]) -> str:
    """Format three lengths."""
    return " / ".join(f"{value:.2f}" for value in values)
