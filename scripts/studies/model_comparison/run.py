"""The whole comparison: every part for every model that is there, then tables, plots and a page."""

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from model_comparison.barrier import measure_barrier
from model_comparison.compared_model import ComparedModel
from model_comparison.energies import measure_energies
from model_comparison.errors import measure_errors
from model_comparison.lattices import measure_lattices, measured_rows
from model_comparison.models import find_models
from model_comparison.records import Record, Results
from model_comparison.settings import Settings
from model_comparison.states import measure_states
from model_comparison.trajectories import measure_trajectories
from redoxmc.errors import EngineError
from redoxmc.io.files import write_atomically

Work = Callable[[ComparedModel], Record]
FORMAT = 3  # of what the parts return


def parts_of(settings: Settings, published: Path) -> dict[str, Work]:
    """Return the parts by name, cheap ones first. published: folder of published frames."""
    parts: dict[str, Work] = {"lattices": measure_lattices}
    for frames in settings.frames:
        parts[frames.part] = partial(measure_errors, frames=frames, folder=published)
    for reference in settings.references:
        parts[reference.part] = partial(measure_energies, reference=reference)
    if settings.moments is not None:
        parts["trajectories"] = partial(measure_trajectories, moments=settings.moments)
    for states in settings.states:
        parts[states.part] = partial(measure_states, states=states)
    if settings.barrier is not None:
        parts["barrier"] = partial(measure_barrier, barrier=settings.barrier, folder=published)
    return parts


def run_comparison(
    settings: Settings,
    out: Path,
    published: Path,
    *,
    models: list[str] | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, Results]:
    """Compute what is missing, for each model in turn, and write one JSON and CSV file per part.

    out: folder; a run that was stopped goes on. models, only: names of models and of parts to
    compute now; results of the others that lie in `out` are kept. Returns all results, by part.
    """
    parts = parts_of(settings, published)
    for name, card in find_models(settings, out, models).items():
        model = ComparedModel(name, card, settings, out / name)
        for part, work in parts.items():
            if only and part not in only:
                continue
            try:
                result = work(model)
            except EngineError as error:  # a host lattice that does not relax, for instance
                result = {"skipped": str(error)}
            if "skipped" in result:
                print(f"comparison: {name}, {part}: {result['skipped']}", file=sys.stderr)
            facts = {
                "format": FORMAT,
                "charge_aware": card.charge_aware,
                "sha256": card.sha256,
            }
            _store(out / f"{part}.json", name, facts | result)
        model.close()
    return collect(settings, out, published)


def collect(settings: Settings, out: Path, published: Path) -> dict[str, Results]:
    """Return the results in a folder; those of models or code that have changed are left out."""
    present = find_models(settings, out, quiet=True)
    current: dict[str, Results] = {}
    for part in parts_of(settings, published):
        table = _load(out / f"{part}.json")
        current[part] = {
            name: table[name]
            for name, card in present.items()
            if (table.get(name, {}).get("format"), table.get(name, {}).get("sha256"))
            == (FORMAT, card.sha256)
        }
        write_atomically(out / f"{part}.csv", part_csv(part, current[part], settings))
    return current


def part_csv(part: str, results: Results, settings: Settings) -> str:
    """Return the figures of a part as CSV: one row for each model and case."""
    rows: list[Record] = []
    for name, result in results.items():
        cases: list[Record]
        if "skipped" in result:
            cases = [{"skipped": result["skipped"]}]
        elif part.startswith("states-"):
            cases = [*result["assignment"], *result["spread"], *result["distribution"]]
        elif "rows" in result:
            cases = [{**row, **(row.get("orders") or {})} for row in result["rows"]]
        elif part == "trajectories":
            cases = [
                {
                    "order": t["order"],
                    "start": t["start"],
                    "end_muB": t.get("moments_muB", [None])[-1],
                }
                for t in result["trajectories"]
            ]
        else:
            cases = [{k: v for k, v in result.items() if k not in ("sha256", "format")}]
        rows += [{"model": name, **row} for row in cases]
    if part == "lattices":
        rows += [{"model": row.pop("name"), **row} for row in measured_rows(settings)]
    return csv_text([{k: v for k, v in row.items() if not _long(v)} for row in rows])


def csv_text(rows: Sequence[Record]) -> str:
    """Return rows as CSV, with the union of their columns."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _long(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 12


def _store(path: Path, name: str, result: Record) -> None:
    table = _load(path)
    table[name] = result
    write_atomically(path, json.dumps(table, indent=1) + "\n")


def _load(path: Path) -> Results:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
