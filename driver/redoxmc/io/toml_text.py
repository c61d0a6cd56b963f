"""Plain data as TOML text (the standard library only reads TOML)."""

from collections.abc import Mapping
from typing import Any


def toml_text(data: Mapping[str, Any]) -> str:
    """Write nested mappings of strings, booleans, numbers and lists as TOML; None is left out."""
    import tomli_w

    return tomli_w.dumps(_without_none(data))


def _without_none(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in data.items()
        if value is not None
    }
