"""Keys of a settings file: type, default, unit and range, read off its pydantic schema."""

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import annotated_types
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from redoxmc.config.values import Kind, Table, Unit
from reference_pages.notes import field_notes

_NAMES = {float: "number", int: "whole number", str: "text", bool: "true or false", Path: "path"}
_SIGNS = {
    annotated_types.Gt: "above {.gt:g}",
    annotated_types.Ge: "from {.ge:g}",
    annotated_types.Lt: "below {.lt:.6g}",
    annotated_types.Le: "to {.le:g}",
    annotated_types.MinLen: "at least {.min_length} of them",
    annotated_types.MaxLen: "at most {.max_length}",
}


@dataclass(frozen=True)
class Key:
    """A key of a table."""

    name: str
    type: str  # in words
    default: str  # as TOML; "" where the key may be left out and nothing stands in for it
    required: bool
    unit: str
    constraint: str  # the range of a value, and the number of entries
    meaning: str


def keys_of(schema: type[Table], skip: tuple[str, ...] = ()) -> list[Key]:
    """The keys of a table, but those that are tables themselves (`skip`)."""
    notes = field_notes(schema)
    hints = typing.get_type_hints(schema, include_extras=True)
    return [
        _key(name, field, hints[name], notes.get(name, ""))
        for name, field in schema.model_fields.items()
        if name not in skip
    ]


def _key(name: str, field: FieldInfo, hint: Any, note: str) -> Key:
    parts = [part for one in (hint, *field.metadata) for part in _metadata(one)]
    units = [part.name for part in parts if isinstance(part, Unit)]
    limits = [text for part in parts if (text := _limit(part))]
    return Key(
        name=name,
        type=_type(hint),
        default=_default(field),
        required=field.is_required(),
        unit=units[0] if units else "",
        constraint=", ".join(dict.fromkeys(limits)).replace(", to ", " to ").replace("e+", "e"),
        meaning=note,
    )


def _metadata(hint: Any) -> Iterator[Any]:
    """Everything that annotations say, at any depth."""
    if isinstance(hint, FieldInfo):
        yield from hint.metadata
    elif not isinstance(hint, type) and typing.get_args(hint) and not _is_literal(hint):
        for one in (*getattr(hint, "__metadata__", ()), *typing.get_args(hint)):
            yield from _metadata(one)
    else:
        yield hint


def _is_literal(hint: Any) -> bool:
    return typing.get_origin(hint) is Literal


def _limit(part: Any) -> str:
    if part == annotated_types.MinLen(1):
        return "not empty"
    return _SIGNS[type(part)].format(part) if type(part) in _SIGNS else ""


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        kinds = [one.name for one in arguments[1:] if isinstance(one, Kind)]
        return kinds[0] if kinds else _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{_toml(one)}`" for one in arguments)
    if origin in (Union, types.UnionType):
        parts = [_type(one) for one in arguments if one is not type(None)]
        return " or ".join(dict.fromkeys(parts))
    if origin in (list, tuple):
        return f"list of {_plural(_type(arguments[0]))}"
    if origin is dict:
        return f"table of {_plural(_type(arguments[1]))}"
    if isinstance(hint, type) and issubclass(hint, Table):
        return "table"
    return "value" if hint is Any else _NAMES[hint]


def _plural(name: str) -> str:
    return name if name in ("species", "text", "table", "value") else name + "s"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return "" if value is None or value is PydanticUndefined else _toml(value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Table):
        return "its defaults"
    return f"{value:g}" if isinstance(value, float) and 0 < abs(value) < 1e-2 else str(value)
