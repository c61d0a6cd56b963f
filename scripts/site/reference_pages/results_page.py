"""The page on the rows of results: summary.json, enumerate --json, and frames of pandas."""

import dataclasses
import types
import typing
from typing import Any

from redoxmc.results import mixing, phases, points, runs, states, summary
from redoxmc.results.record import Record
from redoxmc.sampling.chain import MoveCount
from reference_pages.config_page import MADE
from reference_pages.notes import field_notes
from reference_pages.tables import code, plain, table

SECTIONS: dict[str, tuple[str, list[type]]] = {
    "summary.json": (
        "One object. What cannot be known is `null`, never 0; `why_unknown` says why.",
        [summary.Summary, summary.MonteCarloSummary, summary.MdSummary, summary.HostRecord],
    ),
    "runs": (
        "A row for each chain.",
        [
            runs.Run,
            runs.SemigrandRun,
            runs.MdRun,
            runs.Mean,
            runs.MeanEnergy,
            MoveCount,
            runs.Order,
            runs.Audit,
            runs.LostOrders,
            runs.IonHops,
            runs.DynamicsRecord,
            runs.OutsideRange,
        ],
    ),
    "thermo": (
        "A row for each x (or chemical potential) and temperature.",
        [points.ThermoPoint, points.SemigrandPoint],
    ),
    "Other lists": (
        "What else summary.json holds.",
        [
            phases.VoltagePlateau,
            states.LowestState,
            states.Peak,
            states.FailedState,
            mixing.Start,
            mixing.Hysteresis,
            mixing.EnergyHysteresis,
            mixing.IsothermHysteresis,
            mixing.Exchange,
            mixing.SemigrandExchange,
            mixing.PotentialExchange,
            mixing.SurrogateRecord,
            mixing.UniformDraws,
            points.Curve,
            phases.Phases,
            phases.PhaseBoundary,
        ],
    ),
    "enumerate --json": (
        "Exact averages of a small cell.",
        [
            states.Enumeration,
            states.EnumeratedState,
            states.FailedEnumeratedState,
            states.ExactPoint,
        ],
    ),
    "analyze --sizes --json": (
        "Cells of several sizes, extrapolated.",
        [phases.Sizes, phases.SizePoint, phases.SizeBoundary],
    ),
    "Frames of pandas": (
        '`to_dataframe("states")` and `to_dataframe("traces")`, and what `observe` returns. '
        "The other frames have the lists above.",
        [states.KnownState, runs.Step, runs.Observation],
    ),
}
_NAMES = {float: "number", int: "whole number", str: "text", bool: "true or false", Any: "any"}


def results_page() -> str:
    """The reference of the rows of results."""
    parts = [
        f"{MADE}# Results\n\nRows of results are dataclasses (in `driver/redoxmc/results/`: "
        "`runs.py`, `points.py`, `phases.py`, `states.py`, `mixing.py`, `summary.py`), from which "
        "`summary.json`, the tables of terminal and page, and frames of pandas follow. A field of "
        "an inner row is the column `outer.field` there. "
        "x is ions per redox site; f.u. is a formula unit, one redox site.\n"
    ]
    for name, (text, kinds) in SECTIONS.items():
        parts.append(f"## {name}\n{text}\n")
        parts += [_record(kind) for kind in kinds]
    return "\n".join(parts)


def described() -> set[type]:
    """The records of this page, for the check that none is left out."""
    return {kind for _, kinds in SECTIONS.values() for kind in kinds}


def _record(kind: type) -> str:
    notes, hints = field_notes(kind), typing.get_type_hints(kind)
    base = kind.__base__
    more = ""
    if base not in (None, object, Record):
        more = f" All of [{base.__name__}](#{base.__name__.lower()}), and:"
    own = [f for f in dataclasses.fields(kind) if f.name in notes]
    rows = [[code(f.name), _type(hints[f.name]), plain(notes[f.name])] for f in own]
    said = " ".join((kind.__doc__ or "").split())
    listed = table(("key", "type", "meaning"), rows) if rows else ""
    return f"### {kind.__name__}\n{said}{more}\n\n{listed}"


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        words = [_type(one) for one in arguments if one is not type(None)]
        return " or ".join([*words, *(["null"] if type(None) in arguments else [])])
    if origin is list:
        return f"list of {_plural(_type(arguments[0]))}"
    if origin is dict:
        return f"table of {_plural(_type(arguments[1]))}"
    if hint is type(None):
        return "null"
    if hint in _NAMES:
        return _NAMES[hint]
    return f"[{hint.__name__}](#{hint.__name__.lower()})"


def _plural(name: str) -> str:
    return {"number": "numbers", "whole number": "whole numbers"}.get(name, name)
