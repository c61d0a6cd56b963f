"""Plots of curves: entropy and heat capacity against temperature, voltage, phase diagram."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from redoxmc.report.plot_style import (
    BLUE,
    GREY,
    PALE,
    SKY,
    STYLE,
    save,
    series_style,
    temperature_colours,
)
from redoxmc.results.phases import Phases, VoltagePlateau


@dataclass(frozen=True)
class Curve:
    """A quantity of one x against temperature: [n_T] in K, [n_T] values and standard errors."""

    x: float
    temperatures: ArrayLike
    values: ArrayLike
    errors: ArrayLike | None = None
    ideal: float | None = None  # limit drawn beside the curve (entropy only), k_B per site
    finite_size: float | None = None  # the same of the finite cell


@dataclass(frozen=True)
class Isotherm:
    """Mean x against chemical potential at one temperature: [n] in eV, [n], and its errors."""

    temperature: float
    potentials: ArrayLike
    x: ArrayLike
    errors: ArrayLike


def plot_entropy(path: Path, curves: Sequence[Curve]) -> None:
    """Draw electronic entropy against temperature with the ideal and finite-size limits."""
    _plot_curves(path, curves, "Electronic entropy ($k_\\mathrm{B}$ per redox site)", limits=True)


def plot_heat_capacity(path: Path, curves: Sequence[Curve]) -> None:
    """Draw the configurational heat capacity against temperature, one curve for each x."""
    _plot_curves(path, curves, "Heat capacity ($k_\\mathrm{B}$ per redox site)", limits=False)


def plot_voltage(path: Path, plateaus: Sequence[VoltagePlateau]) -> None:
    """Draw voltage against x: one staircase for each temperature. plateaus: by ascending x."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.2))
        axes = figure.add_subplot()
        colours = temperature_colours(p.temperature_K for p in plateaus)
        for temperature, colour in colours.items():
            own = [p for p in plateaus if p.temperature_K == temperature]
            x = np.array([(p.x_low, p.x_high) for p in own]).ravel()
            volts = np.repeat([p.voltage_V for p in own], 2)
            axes.plot(x, volts, color=colour, label=f"{temperature:g} K")
        axes.set_xlim(min(p.x_low for p in plateaus), max(p.x_high for p in plateaus))
        axes.margins(y=0.15)
        axes.set_xlabel("$x$ (ions per redox site)")
        axes.set_ylabel("Voltage against the ion metal (V)")
        axes.legend(loc="best")
        save(figure, path)


def plot_isotherms(path: Path, isotherms: Sequence[Isotherm]) -> None:
    """Draw mean x against the chemical potential of the ion, a curve for each temperature."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.2))
        axes = figure.add_subplot()
        colours = temperature_colours(i.temperature for i in isotherms)
        for own in isotherms:
            axes.errorbar(
                np.asarray(own.potentials), np.asarray(own.x), yerr=np.asarray(own.errors),
                fmt="o-", markersize=4, capsize=2, color=colours[own.temperature],
                label=f"{own.temperature:g} K",
            )  # fmt: skip
        axes.margins(y=0.04)
        axes.set_xlabel("Chemical potential of the ion (eV)")
        axes.set_ylabel("$x$ (ions per redox site)")
        axes.legend(loc="best")
        save(figure, path)


def plot_phase_diagram(path: Path, diagram: Sequence[Phases]) -> None:
    """Draw the temperature-composition phase diagram.

    Dots are the x that are stable: nothing is interpolated in x. Bars of temperatures less than a
    quarter apart touch. Boundaries are drawn as their brackets.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.4))
        axes = figure.add_subplot()
        extents = _extents([phases.temperature_K for phases in diagram])
        for phases in diagram:
            for regions, colour in ((phases.two_phase, SKY), (phases.unresolved, PALE)):
                for region in regions:
                    axes.fill_between(
                        region, *extents[phases.temperature_K], color=colour, linewidth=0
                    )
        ends = sorted({(x, phases.temperature_K) for phases in diagram for x in phases.stable})
        if ends:
            x, temperatures = np.array(ends).T
            size = 5.0 if len(diagram) <= 12 else 2.5
            axes.plot(x, temperatures, "o", color=BLUE, markersize=size, label="stable")
            axes.plot([], [], color=SKY, linewidth=5.0, label="two phases")
            axes.plot([], [], color=PALE, linewidth=5.0, label="one phase, or two, between x")
        boundaries = [boundary for phases in diagram for boundary in phases.boundaries]
        for n, boundary in enumerate(boundaries):
            bottom, top = axes.get_ylim()
            low = bottom if boundary.low_K is None else boundary.low_K
            high = top if boundary.high_K is None else boundary.high_K
            label = "boundary, bracket" if n == 0 else None
            axes.plot([boundary.x] * 2, [low, high], "_-", color=GREY, zorder=4, label=label)
            axes.set_ylim(bottom, top)
        if ends or boundaries:
            figure.legend(loc="outside upper center", ncols=2, columnspacing=1.0)
        low, high = (end((x for x, _ in ends), default=0.0) for end in (min, max))
        if high > low:
            axes.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
        axes.margins(y=0.12)
        axes.set_xlabel("$x$ (ions per redox site)")
        axes.set_ylabel("Temperature (K)")
        save(figure, path)


def _extents(temperatures: Sequence[float]) -> dict[float, tuple[float, float]]:
    """Bottom and top of the bar of each temperature: half way to neighbours that are close."""
    ordered = sorted(temperatures)
    thin = 0.012 * max(ordered[-1] - ordered[0], 1.0) if ordered else 0.0
    above = {low: (high - low) / 2 for low, high in pairwise(ordered) if low < high <= 1.25 * low}
    below = {high: above[low] for low, high in pairwise(ordered) if low in above}
    return {
        t: (t - below.get(t, above.get(t, thin)), t + above.get(t, below.get(t, thin)))
        for t in ordered
    }


def _plot_curves(path: Path, curves: Sequence[Curve], label: str, limits: bool) -> None:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.0, 3.4))
        axes = figure.add_subplot()
        drawn: set[float] = set()
        for n, curve in enumerate(sorted(curves, key=lambda c: c.x)):
            colour, marker = series_style(n)
            order = np.argsort(np.asarray(curve.temperatures, dtype=np.float64))
            t = np.asarray(curve.temperatures, dtype=np.float64)[order]
            values = np.asarray(curve.values, dtype=np.float64)[order]
            errors = None if curve.errors is None else np.asarray(curve.errors, np.float64)[order]
            if len(t) > 25:  # a continuous curve: a band for its error
                axes.plot(t, values, color=colour, label=f"$x$ = {curve.x:.3g}", zorder=3)
                if errors is not None:
                    axes.fill_between(
                        t, values - errors, values + errors, color=colour, alpha=0.25, linewidth=0
                    )
            else:
                axes.errorbar(
                    t, values, yerr=errors, fmt=f"{marker}-", markersize=4, capsize=2,
                    color=colour, label=f"$x$ = {curve.x:.3g}", zorder=3,
                )  # fmt: skip
            for limit, style in ((curve.ideal, ":"), (curve.finite_size, "--")):
                if limits and limit is not None and round(limit, 9) not in drawn:
                    axes.axhline(limit, color=colour, linestyle=style, linewidth=0.9, zorder=1)
                    drawn.add(round(limit, 9))  # x and 1-x share their limits
        if limits:
            axes.plot([], [], color=GREY, linestyle=":", label="ideal")
            axes.plot([], [], color=GREY, linestyle="--", label="ideal, finite cell")
        axes.set_xlabel("Temperature (K)")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        save(figure, path)
