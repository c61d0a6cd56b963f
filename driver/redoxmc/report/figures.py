"""Which plots a campaign gets, and the arrays that go into them."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.errors import InputError
from redoxmc.report.analysis import Analysis
from redoxmc.report.order_figures import order_figures
from redoxmc.report.plot_hysteresis import plot_energy_branches, plot_isotherm_branches
from redoxmc.report.plots import (
    Curve,
    EnergyTrace,
    Isotherm,
    Points,
    StateHistogram,
    plot_entropy,
    plot_heat_capacity,
    plot_hull,
    plot_isotherms,
    plot_phase_diagram,
    plot_states,
    plot_traces,
    plot_voltage,
)
from redoxmc.structures.lattice import Floats
from redoxmc.structures.occupancy import ions_of_key
from redoxmc.thermo.entropy import boltzmann_probabilities, finite_size_entropy, ideal_entropy
from redoxmc.thermo.hull import formation_energies
from redoxmc.thermo.voltage import Plateau


def write_figures(analysis: Analysis, summary: dict[str, Any], folder: Path) -> list[Path]:
    """Write the plots of a campaign that have data into folder; returns their paths."""
    written = []
    x, energies = _formation_of_states(analysis)
    if len(x):
        ion = str(analysis.lattice.species[analysis.lattice.ion_sites[0]].element)
        written.append(folder / "hull.png")
        plot_hull(written[-1], x, energies, _reference_points(analysis), ion)
    traces = _traces(analysis)
    if traces:
        written.append(folder / "energy_traces.png")
        plot_traces(written[-1], traces)
    histograms = _histograms(analysis)
    if histograms:
        written.append(folder / "states.png")
        plot_states(written[-1], histograms)
    entropy = _entropy_curves(analysis, summary)
    if entropy:
        written.append(folder / "electronic_entropy.png")
        plot_entropy(written[-1], entropy)
    capacity = _capacity_curves(analysis, summary)
    if capacity:
        written.append(folder / "heat_capacity.png")
        plot_heat_capacity(written[-1], capacity)
    written += _phase_figures(analysis, summary, folder)
    return written + order_figures(analysis, summary, folder)


def _phase_figures(analysis: Analysis, summary: dict[str, Any], folder: Path) -> list[Path]:
    """Phase diagram, voltage, and mean x against chemical potential."""
    written = []
    diagram = [
        (d["temperature_K"], d["two_phase"], d["unresolved"]) for d in summary["phase_diagram"]
    ]
    if len(diagram) > 1:
        written.append(folder / "phase_diagram.png")
        plot_phase_diagram(written[-1], diagram, phase_boundaries_of(summary))
    plateaus: dict[float, list[Plateau]] = {}
    for p in summary["voltage"]:
        if p["voltage_V"] is not None:
            points = plateaus.setdefault(p["temperature_K"], [])
            points.append(Plateau(p["x_low"], p["x_high"], p["voltage_V"]))
    if plateaus:
        written.append(folder / "voltage.png")
        plot_voltage(written[-1], sorted(plateaus.items()))
    if analysis.semigrand and len({r["chemical_potential_eV"] for r in summary["thermo"]}) > 1:
        written.append(folder / "isotherms.png")
        plot_isotherms(written[-1], _isotherms(summary))
    if summary["hysteresis"]:
        written.append(folder / "hysteresis.png")
        plot = plot_isotherm_branches if analysis.semigrand else plot_energy_branches
        plot(written[-1], summary["hysteresis"])
    return written


def phase_boundaries_of(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """All boundaries of a phase diagram."""
    return [b for d in summary["phase_diagram"] for b in d["boundaries"]]


def _isotherms(summary: dict[str, Any]) -> list[Isotherm]:
    groups: dict[float, list[tuple[float, float, float]]] = {}
    for record in summary["thermo"]:
        if record["x"] is not None:
            point = (
                record["internal_potential_eV"],
                record["x"],
                np.nan if record["x_standard_error"] is None else record["x_standard_error"],
            )
            groups.setdefault(record["temperature_K"], []).append(point)
    return [
        Isotherm(t, *np.array(sorted(points, key=lambda p: p[1])).T)
        for t, points in sorted(groups.items())
    ]


def _formation_of_states(analysis: Analysis) -> tuple[Floats, Floats]:
    """x and formation energy (eV/f.u.) of every relaxed state, where both end members are known."""
    redox, units = analysis.lattice.n_redox, analysis.lattice.formula_units
    points = [
        (ions_of_key(key) / redox, entry.energy / units)
        for key, entry in analysis.store.cache.entries.items()
        if entry.energy is not None
    ]
    ends = {x: energy for x, energy in points if x in (0.0, 1.0)}
    if len(ends) < 2:
        return np.empty(0), np.empty(0)
    x, energies = np.array(points).T
    return x, formation_energies(x, energies, ends[0.0], ends[1.0])


def _reference_points(analysis: Analysis) -> list[Points]:
    """Points of the file report.hull_points: CSV of label, x, formation energy (eV/f.u.).

    Shipped results hold its text.
    """
    name = analysis.config["report"]["hull_points"]
    if name is None:
        return []
    shipped = analysis.store.header.get("hull_points")
    groups: dict[str, list[tuple[float, float]]] = {}
    try:
        text = Path(name).read_text(encoding="utf-8") if shipped is None else shipped
        rows = [r for r in csv.reader(text.splitlines()) if r and not r[0].startswith("#")]
        for label, x, energy in rows[1:]:
            groups.setdefault(label, []).append((float(x), float(energy)))
    except (OSError, ValueError) as error:
        raise InputError(
            f"report.hull_points: {name} is not a CSV file of label, x, energy ({error})."
        ) from None
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


def _entropy_curves(analysis: Analysis, summary: dict[str, Any]) -> list[Curve]:
    """Electronic entropy against temperature for every x that has it between its temperatures."""
    sites = analysis.lattice.n_redox
    key = "electronic_entropy_kB_per_site"
    curves = []
    for record in summary["curves"]:
        n_reduced = _n_reduced(analysis, record["x"])
        if n_reduced in (0, sites) or any(value is None for value in record[key]):
            continue
        errors = [error or 0.0 for error in record["electronic_entropy_standard_error"]]
        ideal, finite = ideal_entropy(n_reduced / sites), finite_size_entropy(sites, n_reduced)
        curves.append(
            Curve(record["x"], record["temperature_K"], record[key], errors, ideal, finite)
        )
    return curves


def _capacity_curves(analysis: Analysis, summary: dict[str, Any]) -> list[Curve]:
    """Heat capacity, mean over seeds, for every x that has it at two temperatures or more."""
    by_x: dict[float, dict[float, list[float]]] = {}
    for record in summary["runs"]:
        value = record["heat_capacity_kB_per_site"]
        if value is not None and _n_reduced(analysis, record["x"]) not in (
            0,
            analysis.lattice.n_redox,
        ):
            by_temperature = by_x.setdefault(record["x"], {})
            by_temperature.setdefault(record["temperature_K"], []).append(value)
    return [
        Curve(x, sorted(values), [float(np.mean(values[t])) for t in sorted(values)])
        for x, values in sorted(by_x.items())
        if len(values) > 1
    ]


def _n_reduced(analysis: Analysis, x: float) -> int:
    counts = {chain.x: chain.n_ions for chain in analysis.store.chains}
    return analysis.lattice.n_reduced(counts[x]) or 0
