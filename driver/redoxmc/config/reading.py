"""From a TOML file to a checked schema: the first fault becomes a sentence."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from redoxmc.config.messages import sentence
from redoxmc.errors import InputError

Schema = TypeVar("Schema", bound=BaseModel)


def parse_table(schema: type[Schema], data: dict[str, Any], source: Path) -> Schema:
    """Validate data against a schema; the first fault becomes an InputError of one sentence."""
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{source}: {sentence(schema, error.errors()[0])}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; InputError where it is missing or malformed."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except RecursionError:
        raise InputError(f"{path} cannot be read as TOML: it is nested too deeply.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} cannot be read as TOML: {error}.") from None
    except ValueError:  # Python reads numbers of some thousand digits only
        raise InputError(
            f"{path} cannot be read as TOML: it has a number of endless length."
        ) from None
