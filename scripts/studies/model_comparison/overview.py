"""One table of all models: the figures that the other sections of the page spell out."""

from math import isnan

from model_comparison.energies import KINDS
from model_comparison.figures import START_COLOURS, share_kept
from model_comparison.records import Results, done
from model_comparison.settings import Settings
from study_tools.markdown import Row, number, table
from study_tools.order_energies import spearman_text


def overview_section(settings: Settings, results: dict[str, Results]) -> str:
    """Return the table at the top of the page; figures that no model has are left out."""
    names = [m.name for m in settings.models if any(m.name in part for part in results.values())]
    columns: dict[str, dict[str, str | None]] = {}
    for frames in settings.frames:
        for title, key, digits in (
            ("energies, meV/atom", "energy_meV_per_atom", 2),
            ("forces, meV/Å", "force_meV_per_A", 0),
        ):
            columns[f"{frames.name}: {title}"] = {
                name: number(row[key], digits)
                for name, result in done(results.get(frames.part, {})).items()
                for row in result["rows"]
                if row["part"] == "test"
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
        for kind in KINDS:
            of_part = {
                name: row
                for name, result in complete.items()
                for row in result["rows"]
                if (row["part"], row["at"]) == ("test", kind)
            }
            columns[f"{reference.name}: ρ of orders, {kind}"] = {
                name: spearman_text(row["orders"]) for name, row in of_part.items()
            }
            columns[f"{reference.name}: MAE of orders, {kind}, meV/site"] = {
                name: number(row["orders"] and row["orders"]["mae_meV_per_site"], 1)
                for name, row in of_part.items()
            }
            columns[f"{reference.name}: hull RMSE, {kind}, meV/site"] = {
                name: number(row["hull_rmse_meV_per_site"], 1) for name, row in of_part.items()
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
    return (
        "## Overview\nErrors are of the test part, which no model has seen; each row is explained"
        " below.\n\n" + table(["", *names], rows)
    )


def _percent(share: float) -> str | None:
    return None if isnan(share) else f"{share:.0f}"
