"""What a row of results is: a dataclass that becomes JSON, a line of a table, a row for pandas."""

from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, field, fields
from math import isfinite
from typing import Any

import numpy as np


@dataclass(kw_only=True)
class Record:
    """A row of results. What cannot be known is None, and so becomes what is no finite number."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            setattr(self, name, _known(value))


def shown(heading: str, form: str = "{}", default: Any = MISSING) -> Any:
    """A field of a record that is a column of its tables.

    heading: of the column; what follows an underscore is a subscript. form: of its values.
    """
    return field(default=default, metadata={"heading": heading, "form": form})


def columns_of(kind: type[Record]) -> list[tuple[str, str, str]]:
    """Name, heading and format of every field of a record that its tables show."""
    return [(f.name, f.metadata["heading"], f.metadata["form"]) for f in fields(kind) if f.metadata]


def to_json(record: Record) -> dict[str, Any]:
    """A record as plain data, records inside it too: keys are the names of the fields."""
    return asdict(record)


def to_dataframe(records: Iterable[Record]) -> Any:
    """Records of one kind as a pandas.DataFrame; a field of an inner record is "outer.field"."""
    import pandas

    return pandas.json_normalize([to_json(record) for record in records])


def _known(value: Any) -> Any:
    """None for what is not finite, at any depth of lists; numpy's numbers become Python's."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    if isinstance(value, float):
        return float(value) if isfinite(value) else None
    return value
