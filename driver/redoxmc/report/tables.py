"""Results as tables on the terminal."""

from collections.abc import Sequence
from typing import Any

from redoxmc.report.remarks import remarks

Columns = dict[str, tuple[str, str]]  # heading: (key of the record, format)

_THERMO: Columns = {
    "x": ("x", "{:.4g}"),
    "T (K)": ("temperature_K", "{:g}"),
    "E (eV/f.u.)": ("energy_eV_per_fu", "{:.4f}"),
    "E_form": ("formation_energy_eV_per_fu", "{:.4f}"),
    "hull": ("on_hull", "{}"),
    "S_el (k_B/site)": ("electronic_entropy_kB_per_site", "{:.4f}"),
    "± S_el": ("electronic_entropy_standard_error", "{:.4f}"),
    "ideal": ("ideal_finite_size_kB_per_site", "{:.4f}"),
    "F (eV/f.u.)": ("free_energy_eV_per_fu", "{:.4f}"),
    "R-hat": ("r_hat", "{:.3f}"),
}
_SEMIGRAND: Columns = {
    "μ (eV)": ("chemical_potential_eV", "{:.4f}"),
    "T (K)": ("temperature_K", "{:g}"),
    "x": ("x", "{:.4f}"),
    "± x": ("x_standard_error", "{:.4f}"),
    "E (eV/f.u.)": ("energy_eV_per_fu", "{:.4f}"),
    "V": ("voltage_V", "{:.3f}"),
    "R-hat": ("r_hat", "{:.3f}"),
}
_STATES: Columns = {
    "x": ("x", "{:.4g}"),
    "state": ("key", "{}"),
    "degeneracy": ("degeneracy", "{}"),
    "E (eV)": ("energy_eV", "{:.6f}"),
}
_EXACT: Columns = {
    "x": ("x", "{:.4g}"),
    "T (K)": ("temperature_K", "{:g}"),
    "E (eV/f.u.)": ("energy_eV_per_fu", "{:.4f}"),
    "C (k_B/site)": ("heat_capacity_kB_per_site", "{:.4f}"),
    "S_el (k_B/site)": ("electronic_entropy_kB_per_site", "{:.4f}"),
    "F (eV/f.u.)": ("free_energy_eV_per_fu", "{:.4f}"),
}


def print_thermo(summary: dict[str, Any]) -> None:
    """Print the thermodynamics of a summary, one line for each (x, T)."""
    title = f"{summary['host']['formula']}, model {summary['model']['name']}"
    semigrand = any("chemical_potential_eV" in record for record in summary["thermo"])
    print_records(title, _SEMIGRAND if semigrand else _THERMO, summary["thermo"])
    for note in unknowns(summary["thermo"]):
        print(f"not known, {note}")
    for remark in remarks(summary):
        print(remark)


def unknowns(records: Sequence[dict[str, Any]]) -> list[str]:
    """What the thermodynamics of a campaign leave out and why, a sentence for each x and reason."""
    at: dict[tuple[str, str], list[float]] = {}
    for record in records:
        if record["why_unknown"]:
            potential = record.get("chemical_potential_eV")
            where = f"x = {record['x']:.4g}" if potential is None else f"μ = {potential:g} eV"
            at.setdefault((where, record["why_unknown"]), []).append(record["temperature_K"])
    return [
        f"{where} at {', '.join(f'{t:g}' for t in temperatures)} K: {reason}"
        for (where, reason), temperatures in at.items()
    ]


def print_spectrum(result: dict[str, Any]) -> None:
    """Print the states and the exact averages of an enumeration."""
    failed = len(result["failed"])
    title = "Distinct states" + (f" ({failed} more did not relax)" if failed else "")
    print_records(title, _STATES, result["states"])
    lost = sum(bool(state.get("lost_charges")) for state in result["states"])
    if lost:
        print(
            f"charge orders are lost: in {lost} of {len(result['states'])} states an ion has the "
            "bond lengths of its other charge state"
        )
    print_records("Exact averages", _EXACT, result["thermo"])


def print_records(title: str, columns: Columns, records: Sequence[dict[str, Any]]) -> None:
    """Print records as a table; what is unknown is a dash."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for record in records:
        cells = ((record[key], form) for key, form in columns.values())
        table.add_row(*("–" if value is None else form.format(value) for value, form in cells))
    console = Console()
    # a file or a pipe has no width: take what the table needs
    Console(width=None if console.is_terminal else 140).print(table)
