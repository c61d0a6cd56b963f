"""What is said of a value that a settings file may not hold: one sentence, in our own words."""

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from redoxmc.errors import nearest

ONE_TABLE, SEVERAL_TABLES = "[]", "[[]]"  # tags of a key that may be a table or several
_LONGEST = 80  # characters of a value that a message repeats

# By the kind of fault; names in braces are those of the fault's context.
_WORDS = {
    "bool_type": "true or false is needed",
    "dict_type": "a table is needed",
    "finite_number": "a finite number is needed",
    "float_type": "a number is needed",
    "greater_than": "it must be greater than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "int_type": "a whole number is needed",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "list_type": "a list is needed, in square brackets",
    "literal_error": "it must be {expected}",
    "model_type": "a table is needed",
    "string_type": "a text in quotes is needed",
    "too_short": "it needs {min_length} or more entries",
    "too_long": "it may have {max_length} entries at most",
}


def sentence(schema: type[BaseModel], fault: Any) -> str:
    """Say what is wrong, without the file's name.

    schema: of the whole file. fault: one entry of pydantic's `ValidationError.errors()`.
    """
    tags = (ONE_TABLE, SEVERAL_TABLES)
    location = [str(part) for part in fault["loc"] if part not in tags]
    key = ".".join(location)
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key!r}; {nearest(location[-1], _keys(schema, location[:-1]))}"
    if fault["type"] == "missing":
        return f"the key {key!r} is missing."
    return f"{key or 'the file'} = {shown(fault['input'])}: {_complaint(fault)}."


def shown(value: Any) -> str:
    """Write a value as in the file, cut where it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _complaint(fault: Any) -> str:
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return str(context["error"]).rstrip(".")
    words = _WORDS.get(fault["type"], "this value does not fit here")
    numbers = {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}
    return words.format(**numbers)


def _keys(schema: type[BaseModel], location: list[str]) -> list[str]:
    """The keys of the table at this place; none where it is a free table."""
    for part in location:
        if part.isdigit():  # of several tables
            continue
        field = schema.model_fields.get(part)
        inner = next(_models(field.annotation), None) if field else None
        if inner is None:
            return []
        schema = inner
    return list(schema.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, Annotated, list):
        for part in get_args(annotation):
            yield from _models(part)
