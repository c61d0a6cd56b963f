"""The larger sections of the page: charge orders, energies, distributions; with their plots."""

from pathlib import Path
from typing import Any

from dft.describe import NEAR
from model_comparison import figures
from model_comparison.figures import START_COLOURS
from model_comparison.records import Results, done
from model_comparison.settings import Settings
from study_tools.markdown import Row, listed, number, table
from study_tools.order_energies import RESAMPLES, SEED, spearman_text


def assignment_section(settings: Settings, results: dict[str, Results], plots: Path) -> list[str]:
    """Which charge order relaxations end in, for each set of states."""
    tables = {s.name: done(results.get(s.part, {})) for s in settings.states}
    tables = {name: complete for name, complete in tables.items() if complete}
    if not tables:
        return []
    figures.plot_assignment(plots / "assignment.png", tables)
    text = f"""## Charge order after optimization
Starts: *reference* (bond lengths of the charge states imposed), *symmetric* (the undistorted host),
*rattled* (the host with random displacements of {settings.relax.rattle:g} Å). What the model itself
says of the order it ends in; what DFT says of such ends is told below, of other orders. Kept, by
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
            f"**{name}**: own moments / bonds\n\n"
            + table(["model", "x", *START_COLOURS, "spread, meV"], rows)
        )
    return parts


def _kept(row: dict[str, Any] | None) -> str | None:
    if row is None:
        return None
    counts = [row[f"kept_by_{by}"] for by in ("moments", "bonds")]
    text = " / ".join("–" if count is None else str(count) for count in counts)
    return f"{text} of {row['relaxations']}" + (
        f", {row['failed']} failed" if row["failed"] else ""
    )


def judged_section(rows: list[dict[str, Any]], settings: Settings) -> str:
    """What DFT says of kept orders; "" where no relaxed state is there to be judged."""
    if not rows:
        return ""
    charges = list(settings.bonds)
    states: list[Row] = [
        [r["model"], r["start"], r["states"], r["did_not_relax"], r["computed"], r["kept"],
         r["lost"], r["did_not_converge"], number(r["kept_percent"], 0)]
        for r in rows
    ]  # fmt: skip
    minima: list[Row] = [
        [r["model"], r["start"], number(r["force_mean_eV_per_A"], 3),
         number(r["force_largest_eV_per_A"], 2), number(r["stress_GPa"], 2),
         *(number(r["bonds_A"].get(name), 3) for name in charges),
         number(r["mae_meV_per_site"], 1), r["pairs"]]
        for r in rows
    ]  # fmt: skip
    return (
        """## Charge order kept, as DFT says
Charge orders that no training frame has, each relaxed by a model with its cell from three starts,
without a bias. The judge is DFT at the relaxed geometry: its density starts from the order wanted,
and the order is *kept* where the moments are still those of it when the density is self-consistent,
*lost* where they are not. What *did not converge* counts as not kept; what is not computed yet does
not count. *No minimum*: orders of which the model found none from this start.

"""
        + table(
            ["relaxed by", "start", "states", "no minimum", "computed", "kept", "lost",
             "did not converge", "kept, %"],
            states,
        )
        + """
What DFT says at those minima: the force on an atom and the mean component of the stress, which are
0 at a minimum of DFT; mean bond lengths of all states; and the error of the model's differences of
energy between two kept orders at one ion order.

"""
        + table(
            ["relaxed by", "start", "mean force, eV/Å", "largest, eV/Å", "stress, GPa",
             *(f"{name}, Å" for name in charges), "differences, meV/site", "pairs"],
            minima,
        )
    )  # fmt: skip


def energies_section(name: str, results: Results, plots: Path) -> str:
    """Charge-order energies and hull against one reference."""
    complete = done(results)
    if not complete:
        return ""
    figures.plot_orders(plots / f"orders-{name}.png", complete, name)
    figures.plot_hulls(plots / f"hull-{name}.png", complete, name)
    rows: list[Row] = []
    hulls: list[Row] = []
    for model, result in complete.items():
        for row in result["rows"]:
            own = row["orders"]
            rows.append(
                [model, row["part"], row["errors"], row["at"], row["states"],
                 own and own["orders"], spearman_text(own),
                 own and f"{own['pairs_in_order']} of {own['pairs']}",
                 own and number(own["mae_meV_per_site"], 1),
                 number(row["hull_rmse_meV_per_site"], 1), row["lost"]]
            )  # fmt: skip
        hulls += [
            [model, kind, listed(hull["stable_model"]), listed(hull["stable_reference"])]
            for kind, hull in result["hull"].items()
            if hull
        ]
    text = f"""## Energies against {name}
Relaxed states of charge orders in the cells of the reference frames: *fixed* at their geometries,
*relaxed* from the reference start. Charge orders are compared at one ion order. ρ: Spearman's, of
energies relative to the mean of their ion order, and its 95 % interval (quantiles over {RESAMPLES}
samples of the orders with replacement, seed {SEED}); MAE: of the differences between two orders of
one ion order, of which one is held out for errors held out. A state is the lowest frame of its
order, if no force of the reference is above {NEAR.force:g} eV/Å there. Formation energies are
relative to the lowest states at x = 0 and 1; the states come from relaxations by several models, so
the reference's own hull is not settled by them. *Lost*: by bonds, when the model relaxes.

![Charge orders]({plots.name}/orders-{name}.png)

"""
    text += table(
        ["model", "part", "errors", "at", "states", "compared", "ρ", "pairs in order",
         "MAE, meV/site", "hull RMSE, meV/site", "lost"],
        rows,
    )  # fmt: skip
    if hulls:
        text += f"\n**Convex hull**\n\n![Convex hull]({plots.name}/hull-{name}.png)\n\n" + table(
            ["model", "at", "x on the hull", f"in {name}"], hulls
        )
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
