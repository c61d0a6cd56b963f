"""Which plots a campaign gets, and the arrays that go into them."""

from pathlib import Path

import numpy as np

from redoxmc.io.points import parse_points, read_points
from redoxmc.report.analysis import Analysis
from redoxmc.report.order_figures import order_figures
from redoxmc.report.plot_curves import (
    Curve,
    Isotherm,
    plot_entropy,
    plot_heat_capacity,
    plot_isotherms,
    plot_phase_diagram,
    plot_voltage,
)
from redoxmc.report.plot_hysteresis import plot_energy_branches, plot_isotherm_branches
from redoxmc.report.plot_style import write_plots
from redoxmc.report.plots import (
    EnergyTrace,
    Points,
    StateHistogram,
    plot_hull,
    plot_states,
    plot_traces,
)
from redoxmc.results.summary import MonteCarloSummary
from redoxmc.structures.lattice import Floats
from redoxmc.structures.occupancy import ions_of_key
from redoxmc.thermo.entropy import boltzmann_probabilities
from redoxmc.thermo.hull import formation_energies
from redoxmc.thermo.levels import finite_size_entropy_of, ideal_entropy_of


def write_figures(analysis: Analysis, summary: MonteCarloSummary, folder: Path) -> list[Path]:
    """Write the plots of a campaign that have data into folder; returns their paths."""
    ion = analysis.lattice.ion
    diagram = summary.phase_diagram
    branches = plot_isotherm_branches if analysis.semigrand else plot_energy_branches

    def draw_hull(path: Path, states: tuple[Floats, Floats]) -> None:
        named = ion.element if ion else ""
        plot_hull(path, *states, _reference_points(analysis), named, analysis.end_members)

    written = write_plots(
        folder,
        [
            ("hull", draw_hull, _formation_of_states(analysis)),
            ("energy_traces", plot_traces, _traces(analysis)),
            ("states", plot_states, _histograms(analysis)),
            ("electronic_entropy", plot_entropy, _entropy_curves(analysis, summary)),
            ("heat_capacity", plot_heat_capacity, _capacity_curves(analysis, summary)),
            ("phase_diagram", plot_phase_diagram, diagram if len(diagram) > 1 else []),
            ("voltage", plot_voltage, [p for p in summary.voltage if p.voltage_V is not None]),
            ("hysteresis", branches, summary.hysteresis),
            ("isotherms", plot_isotherms, _isotherms(summary) if analysis.semigrand else []),
        ],
    )
    return written + order_figures(analysis, summary, folder)


def _isotherms(summary: MonteCarloSummary) -> list[Isotherm]:
    """Mean x by chemical potential, where there are several; nan where an error is not known."""
    groups: dict[float, list[tuple[float, float, float]]] = {}
    if len({r.chemical_potential_eV for r in summary.thermo}) < 2:
        return []
    for record in summary.thermo:
        if record.x is not None:
            error = np.nan if record.x_standard_error is None else record.x_standard_error
            point = record.internal_potential_eV, record.x, error
            groups.setdefault(record.temperature_K, []).append(point)
    return [
        Isotherm(t, *np.array(sorted(points, key=lambda p: p[1])).T)
        for t, points in sorted(groups.items())
    ]


def _formation_of_states(analysis: Analysis) -> tuple[Floats, Floats] | None:
    """x and formation energy (eV/f.u.) of every relaxed state, between the first and the last x.

    None where one of these has no state that relaxes, or there is one x only.
    """
    units = analysis.lattice.formula_units
    points = [
        (analysis.lattice.x_of(ions_of_key(key)), entry.energy / units)
        for key, entry in analysis.store.cache.entries.items()
        if entry.energy is not None
    ]
    met = {analysis.lattice.x_of(ions_of_key(key)) for key in analysis.store.cache.entries}
    met |= set() if analysis.semigrand else {chain.x for chain in analysis.store.chains}
    low, high = min(met, default=0.0), max(met, default=0.0)
    ends = {end: min((e for x, e in points if x == end), default=np.nan) for end in (low, high)}
    if len(ends) < 2 or not np.isfinite(list(ends.values())).all():
        return None
    x, energies = np.array(points).T
    return x, formation_energies(x, energies, ends[low], ends[high], (low, high))


