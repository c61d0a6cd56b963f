"""What report.html shows of a campaign of Monte Carlo."""

from redoxmc.report.html import Page, Section
from redoxmc.report.remarks import remarks
from redoxmc.report.tables import failures
from redoxmc.results.summary import MonteCarloSummary

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


def _between(summary: MonteCarloSummary) -> list[str]:
    """Which formation energies are meant."""
    ends = summary.host.end_members
    return [f"formation energies: from {ends[0]} and {ends[1]}"] if ends else []


def monte_carlo_page(summary: MonteCarloSummary) -> Page:
    """What the page of a campaign shows."""
    audits = [run.path_audit_eV.max for run in summary.runs if run.path_audit_eV.checked]
    largest = max((audit for audit in audits if audit is not None), default=None)
    facts = [
        f"{summary.distinct_states} distinct states, {len(summary.failed_states)} of them failed to"
        " relax",
        *failures(summary),
        *_between(summary),
        "path audit: "
        + ("no energy was recomputed" if largest is None else f"at most {largest:.1e} eV"),
    ]
    pictures = {
        f"lowest_x{lowest.x:.6g}": f"Lowest charge order found at x = {lowest.x:.3g}: "
        f"{lowest.order}"
        for lowest in summary.lowest_states
    }
    boundaries = [boundary for phases in summary.phase_diagram for boundary in phases.boundaries]
    sections = [
        Section("Thermodynamics", summary.thermo, _CAPTIONS, remarks=remarks(summary)),
        Section("Phase boundaries", boundaries),
        Section("Lowest states", summary.lowest_states, pictures),
        Section("Where the starts ended", summary.starts),
        Section("Exchanges between temperatures", summary.exchanges),
        Section("Exchanges between chemical potentials", summary.potential_exchanges),
    ]
    return Page(f"Charge orders of {summary.host.formula}", sections, facts)
