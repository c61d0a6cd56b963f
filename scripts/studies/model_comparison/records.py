"""What has been computed, kept so that a stopped comparison goes on where it was."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redoxmc.errors import EngineError, InputError
from redoxmc.io.files import write_atomically

Record = dict[str, Any]
Results = dict[str, Record]  # of one part: by model, what the part returns


class Records:
    """Results by key in one JSON file, written after every new result.

    identity: what the results depend on; the results of a file with another identity are dropped.
    """

    def __init__(self, path: Path, identity: Any):
        self.path = path
        text = json.dumps(identity, sort_keys=True, default=str)
        self.identity = hashlib.sha256(text.encode()).hexdigest()
        self.entries: dict[str, Record] = {}
        if path.is_file():
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                same = content["identity"] == self.identity
                self.entries = content["entries"] if same else {}
            except (ValueError, KeyError, TypeError):
                raise InputError(f"{path} is no file of a comparison; remove it.") from None

    def get(self, key: str, work: Callable[[], Record]) -> Record:
        """Return the result of a key, computed where it is new; {"error": ...} where that fails."""
        if key not in self.entries:
            try:
                self.entries[key] = work()
            except EngineError as error:
                self.entries[key] = {"error": str(error), "evaluations": error.force_evaluations}
            content = {"identity": self.identity, "entries": self.entries}
            write_atomically(self.path, json.dumps(content, indent=1) + "\n")
        return self.entries[key]


def done(results: Results) -> Results:
    """Return the results that are there: not those of parts that were skipped."""
    return {name: result for name, result in results.items() if "skipped" not in result}
