"""One table of all models: the figures that the other sections of the page spell out."""

from math import isnan
from typing import Any

from model_comparison.figures import START_COLOURS, share_kept
from model_comparison.records import Results, done
from model_comparison.settings import Settings
from study_tools.markdown import Row, number, table


def overview_section(settings: Settings, results: dict[str, Results]) -> str:
    """Return the table at the top of the page; figures that no model has are left out."""
    names = [m.name for m in settings.models if any(m.name in part for part in results.values())]
    columns: dict[str, dict[str, str | None]] = {}
    for frames in settings.frames:
        columns[f"{frames.name}: forces, meV/Å"] = {
            name: number(result["force_meV_per_A"], 0)
            for name, result in done(results.get(frames.part, {})).items()
        }
    for states in settings.states:
        complete = done(results.get(states.part, {}))
        for start in START_COLOURS:
            columns[f"{states.name}: kept from {start}, %"] = {
                name: _percent(share_kept(result["assignment"], start))
                for name, result in complete.items()
            }
        if states.distribution:
            columns[f"{states.name}: width, meV/site"] = {
                name: number(result["distribution"][0].get("width_meV_per_site"), 1)
                for name, result in complete.items()
            }
    for reference in settings.references:
        complete = done(results.get(reference.part, {}))
        for title, what, key, digits in (
            ("ρ at one ion order", "orders", "spearman", 2),
            ("ρ pooled", "orders", "spearman_pooled", 2),
            ("MAE of orders, meV/site", "orders", "mae_meV_per_site", 1),
            ("hull RMSE, meV/site", "hull", "rmse_meV_per_site", 1),
        ):
            columns[f"{reference.name}: {title}"] = {
                name: _of(result, what, key, digits) for name, result in complete.items()
            }
    columns["barrier, eV"] = {
        name: number(result.get("barrier_eV"), 2)
        for name, result in done(results.get("barrier", {})).items()
    }
    columns = {head: cells for head, cells in columns.items() if any(cells.values())}
    if not columns:
        return ""
    # models side by side: there are fewer of them than figures
    rows: list[Row] = [
        [head, *(cells.get(name) for name in names)] for head, cells in columns.items()
    ]
    return "## Overview\nAfter relaxation; what each row is, is said below.\n\n" + table(
        ["", *names], rows
    )


def _of(result: dict[str, Any], what: str, key: str, digits: int) -> str | None:
    statistics = result[what]["relaxed"]
    return number(statistics[key], digits) if statistics else None


def _percent(share: float) -> str | None:
    return None if isnan(share) else f"{share:.0f}"
