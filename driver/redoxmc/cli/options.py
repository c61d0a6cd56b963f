"""Options and output that several verbs share."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON to FILE.")
]


def write_json(path: Path | None, data: Any) -> None:
    """Write data to path, atomically; do nothing where path is None."""
    if path is None:
        return
    from redoxmc.io.files import write_atomically

    write_atomically(path, json.dumps(data, indent=2) + "\n")
