#!/usr/bin/env python
"""Learning curves: shipped models trained on the first frames of a labelled set.

Each starts where its own training did (or from its weights, or from --start), with reference
energies matched to the set. Errors are told apart: of the training frames, and of those held out.
ρ is Spearman's, of relaxed states relative to the mean of their ion order, with its 95 % interval
from 2000 samples of the orders with replacement (seed 1). Resumable: what is in OUT is not done
again.

Run: .venv/bin/python scripts/studies/learning_curves.py potentials/data/dft/frames.extxyz \\
         --models mace-nafepo4 mace-nafepo4-blind --frames 25 50 100 --out results/learning
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from study_tools.command import input_errors_end
from study_tools.markdown import number, table
from study_tools.order_energies import spearman_text

REPO = Path(__file__).resolve().parents[2]
# of a row: title, and an error in units of it
COLUMNS: tuple[tuple[str, Callable[[dict[str, Any]], float | None], int], ...] = (
    ("energy, meV/atom", lambda own: own["energy_meV_per_atom"], 2),
    ("forces, meV/Å", lambda own: own["force_meV_per_A"], 1),
    ("stress, GPa", lambda own: own["stress_GPa"], 2),
    ("states at one ion order, meV/site", lambda own: _of_states(own, "mae_meV_per_site"), 1),
    ("one geometry, meV/site", lambda own: own["one_geometry_meV_per_site"], 1),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="labelled frames with a part each")
    parser.add_argument(
        "--models",
        nargs="+",
        default=["mace-nafepo4", "mace-nafepo4-blind"],
        help="and their twins",
    )
    parser.add_argument("--frames", type=int, nargs="+", default=[25, 50, 100, 200])
    parser.add_argument("--steps", type=int, default=6000, help="of the optimizer, each training")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the learning rates")
    parser.add_argument("--start", help='checkpoint or folder of a model to start from, or "none"')
    parser.add_argument("--out", type=Path, default=REPO / "results" / "learning")
    arguments = parser.parse_args()
    from learning.fit import fit, settings_of
    from redoxmc.io.files import write_atomically

    results: dict[str, dict[int, dict[str, Any]]] = {}
    with input_errors_end("learning_curves"):
        for name in arguments.models:
            model = REPO / "potentials" / name
            for first in arguments.frames:
                config = settings_of(
                    model,
                    arguments.data.resolve(),
                    first,
                    arguments.steps,
                    arguments.rate,
                    arguments.start,
                )
                out = arguments.out / name / str(first)
                found = fit(config, model / "train.toml", out)
                results.setdefault(name, {})[found["train"]["frames"]] = found
                print(name, first, found["test"], flush=True)
        write_atomically(arguments.out / "results.json", json.dumps(results, indent=1) + "\n")
        write_atomically(arguments.out / "results.md", markdown(results))
        plot(arguments.out / "learning.png", results)


def markdown(results: dict[str, dict[int, dict[str, Any]]]) -> str:
    """One row for each training and each part."""
    rows = [
        [name, frames, {"train": "in-sample", "test": "held out"}[part], own[part]["frames"]]
        + [number(value(own[part]), digits) for _, value, digits in COLUMNS]
        + [_of_states(own[part], "orders"), spearman_text(own[part]["states"])]
        for name, by_frames in results.items()
        for frames, own in by_frames.items()
        for part in ("train", "test")
    ]
    head = ["model", "trained on", "errors of", "frames", *(title for title, _, _ in COLUMNS)]
    return table([*head, "orders", "ρ"], rows)


def _of_states(own: dict[str, Any], key: str) -> Any:
    return own["states"] and own["states"][key]


def plot(path: Path, results: dict[str, dict[int, dict[str, Any]]]) -> None:
    """Errors held out (full) and in-sample (dotted) against training frames; ρ, held out."""
    from redoxmc.report.plot_style import BLUE, GREEN, ORANGE, PURPLE, SKY, STYLE, VERMILION, save

    sizes = sorted({n for own in results.values() for n in own})
    colours = (BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 5.6))
        *panels, last = figure.subplots(2, 3).ravel()
        for colour, (name, own) in zip(colours, results.items(), strict=False):
            for axes, (title, value, _) in zip(panels, COLUMNS, strict=True):
                for part, line in (("test", "o-"), ("train", ":")):
                    at = [n for n in own if value(own[n][part]) is not None]
                    values = [value(own[n][part]) for n in at]
                    label = name if part == "test" else None
                    axes.plot(at, values, line, color=colour, label=label)
                axes.set_ylabel(title)
            ranks = {n: s for n in own if (s := own[n]["test"]["states"]) and s["spearman_95"]}
            last.plot(list(ranks), [s["spearman"] for s in ranks.values()], "o-", color=colour)
            for n, s in ranks.items():
                last.plot([n, n], s["spearman_95"], color=colour, linewidth=0.8)
        for axes in panels:
            if axes.dataLim.ymin > 0:  # not where there is nothing to draw
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_formatter("")
        last.set_ylabel("ρ of held-out orders")
        for axes in (*panels, last):
            axes.set_xscale("log")
            axes.set_xticks(sizes, map(str, sizes))
            axes.set_xticks([], minor=True)
            axes.set_xlabel("training frames")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        save(figure, path)


if __name__ == "__main__":
    main()
