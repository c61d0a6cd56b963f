"""From a TOML file to a checked schema: the first fault becomes a sentence."""

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from redoxmc.errors import InputError, nearest

Table = TypeVar("Table", bound=BaseModel)


def parse_table(schema: type[Table], data: dict[str, Any], source: Path) -> Table:
    """Validate data against a schema; the first fault becomes an InputError of one sentence."""
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{source}: {_sentence(schema, error.errors()[0])}") from None


def _sentence(schema: type[BaseModel], fault: Any) -> str:
    location = [str(part) for part in fault["loc"]]
    key = ".".join(location)
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key!r}; {nearest(location[-1], _keys(schema, location[:-1]))}"
    if fault["type"] == "missing":
        return f"the key {key!r} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{key or 'the file'} = {json.dumps(fault['input'], default=str)}: {message}"


def _keys(schema: type[BaseModel], location: list[str]) -> list[str]:
    for part in location:
        annotation = schema.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        schema = annotation
    return list(schema.model_fields)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; InputError where it is missing or malformed."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} cannot be read as TOML: {error}.") from None
