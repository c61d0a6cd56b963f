"""What the commands of the studies share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from redoxmc.errors import InputError


@contextmanager
def input_errors_end(name: str) -> Iterator[None]:
    """Turn an InputError into its sentence on stderr and exit code 2. name: of the command."""
    try:
        yield
    except InputError as error:
        print(f"{name}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
