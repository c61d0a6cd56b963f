"""report.html: one self-contained page with the table, the plots and the config of a campaign."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from redoxmc.report.html import figure, table, write_html
from redoxmc.report.remarks import remarks
from redoxmc.report.tables import unknowns

_CAPTIONS = {
    "hull": "Formation energies of all relaxed states and their convex hull.",
    "energy_traces": "Energy of each replica along its attempted moves, with the running mean.",
    "states": "Visits of the distinct states; dashes are exact Boltzmann probabilities.",
    "electronic_entropy": "Electronic entropy against temperature, with the ideal limits.",
    "order_parameters": "Warren-Cowley parameters by shell of neighbours: among charge states, and "
    "of charge states with ions. Errors from the spread of the seeds.",
    "heat_capacity": "Configurational heat capacity against temperature.",
    "phase_diagram": "Temperature-composition phase diagram by common tangents, at the sampled x. "
    "The bracket of a boundary holds two standard errors, with and without the ideal entropy that "
    "a cell of this size lacks.",
    "voltage": "Equilibrium voltage against the ion metal; 0 K: from the lowest energies known.",
    "hysteresis": "Starts from order (as in heating) and from disorder (as in cooling), or from "
    "the least and the greatest x; rings mark points where they differ by more than two errors.",
    "isotherms": "Mean x against the chemical potential of the ion.",
}
THERMO = {
    "x": ("x", "{:.4g}"),
    "T (K)": ("temperature_K", "{:g}"),
    "E (eV/f.u.)": ("energy_eV_per_fu", "{:.5f}"),
    "E<sub>form</sub> (eV/f.u.)": ("formation_energy_eV_per_fu", "{:.5f}"),
    "on hull": ("on_hull", "{}"),
    "S<sub>el</sub> (k<sub>B</sub>/site)": ("electronic_entropy_kB_per_site", "{:.4f}"),
    "±": ("electronic_entropy_standard_error", "{:.4f}"),
    "ln C(N,n)/N": ("ideal_finite_size_kB_per_site", "{:.4f}"),
    "F (eV/f.u.)": ("free_energy_eV_per_fu", "{:.5f}"),
    "R-hat": ("r_hat", "{:.3f}"),
}
_SEMIGRAND = {
    "μ (eV)": ("chemical_potential_eV", "{:.4f}"),
    "T (K)": ("temperature_K", "{:g}"),
    "x": ("x", "{:.4f}"),
    "±": ("x_standard_error", "{:.4f}"),
    "E (eV/f.u.)": ("energy_eV_per_fu", "{:.5f}"),
    "V": ("voltage_V", "{:.3f}"),
    "R-hat": ("r_hat", "{:.3f}"),
}
_BOUNDARIES = {
    "x": ("x", "{:.4g}"),
    "stable above": ("stable_above", "{}"),
    "T of this cell (K)": ("temperature_K", "{:.0f}"),
    "with the entropy that it lacks": ("corrected_K", "{:.0f}"),
    "at least (K)": ("low_K", "{:.0f}"),
    "at most (K)": ("high_K", "{:.0f}"),
}
_LOWEST = {
    "x": ("x", "{:.4g}"),
    "E (eV/f.u.)": ("energy_eV_per_fu", "{:.5f}"),
    "state": ("key", "{}"),
    "found after relaxations": ("relaxations", "{}"),
    "force evaluations": ("force_evaluations", "{}"),
    "charge order": ("order", "{}"),
}
_STARTS = {
    "x": ("x", "{:.4g}"),
    "seed": ("seed", "{}"),
    "lowest above that of all (meV/f.u.)": ("lowest_above_meV_per_fu", "{:.3f}"),
    "T (K)": ("temperature_K", "{:g}"),
    "E there (eV/f.u.)": ("energy_eV_per_fu", "{:.5f}"),
    "±": ("energy_standard_error_eV_per_fu", "{:.5f}"),
    "order parameter there": ("warren_cowley", "{:.4f}"),
    "charge order there": ("dominant", "{}"),
    "R-hat over T, at most": ("r_hat", "{:.3f}"),
}
_EXCHANGES = {
    "x": ("x", "{:.4g}"),
    "seed": ("seed", "{}"),
    "round trips": ("round_trips", "{}"),
    "acceptance of neighbours": ("acceptance", "{}"),
    "gaps (K)": ("gaps_K", "{}"),
    "temperatures (K) that would work": ("working_temperatures_K", "{}"),
}


def write_page(
    summary: dict[str, Any], config: dict[str, Any], plots: Sequence[Path], path: Path
) -> None:
    """Write the page of a campaign. plots: PNG files, which become part of the page."""
    failed = len(summary["failed_states"])
    audits = [run["path_audit_eV"] for run in summary["runs"] if run["path_audit_eV"]["checked"]]
    largest = max((audit["max"] for audit in audits), default=None)
    semigrand = config["sampling"]["ensemble"] == "semigrand"
    facts = [
        f"{summary['distinct_states']} distinct states, {failed} of them failed to relax",
        "path audit: "
        + ("no energy was recomputed" if largest is None else f"at most {largest:.1e} eV"),
    ]
    pictures = {
        f"lowest_x{lowest['x']:.6g}": f"Lowest charge order found at x = {lowest['x']:.3g}: "
        f"{lowest['order']}"
        for lowest in summary["lowest_states"]
    }
    captions = _CAPTIONS | pictures
    body = [
        "<h2>Thermodynamics</h2>",
        table(_SEMIGRAND if semigrand else THERMO, summary["thermo"]),
        unknown_notes(summary["thermo"]),
        remark_notes(summary),
        *[figure(plot, captions) for plot in plots if plot.stem not in pictures],
        *_boundaries(summary["phase_diagram"]),
        "<h2>Lowest states</h2>",
        table(_LOWEST, summary["lowest_states"]),
        *[figure(plot, captions) for plot in plots if plot.stem in pictures],
        *_starts(summary["starts"]),
        *_exchanges(summary["exchanges"]),
    ]
    heading = f"Charge orders of {summary['host']['formula']}"
    write_html(heading, summary, config, body, path, facts)


def unknown_notes(records: Sequence[dict[str, Any]]) -> str:
    """What a table of thermodynamics leaves out and why; empty where there is nothing."""
    notes = unknowns(records)
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<p>Not known, and not drawn:</p><ul>{items}</ul>"


def remark_notes(summary: dict[str, Any]) -> str:
    """What must be known before the numbers are trusted; empty where there is nothing."""
    notes = remarks(summary)
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<p>To be known:</p><ul>{items}</ul>" if notes else ""


def _boundaries(diagram: Sequence[dict[str, Any]]) -> list[str]:
    records = [boundary for phases in diagram for boundary in phases["boundaries"]]
    if not records:
        return []
    return ["<h2>Phase boundaries</h2>", table(_BOUNDARIES, records)]


def _starts(records: Sequence[dict[str, Any]]) -> list[str]:
    if not records:
        return []
    return ["<h2>Where the starts ended</h2>", table(_STARTS, records)]


def _exchanges(records: Sequence[dict[str, Any]]) -> list[str]:
    if not records:
        return []
    shown = [
        {**r, "acceptance": ", ".join("–" if a is None else f"{a:.0%}" for a in r["acceptance"])}
        for r in records
    ]
    return ["<h2>Exchanges between temperatures</h2>", table(_EXCHANGES, shown)]
