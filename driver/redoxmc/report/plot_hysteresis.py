"""The two branches of chains that begin in order and in disorder, beside each other."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from redoxmc.report.plot_style import STYLE, make_panels, save, temperature_colours
from redoxmc.results.summary import Hysteresis


def plot_hysteresis(path: Path, records: Sequence[Hysteresis]) -> None:
    """Draw both branches: energy against temperature, or x against the chemical potential."""
    if records[0].x is None:
        _plot_isotherms(path, records)
    else:
        _plot_energies(path, records)


def _plot_energies(path: Path, records: Sequence[Hysteresis]) -> None:
    """A panel for each x. Open loops are marked by a ring."""
    with matplotlib.rc_context(STYLE):
        xs = sorted({record.x for record in records if record.x is not None})
        figure, panels = make_panels(xs, 2.2)
        for x, axes in panels.items():
            known = [r for r in records if r.x == x and r.difference is not None]
            floor = min((r.first or 0.0 for r in known), default=0.0)
            kelvin = [r.temperature_K for r in known]
            order = [1e3 * ((r.first or 0.0) - floor) for r in known]
            random = [1e3 * ((r.second or 0.0) - floor) for r in known]
            axes.plot(kelvin, order, "^-", markersize=4, label="from order")
            axes.plot(kelvin, random, "v--", markersize=4, label="at random")
            loops = [n for n, r in enumerate(known) if r.open]
            axes.plot(
                [kelvin[n] for n in loops], [random[n] for n in loops],
                "o", markersize=10, fillstyle="none", color="black",
            )  # fmt: skip
            axes.set_title(f"x = {x:.3g}")
            axes.set_xlabel("Temperature (K)")
            axes.set_ylabel("Energy (meV/f.u.)")
            axes.legend(loc="best")
        save(figure, path)


def _plot_isotherms(path: Path, records: Sequence[Hysteresis]) -> None:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.2))
        axes = figure.add_subplot()
        colours = temperature_colours(record.temperature_K for record in records)
        for temperature, colour in colours.items():
            own = [r for r in records if r.temperature_K == temperature]
            known = [r for r in own if r.difference is not None]
            for word, form in (("up", "^-"), ("down", "v--")):
                x = [r.first if word == "up" else r.second for r in known]
                axes.plot(
                    [r.chemical_potential_eV or 0.0 for r in known], [one or 0.0 for one in x],
                    form, markersize=4, color=colour, label=f"{temperature:g} K, {word}",
                )  # fmt: skip
        axes.set_ylim(-0.04, 1.04)
        axes.set_xlabel("Chemical potential of the ion (eV)")
        axes.set_ylabel("$x$ (ions per redox site)")
        axes.legend(loc="best")
        save(figure, path)
