"""Which plots a campaign gets, and the arrays that go into them."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.errors import InputError
from redoxmc.report.analysis import Analysis
from redoxmc.report.plots import (
    Curve,
    Points,
    StateHistogram,
    Trace,
    plot_entropy,
    plot_heat_capacity,
    plot_hull,
    plot_states,
    plot_traces,
)
from redoxmc.structures.lattice import Floats
from redoxmc.thermo.entropy import boltzmann_probabilities, finite_size_entropy, ideal_entropy
from redoxmc.thermo.hull import formation_energies


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
    entropy = _curves(analysis, summary, "electronic_entropy_kB_per_site", "thermo")
    if entropy:
        written.append(folder / "electronic_entropy.png")
        plot_entropy(written[-1], entropy)
    capacity = _curves(analysis, summary, "heat_capacity_kB_per_site", "runs")
    if capacity:
        written.append(folder / "heat_capacity.png")
        plot_heat_capacity(written[-1], capacity)
    return written


def _formation_of_states(analysis: Analysis) -> tuple[Floats, Floats]:
    """x and formation energy (eV/f.u.) of every relaxed state, where both end members are known."""
    redox, units = analysis.lattice.n_redox, analysis.lattice.formula_units
    points = [
        (key.split("|")[1].count("1") / redox, entry.energy / units)
        for key, entry in analysis.store.cache.entries.items()
        if entry.energy is not None
    ]
    ends = {x: energy for x, energy in points if x in (0.0, 1.0)}
    if len(ends) < 2:
        return np.empty(0), np.empty(0)
    x, energies = np.array(points).T
    return x, formation_energies(x, energies, ends[0.0], ends[1.0])


def _reference_points(analysis: Analysis) -> list[Points]:
    """Points of the file report.hull_points: CSV of label, x, formation energy (eV/f.u.)."""
    name = analysis.config["report"]["hull_points"]
    if name is None:
        return []
    groups: dict[str, list[tuple[float, float]]] = {}
    try:
        with Path(name).open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
        for label, x, energy in rows[1:]:
            groups.setdefault(label, []).append((float(x), float(energy)))
    except (OSError, ValueError) as error:
        raise InputError(
            f"report.hull_points: {name} is not a CSV file of label, x, energy ({error})."
        ) from None
    return [Points(label, *np.array(points).T) for label, points in groups.items()]


def _traces(analysis: Analysis) -> list[Trace]:
    units = analysis.lattice.formula_units
    return [
        Trace(chain.x, chain.temperature, chain.seed, np.array(trace.energies) / units)
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
        if analysis.is_single_state(chain):
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


def _curves(analysis: Analysis, summary: dict[str, Any], key: str, table: str) -> list[Curve]:
    """A quantity against temperature for every x that has it at two temperatures or more."""
    by_x: dict[float, dict[float, list[float]]] = {}
    errors: dict[tuple[float, float], float] = {}
    for record in summary[table]:
        value = record[key]
        if value is not None:
            values = by_x.setdefault(record["x"], {})
            values.setdefault(record["temperature_K"], []).append(value)
            error = record.get("electronic_entropy_standard_error") or 0.0
            errors[record["x"], record["temperature_K"]] = error
    curves = []
    sites = analysis.lattice.n_redox
    counts = {chain.x: chain.n_ions for chain in analysis.store.chains}
    for x, values in sorted(by_x.items()):
        n_reduced = analysis.lattice.n_reduced(counts[x]) or 0
        if len(values) < 2 or n_reduced in (0, sites):
            continue
        temperatures = sorted(values)
        means = [float(np.mean(values[t])) for t in temperatures]
        is_entropy = table == "thermo"
        own = [errors[x, t] for t in temperatures] if is_entropy else None
        ideal = ideal_entropy(n_reduced / sites) if is_entropy else None
        finite = finite_size_entropy(sites, n_reduced) if is_entropy else None
        curves.append(Curve(x, temperatures, means, own, ideal, finite))
    return curves
