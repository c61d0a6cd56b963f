"""Results as tables on the terminal."""

from typing import Any


def print_thermo(summary: dict[str, Any]) -> None:
    """Print the thermodynamics of a summary, one line for each (x, T)."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{summary['host']['formula']}, model {summary['model']['name']}")
    columns = {
        "x": ("x", "{:.4g}"),
        "T (K)": ("temperature_K", "{:g}"),
        "E (eV/f.u.)": ("energy_eV_per_fu", "{:.4f}"),
        "E_form (eV/f.u.)": ("formation_energy_eV_per_fu", "{:.4f}"),
        "hull": ("on_hull", "{}"),
        "S_el (k_B/site)": ("electronic_entropy_kB_per_site", "{:.4f}"),
        "±": ("electronic_entropy_standard_error", "{:.4f}"),
        "ln C(N,n)/N": ("ideal_finite_size_kB_per_site", "{:.4f}"),
        "F (eV/f.u.)": ("free_energy_eV_per_fu", "{:.4f}"),
        "R-hat": ("r_hat", "{:.3f}"),
    }
    for name in columns:
        table.add_column(name, justify="right")
    for record in summary["thermo"]:
        cells = []
        for key, form in columns.values():
            value = record[key]
            cells.append("–" if value is None else form.format(value))
        table.add_row(*cells)
    Console().print(table)
