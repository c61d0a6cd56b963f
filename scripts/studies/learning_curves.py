#!/usr/bin/env python
"""Learning curves: shipped models trained further on the first frames of a labelled set.

Each starts from its exported weights, with reference energies matched to the set. Errors are told
apart: of the training frames, and of those held out. Resumable: what is in OUT is not done again.

Run: .venv/bin/python scripts/studies/learning_curves.py potentials/data/dft/frames.extxyz \\
         --models mace-nafepo4 mace-nafepo4-blind --frames 25 50 100 --out results/learning
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from study_tools.command import input_errors_end
from study_tools.markdown import number, table

REPO = Path(__file__).resolve().parents[2]
# of a row: title, key of an error, digits
COLUMNS = (
    ("energy, meV/atom", "energy_meV_per_atom", 2),
    ("forces, meV/Å", "force_meV_per_A", 1),
    ("states at one ion order, meV/site", "states_meV_per_site", 1),
    ("one geometry, meV/site", "one_geometry_meV_per_site", 1),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="labelled frames with a part each")
    parser.add_argument("--models", nargs="+", default=["mace-nafepo4", "mace-nafepo4-blind"])
    parser.add_argument("--frames", type=int, nargs="+", default=[25, 50, 100, 200])
    parser.add_argument("--steps", type=int, default=1500, help="of the optimizer, each training")
    parser.add_argument("--rate", type=float, default=0.3, help="share of the learning rates")
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
                    model, arguments.data.resolve(), first, arguments.steps, arguments.rate
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
        + [number(own[part][key], digits) for _, key, digits in COLUMNS]
        for name, by_frames in results.items()
        for frames, own in by_frames.items()
        for part in ("train", "test")
    ]
    head = ["model", "trained on", "errors of", "frames", *(title for title, _, _ in COLUMNS)]
    return table(head, rows)


def plot(path: Path, results: dict[str, dict[int, dict[str, Any]]]) -> None:
    """A panel for each error: held out (full) and in-sample (dashed) against training frames."""
    from redoxmc.report.plot_style import BLUE, GREEN, ORANGE, PURPLE, SKY, STYLE, VERMILION, save

    colours = (BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 5.6))
        panels = figure.subplots(2, 2).ravel()
        for axes, (title, key, _) in zip(panels, COLUMNS, strict=True):
            for colour, (name, own) in zip(colours, results.items(), strict=False):
                for part, line in (("test", "o-"), ("train", ":")):
                    at = [n for n in own if own[n][part][key] is not None]
                    values = [own[n][part][key] for n in at]
                    label = name if part == "test" else None
                    axes.plot(at, values, line, color=colour, label=label)
            axes.set_xscale("log")
            if axes.dataLim.ymin > 0:  # not where there is nothing to draw
                axes.set_yscale("log")
            axes.set_xlabel("training frames")
            axes.set_ylabel(title)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        save(figure, path)


if __name__ == "__main__":
    main()
