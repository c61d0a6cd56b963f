"""report.html of a campaign of molecular dynamics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redoxmc.report.html import Columns, figure, table, write_html
from redoxmc.report.page import THERMO, remark_notes, unknown_notes

_CAPTIONS = {
    "md_dynamics": "Potential energy above the lowest, temperature from the kinetic energy, and "
    "what the integrator added to the conserved quantity, against time.",
    "md_swaps": "Swaps of charges accepted, and distinct charge orders visited, against time.",
    "md_path_lengths": "Acceptance of candidate moves against the length of their paths.",
    "md_work": "Work of the candidate moves.",
    "md_outside": "How far, and for which part, the mean bond lengths of the ions that change lie "
    "outside the range between their two charge states, where a learned model has little data; "
    "thermal motion alone takes them outside, too (before_the_path_A in the summary).",
}
_REPLICAS: Columns = {
    "x": ("x", "{:.4g}"),
    "T (K)": ("temperature_K", "{:g}"),
    "seed": ("seed", "{}"),
    "time (ps)": ("time_ps", "{:.2f}"),
    "mean T (K)": ("kelvin", "{:.0f}"),
    "steps of a path": ("path_steps", "{}"),
    "swaps tried": ("proposed", "{}"),
    "accepted": ("acceptance", "{:.1%}"),
    "mean work (eV)": ("work", "{:.3f}"),
    "outside the range": ("outside", "{:.0%}"),
    "drift (meV/atom/ps)": ("drift", "{:.3f}"),
    "dominant charge order": ("dominant", "{}"),
    "failure": ("failure", "{}"),
}


def write_md_page(
    summary: dict[str, Any], config: dict[str, Any], plots: Sequence[Path], path: Path
) -> None:
    """Write the page of a campaign. plots: PNG files, which become part of the page."""
    body = [
        "<h2>Replicas</h2>",
        table(_REPLICAS, [_replica(run) for run in summary["runs"]]),
        *[figure(plot, _CAPTIONS) for plot in plots],
        "<h2>Thermodynamics</h2>",
        "<p>Means of the potential energy. The entropy is that of the charge orders visited, where "
        "they are few enough for the length of the run.</p>",
        table(THERMO, summary["thermo"]),
        unknown_notes(summary["thermo"]),
        remark_notes(summary),
    ]
    heading = f"Charge disorder of {summary['host']['formula']} at temperature"
    write_html(heading, summary, config, body, path)


def _replica(run: dict[str, Any]) -> dict[str, Any]:
    md, moves = run["md"], run["moves"].values()
    proposed = sum(count["proposed"] for count in moves)
    accepted = sum(count["accepted"] for count in moves)
    drift = md["conserved_drift_eV_per_atom_ps"]
    return {
        **{key: run[key] for key in ("x", "temperature_K", "seed", "failure")},
        "time_ps": md["time_ps"],
        "kelvin": md["temperature_K"],
        "path_steps": md["path_steps"] or None,
        "proposed": proposed,
        "acceptance": accepted / proposed if proposed else None,
        "work": md["work_eV"],
        "outside": md["outside_training_range"]["share_of_path"],
        "drift": None if drift is None else 1e3 * drift,
        "dominant": run["order"]["dominant"],
    }
