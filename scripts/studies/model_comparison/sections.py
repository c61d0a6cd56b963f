"""The larger sections of the page: charge orders, energies, distributions; with their plots."""

from pathlib import Path
from typing import Any

from model_comparison import figures
from model_comparison.figures import START_COLOURS
from model_comparison.records import Results, done
from model_comparison.settings import Settings
from study_tools.markdown import Row, listed, number, table


def assignment_section(settings: Settings, results: dict[str, Results], plots: Path) -> list[str]:
    """Which charge order relaxations end in, for each set of states."""
    tables = {s.name: done(results.get(s.part, {})) for s in settings.states}
    tables = {name: complete for name, complete in tables.items() if complete}
    if not tables:
        return []
    figures.plot_assignment(plots / "assignment.png", tables)
    judge = settings.judge
    judged = f"the moments that {judge} gives where the relaxation ends;" if judge else "none;"
    text = f"""## Charge order after optimization
Starts: *reference* (bond lengths of the charge states imposed), *symmetric* (the undistorted host),
*rattled* (the host with random displacements of {settings.relax.rattle:g} Å). Orders kept, by
- *judge*: {judged}
- *own moments*: those of the model, where it has them;
- *bonds*: the ions that were to be reduced end with longer mean bonds than all others, by a quarter
  of the nominal difference or more.

By moments, an ion below {settings.material.moment_midpoint:g} µB is reduced. *Spread*: how far the
energies of one order from its different starts lie apart, the median over orders, per cell.

![Charge order after optimization]({plots.name}/assignment.png)
"""
    parts = [text]
    for name, complete in tables.items():
        rows: list[Row] = []
        for model, result in complete.items():
            for x in sorted({row["x"] for row in result["assignment"]}):
                by_start = {r["start"]: r for r in result["assignment"] if r["x"] == x}
                spread = next(r["median_meV"] for r in result["spread"] if r["x"] == x)
                cells = [_kept(by_start.get(start)) for start in START_COLOURS]
                rows.append([model, f"{x:.3g}", *cells, number(spread, 1)])
        parts.append(
            f"**{name}**: judge / own moments / bonds\n\n"
            + table(["model", "x", *START_COLOURS, "spread, meV"], rows)
        )
    return parts


def _kept(row: dict[str, Any] | None) -> str | None:
    if row is None:
        return None
    counts = [row[f"kept_by_{by}"] for by in ("judge", "moments", "bonds")]
    text = " / ".join("–" if count is None else str(count) for count in counts)
    return f"{text} of {row['relaxations']}" + (
        f", {row['failed']} failed" if row["failed"] else ""
    )


def energies_section(name: str, results: Results, plots: Path) -> str:
    """Charge-order energies and hull against one reference."""
    complete = done(results)
    if not complete:
        return ""
    figures.plot_orders(plots / f"orders-{name}.png", complete, name)
    figures.plot_hulls(plots / f"hull-{name}.png", complete, name)
    order_rows: list[Row] = []
    hull_rows: list[Row] = []
    for model, result in complete.items():
        lost = sum(not p["kept"] for p in result["points"] if 0 < p["x"] < 1)
        for kind in ("fixed", "relaxed"):
            order, hull = result["orders"][kind], result["hull"][kind]
            if order:
                order_rows.append(
                    [model, kind, order["orders"], number(order["spearman"], 2),
                     number(order["spearman_pooled"], 2),
                     f"{order['pairs_in_order']} of {order['pairs']}",
                     number(order["mae_meV_per_site"], 1), lost if kind == "relaxed" else None]
                )  # fmt: skip
            if hull:
                hull_rows.append(
                    [model, kind, hull["orders"], number(hull["rmse_meV_per_site"], 1),
                     number(hull["rmse_of_lowest_meV_per_site"], 1),
                     listed(hull["stable_model"]), "yes" if hull["same_stable_x"] else "no"]
                )  # fmt: skip
    first = next(iter(complete.values()))
    text = f"""## Energies against {name}
{first["frames"]} orders, in the cells of the reference frames: *fixed* at its geometries, *relaxed*
from the reference start. Charge orders are compared at one ion order. ρ: Spearman's, the mean over
ion orders; *pooled*: over energies above the reference's lowest order, all ion orders together;
MAE: of all differences between two orders.

"""
    if order_rows:
        text += f"![Charge orders]({plots.name}/orders-{name}.png)\n\n" + table(
            ["model", "at", "orders", "ρ", "pooled", "pairs in order", "MAE, meV/site", "lost"],
            order_rows,
        )
    else:
        text += "No ion order has two charge orders in it yet: no ranking.\n"
    if hull_rows:
        stable = listed(
            next(h for r in complete.values() if (h := r["hull"]["fixed"]))["stable_reference"]
        )
        text += f"\n**Convex hull** (on it in {name}: x = {stable})\n\n"
        text += f"![Convex hull]({plots.name}/hull-{name}.png)\n\n" + table(
            ["model", "at", "mixed orders", "RMSE, meV/site", "of the lowest of each x",
             "x on the hull", "same"],
            hull_rows,
        )  # fmt: skip
    return text


def distributions_section(
    settings: Settings, results: dict[str, Results], plots: Path
) -> list[str]:
    """Histograms of relaxed energies and their entropies."""
    parts = []
    for states in settings.states:
        complete = done(results.get(states.part, {}))
        if not states.distribution or not complete:
            continue
        x = states.concentrations[0]
        file = f"distribution-{states.name.replace(' ', '-')}.png"
        figures.plot_distributions(plots / file, complete)
        rows: list[Row] = []
        temperatures = [f"{t:g}" for t in states.temperatures]
        for model, result in complete.items():
            row = result["distribution"][0]
            if "states" not in row:
                continue
            rows.append(
                [model, row["orders"], row["distinct_energies"],
                 number(row["width_meV_per_site"], 2), number(row["range_meV_per_site"], 1),
                 *(number(row["entropy_kB_per_site"][t], 3) for t in temperatures)]
            )  # fmt: skip
        limits = [
            r["distribution"][0] for r in complete.values() if "states" in r["distribution"][0]
        ]
        limit = f"{limits[0]['limit_kB_per_site']:.3f}" if limits else "–"
        whole = f"{limits[0]['all_orders_kB_per_site']:.3f}" if limits else "–"
        head = ["model", "orders", "distinct energies", "width, meV/site", "range, meV/site",
                *(f"S({t} K), k_B/site" for t in temperatures)]  # fmt: skip
        parts.append(
            f"""## Relaxed energies over charge orders: {states.name}, x = {x:.3g}
Distinct charge orders of one ion order, each from its reference start, with their degeneracies.
Distinct energies lie more than 1 meV per cell apart. The entropy is exact for this collection;
equal energies would give {limit} k_B per site, all orders of the cell {whole}.

![Distribution]({plots.name}/{file})

"""
            + table(head, rows)
        )
    return parts
