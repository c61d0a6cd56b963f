"""Figures of README.md and docs/ that carry a tag are those of the results that are shipped.

`<!-- figure: KEY -->0.417(4)`: the number behind the tag is what the key below gives, digit by
digit. A new figure gets a key here; a tag without a key fails.
"""

import csv
import json
import math
import re

import pytest
from conftest import REPO

from redoxmc.io.extxyz import energy_of, read_labelled, species_of
from redoxmc.io.points import parse_points
from redoxmc.report.analysis import Analysis
from redoxmc.report.summary import summarize
from redoxmc.results.record import to_json
from redoxmc.results.store import load

TAG = re.compile(r"<!-- figure: (\S+) -->([\d.,]*\d(?:\(\d+\))?)?")


def with_error(value, error):
    """0.417(4): as many digits as the first one of the error."""
    digits = -math.floor(math.log10(error))
    last = round(error * 10**digits)
    if last == 10:
        digits, last = digits - 1, 1
    return f"{value:.{digits}f}({last})"


@pytest.fixture(scope="module")
def shipped():
    stores = {name: load(REPO / "docs/results" / name / "results.h5") for name in NAMES}
    return {name: to_json(summarize(Analysis.of(store), {})) for name, store in stores.items()}


NAMES = ("na2_3", "phase_diagram")


def figures(shipped):
    """What each key stands for, as the pages write it."""
    found = {}
    for name, summary in shipped.items():
        relaxations = sum(run["relaxations"] for run in summary["runs"])
        spent = sum(run["force_evaluations"] for run in summary["runs"])
        found[f"{name}/evaluations_of_a_relaxation"] = f"{spent / relaxations:.1f}"
        known = [r for r in summary["thermo"] if r["r_hat"] is not None]
        found[f"{name}/r_hat"] = f"{max(r['r_hat'] for r in known):.2f}"
        orders = [r["r_hat_order"] for r in known if r["r_hat_order"] is not None]
        worst = max([r["r_hat"] for r in known] + orders)
        found[f"{name}/r_hat_of_all"] = f"{worst:.3f}"
        unknown = {r["x"] for r in summary["thermo"] if r["free_energy_eV_per_fu"] is None}
        found[f"{name}/x_without_free_energy"] = str(len(unknown))
    for record in shipped["na2_3"]["thermo"]:
        found[f"na2_3/entropy/{record['temperature_K']:g}"] = with_error(
            record["electronic_entropy_kB_per_site"], record["electronic_entropy_standard_error"]
        )
    (lowest,) = shipped["na2_3"]["lowest_states"]
    found["na2_3/relaxations"] = f"{lowest['relaxations']:,}"
    found["na2_3/force_evaluations"] = f"{lowest['force_evaluations']:,}"
    with (REPO / "docs/comparison/energies-DFT.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (row["model"], row["part"], row["at"]) == ("cpainn-nafepo4", "test", "fixed"):
                found["comparison/hull_rmse"] = f"{float(row['hull_rmse_meV_per_site']):.1f}"
    return found | of_dft()


def of_dft():
    """Formation energies (meV/f.u.) and voltages of PBE+U at the lowest states computed."""
    text = (REPO / "lammps_inputs/olivine_nafepo4/hull_dft.csv").read_text(encoding="utf-8")
    (points,) = parse_points(text, "hull_dft.csv").values()
    half, two_thirds, five_sixths = (
        1e3 * min(e for x, e in points if abs(x - at) < 1e-3) for at in (1 / 2, 2 / 3, 5 / 6)
    )
    ends = {}
    for frame in read_labelled(REPO / "potentials/data/dft/frames.extxyz"):
        elements = [species.element for species in species_of(frame)]
        sites = elements.count("Fe")
        x = elements.count("Na") / sites
        ends[x] = min(energy_of(frame) / sites, ends.get(x, math.inf))
    metal = json.loads((REPO / "potentials/data/dft/metal.json").read_text(encoding="utf-8"))
    mean = metal["energy_eV_per_atom"] + ends[0] - ends[1]
    below, above = mean - 1.5e-3 * two_thirds, mean + 3e-3 * two_thirds
    return {
        "dft/2_3": f"{-two_thirds:.1f}",
        "dft/5_6": f"{-five_sixths:.1f}",
        "dft/5_6_above": f"{five_sixths - 0.5 * two_thirds:.1f}",
        "dft/1_2": f"{-half:.1f}",
        "dft/1_2_above": f"{half - 0.75 * two_thirds:.1f}",
        "dft/below": f"{below:.2f}",
        "dft/above": f"{above:.2f}",
        "dft/step": f"{below - above:.2f}",
    }


def test_every_tagged_figure_is_the_shipped_one(shipped):
    pages = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
    tags = [tag for page in pages for tag in TAG.findall(page.read_text(encoding="utf-8"))]
    assert len(tags) >= 12
    known = figures(shipped)
    assert tags == [(key, known.get(key, "no such key")) for key, _ in tags]


def test_no_tag_begins_a_line():
    """A comment at the beginning of a line ends the paragraph on the site."""
    for page in sorted((REPO / "docs").rglob("*.md")):
        assert "\n<!-- figure:" not in page.read_text(encoding="utf-8"), page


def test_errors_in_parentheses():
    assert with_error(0.4166, 0.00405) == "0.417(4)"
    assert with_error(0.5305, 0.00098) == "0.530(1)"
