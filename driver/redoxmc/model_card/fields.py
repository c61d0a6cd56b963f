"""Values of a model's own tables, each checked for its type and range before it is believed."""

import math
from pathlib import Path
from typing import Any

from redoxmc.errors import InputError
from redoxmc.species import Species

_MISSING = object()


class Fields:
    """A table of a file, whose values are taken out by type; InputError names file and key.

    source: the file. data: the table. place: its name within the file, with a dot, or empty.
    """

    def __init__(self, source: Path, data: Any, place: str = ""):
        self.source, self.place = source, place
        if not isinstance(data, dict):
            name = place.rstrip(".") or "the file"
            raise InputError(f"{source}: {name} must be a table, not {_shown(data)}.")
        self.data: dict[str, Any] = data

    def _take(self, key: str, default: Any) -> Any:
        value = self.data.get(key, default)
        if value is _MISSING:
            raise InputError(f"{self.source} lacks the key '{self.place}{key}'.")
        return value

    def _refuse(self, key: str, value: Any, needed: str) -> InputError:
        return InputError(
            f"{self.source}: {self.place}{key} = {_shown(value)}, but {needed} is needed."
        )

    def text(self, key: str, default: Any = _MISSING) -> str:
        """A text in one line."""
        value = self._take(key, default)
        if not isinstance(value, str) or not value.isprintable():
            raise self._refuse(key, value, "a text in one line")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._take(key, _MISSING)
        if not isinstance(value, bool):
            raise self._refuse(key, value, "true or false")
        return value

    def number(self, key: str, low: float, high: float, default: Any = _MISSING) -> float:
        """A finite number from low to high."""
        value = self._take(key, default)
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not math.isfinite(value) or not low <= value <= high:
            raise self._refuse(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def count(self, key: str, low: int, high: int, default: Any = _MISSING) -> int:
        """A whole number from low to high."""
        value = self._take(key, default)
        if type(value) is not int or not low <= value <= high:
            raise self._refuse(key, value, f"a whole number from {low} to {high}")
        return value

    def table(self, key: str) -> "Fields":
        """A table, empty where it is absent."""
        return Fields(self.source, self.data.get(key, {}), f"{self.place}{key}.")

    def listed(self, key: str) -> list[Any]:
        """A list that is not empty."""
        value = self._take(key, _MISSING)
        if not isinstance(value, list) or not value:
            raise self._refuse(key, value, "a list with entries")
        return value

    def species(self, key: str) -> Species:
        """A charge-state species."""
        return self.as_species(key, self._take(key, _MISSING))

    def as_species(self, key: str, value: Any) -> Species:
        """A value that was found under a key, as a species."""
        if not isinstance(value, str):
            raise self._refuse(key, value, 'a species as "Fe2+"')
        try:
            return Species.parse(value)
        except InputError as error:
            raise InputError(f"{self.source}: {self.place}{key}: {error}") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
