"""The two branches of chains that begin in order and in disorder, beside each other."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from redoxmc.report.plot_style import STYLE, make_panels, save, temperature_colours
from redoxmc.results.mixing import EnergyHysteresis, IsothermHysteresis


def plot_energy_branches(path: Path, records: Sequence[EnergyHysteresis]) -> None:
    """Draw mean energies against temperature, from order and from disorder, a panel for each x.

    records: of `hysteresis_records` at fixed x. Open loops are marked by a ring.
    """
    with matplotlib.rc_context(STYLE):
        xs = sorted({record.x for record in records})
        figure, panels = make_panels(xs, 2.2)
        for x, axes in panels.items():
            own = [r for r in records if r.x == x and r.difference is not None]
            kelvin = [r.temperature_K for r in own]
            ordered = 1e3 * np.array([r.ordered for r in own], dtype=float)
            random = 1e3 * np.array([r.random for r in own], dtype=float)
            floor = ordered.min(initial=np.inf)
            axes.plot(kelvin, ordered - floor, "^-", markersize=4, label="from order")
            axes.plot(kelvin, random - floor, "v--", markersize=4, label="from random")
            apart = [n for n, r in enumerate(own) if r.open]
            axes.plot(
                np.array(kelvin)[apart], (random - floor)[apart],
                "o", markersize=10, fillstyle="none", color="black",
            )  # fmt: skip
            axes.set_title(f"x = {x:.3g}")
            axes.set_xlabel("Temperature (K)")
            axes.set_ylabel("Energy (meV/f.u.)")
            axes.legend(loc="best")
        save(figure, path)


def plot_isotherm_branches(path: Path, records: Sequence[IsothermHysteresis]) -> None:
    """Draw mean x against the chemical potential, from the lowest and from the highest x.

    records: of `hysteresis_records` in the semigrand ensemble.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.2))
        axes = figure.add_subplot()
        colours = temperature_colours(record.temperature_K for record in records)
        for temperature, colour in colours.items():
            own = [r for r in records if r.temperature_K == temperature]
            own = [r for r in own if r.difference is not None]
            for name, style, word in (("low_start", "^-", "up"), ("high_start", "v--", "down")):
                axes.plot(
                    [r.chemical_potential_eV for r in own], [getattr(r, name) for r in own],
                    style, markersize=4, color=colour, label=f"{temperature:g} K, {word}",
                )  # fmt: skip
        axes.set_ylim(-0.04, 1.04)
        axes.set_xlabel("Chemical potential of the ion (eV)")
        axes.set_ylabel("$x$ (ions per redox site)")
        axes.legend(loc="best")
        save(figure, path)
