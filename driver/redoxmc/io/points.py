"""Points to draw beside a hull: CSV of label, x, formation energy."""

import csv
from pathlib import Path

from redoxmc.errors import InputError


def read_points(path: Path) -> str:
    """Return the text of the file report.hull_points; InputError where it is not of that form."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"report.hull_points: {path} cannot be read ({why}).") from None
    parse_points(text, path)
    return text


def parse_points(text: str, name: Path | str) -> dict[str, list[tuple[float, float]]]:
    """Return (x, formation energy in eV/f.u.) by label; the first row is the head.

    name: of the file, for messages. Raises InputError for a row that is not of three values.
    """
    groups: dict[str, list[tuple[float, float]]] = {}
    try:
        rows = [r for r in csv.reader(text.splitlines()) if r and not r[0].startswith("#")]
        for label, x, energy in rows[1:]:
            groups.setdefault(label, []).append((float(x), float(energy)))
    except (ValueError, csv.Error) as error:
        raise InputError(
            f"report.hull_points: {name} is not a CSV file of label, x, energy ({error})."
        ) from None
    return groups