def _reference_points(analysis: Analysis) -> list[Points]:
    """Points of the file report.hull_points: CSV of label, x, formation energy (eV/f.u.).

    Shipped results hold its text.
    """
    name = analysis.config["report"]["hull_points"]
    if name is None:
        return []
    shipped = analysis.store.header.get("hull_points")
    text = read_points(Path(name)) if shipped is None else shipped
    groups = parse_points(text, name)
    return [Points(label, *np.array(points).T) for label, points in groups.items()]


def _traces(analysis: Analysis) -> list[EnergyTrace]:
    units = analysis.lattice.formula_units
    return [
        EnergyTrace(chain.x, chain.temperature, chain.seed, np.array(trace.energies) / units)
        for chain in analysis.store.chains
        if (trace := analysis.store.traces.get(chain.name)) is not None
        and trace.energies
        and not analysis.is_single_state(chain)
    ]


def _histograms(analysis: Analysis) -> list[StateHistogram]:
    """Visits of states at each (x, T), seeds of one state space together."""
    visits: dict[tuple[float, float, int], dict[str, int]] = {}
    spectra = {}
    for chain in analysis.store.chains:
        if analysis.semigrand or analysis.is_single_state(chain):
            continue
        spectrum = analysis.spectra[chain.name]
        group = (chain.x, chain.temperature, id(spectrum))
        spectra[group] = spectrum
        counts = visits.setdefault(group, {})
        for key in analysis.kept(chain)[1]:
            counts[key] = counts.get(key, 0) + 1
    histograms = []
    for (x, temperature, space), counts in visits.items():
        spectrum = spectra[(x, temperature, space)]
        good = ~np.isnan(spectrum.energies)
        total = sum(counts.values())
        if not good.any() or not total:
            continue
        energies, degeneracies = spectrum.valid()
        keys = [key for key, keep in zip(spectrum.keys, good, strict=True) if keep]
        fractions = np.array([counts.get(key, 0) for key in keys]) / total
        expected = None
        if spectrum.complete:
            expected = boltzmann_probabilities(energies, degeneracies, temperature)
        order = np.argsort(energies)
        histograms.append(
            StateHistogram(
                x,
                temperature,
                energies[order] / analysis.lattice.formula_units,
                fractions[order],
                None if expected is None else expected[order],
            )
        )
    return histograms


def _entropy_curves(analysis: Analysis, summary: MonteCarloSummary) -> list[Curve]:
    """Electronic entropy against temperature for every x that has it between its temperatures."""
    blocks, most = analysis.lattice.blocks, analysis.lattice.most.sum()
    curves = []
    for record in summary.curves:
        values = record.electronic_entropy_kB_per_site
        n_reduced = _n_reduced(analysis, record.x)
        if n_reduced in (0, most) or None in values:
            continue
        errors = [error or 0.0 for error in record.electronic_entropy_standard_error]
        ideal = ideal_entropy_of(blocks, n_reduced)
        finite = finite_size_entropy_of(blocks, n_reduced)
        entropies = np.array(values, dtype=float)
        curves.append(Curve(record.x, record.temperature_K, entropies, errors, ideal, finite))
    return curves


def _capacity_curves(analysis: Analysis, summary: MonteCarloSummary) -> list[Curve]:
    """Heat capacity, mean over seeds, for every x that has it at two temperatures or more."""
    by_x: dict[float, dict[float, list[float]]] = {}
    ends = (0, analysis.lattice.most.sum())
    for record in summary.runs:
        value = record.heat_capacity_kB_per_site
        if value is not None and _n_reduced(analysis, record.x) not in ends:
            by_temperature = by_x.setdefault(record.x, {})
            by_temperature.setdefault(record.temperature_K, []).append(value)
    return [
        Curve(x, sorted(values), [float(np.mean(values[t])) for t in sorted(values)])
        for x, values in sorted(by_x.items())
        if len(values) > 1
    ]


def _n_reduced(analysis: Analysis, x: float) -> int:
    counts = {chain.x: chain.n_ions for chain in analysis.store.chains}
    return analysis.lattice.n_reduced(counts[x]) or 0
