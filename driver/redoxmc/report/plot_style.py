"""What all plots share: style, colours, panels, and atomic writing.

Colours are those of Okabe and Ito (2008) and the viridis map: safe for colour-blind readers and in
grey.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from redoxmc.io.files import replace_atomically

PALE = "#e3edf4"
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#8A8A8A"
_SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
_DPI = 200
STYLE: dict[str, Any] = {
    "font.size": 9.0,
    "axes.labelsize": 9.5,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.4,
    "figure.constrained_layout.use": True,
}


def make_panels(xs: Sequence[float], height: float) -> tuple[Figure, dict[float, Any]]:
    """Make one panel for each x, at most three in a row."""
    columns = min(3, max(1, len(xs)))
    rows = max(1, math.ceil(len(xs) / columns))
    figure = Figure(figsize=(1.2 + 2.4 * columns, 0.9 + height * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(xs) :]:
        axes.set_visible(False)
    return figure, dict(zip(xs, grid, strict=False))


def series_style(number: int) -> tuple[str, str]:
    """Colour and marker of one of several curves."""
    return _SERIES[number % 7], "osD^vPX"[number % 7]


def temperature_colours(temperatures: Iterable[float]) -> dict[float, Any]:
    """Give cold to hot the viridis colours, without its palest end."""
    ordered = sorted(set(temperatures))
    scale = np.linspace(0.0, 0.82, len(ordered)) if len(ordered) > 1 else [0.25]
    return {t: matplotlib.colormaps["viridis"](s) for t, s in zip(ordered, scale, strict=True)}


def figure_legend(figure: Figure, panels: dict[float, Any], note: str | None) -> None:
    """Put one legend for all panels, labels "300 K" in order of temperature, above them."""
    shown: dict[float, tuple[str, Any]] = {}
    for axes in panels.values():
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            shown.setdefault(float(label.split()[0]), (label, handle))
    entries = [shown[t] for t in sorted(shown)]
    figure.legend(
        [h for _, h in entries], [label for label, _ in entries], loc="outside upper center",
        ncols=max(1, min(len(entries), 3 * len(panels), 6)), title=note, title_fontsize=8.0,
    )  # fmt: skip


def finite(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Leave out the points that are not known."""
    xs, ys = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    known = np.isfinite(xs) & np.isfinite(ys)
    return xs[known], ys[known]


def save(figure: Figure, path: Path) -> None:
    """Write a PNG file, atomically; InputError where it cannot be written."""
    replace_atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=_DPI))


def write_plots(folder: Path, plots: Iterable[tuple[str, Callable[..., None], Any]]) -> list[Path]:
    """Draw the plots that have data into folder; returns their paths.

    plots: name, function of the file and the data, and the data.
    """
    written = []
    for name, plot, data in plots:
        if data:
            written.append(folder / f"{name}.png")
            plot(written[-1], data)
    return written
