"""Test the DFT recipe: cutoff, grid, k-points, convergence of the density, second start, U.

python scripts/studies/dft/recipe_tests.py potentials/data/dft/wanted.extxyz \
    --settings potentials/data/dft/gpaw.toml --out potentials/data/dft/recipe

Computes a few orders of the small cell with the recipe and with one setting changed at a time
(`redoxmc compute`, resumable; run it twice for two workers), and writes recipe.md and recipe.json:
what each change does to formation energies and order energies (meV per formula unit), forces
(meV/Å) and stress (GPa); the slope of the energy with the cutoff, for [basis] of the settings; and
whether energies of strained cells fall as the stress says.
"""

import argparse
import json
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from redoxmc.data.basis_set import effective_cutoff, k_points
from redoxmc.data.settings import load_settings
from redoxmc.io.extxyz import COLUMN, read_labelled, write_labelled
from redoxmc.io.toml_text import toml_text

GPA = 160.21766  # GPa in eV/Å^3
CUTOFFS = (580, 620)  # eV, around that of the recipe
STRAINS = (0.99, 1.0, 1.01)  # lengths of the first order's cell, in units of its own
# Orders of the small cell: the end members, the lowest and a high order of one ion order, x = 3/4.
ORDERS = ("0000|0000", "1111|1111", "0101|0110", "0011|0110", "0111|0111")
CHANGES: dict[str, dict[str, dict[str, object]]] = {
    "recipe": {},
    **{
        f"cutoff {cutoff} eV": {
            "parameters": {"mode": {"name": "pw", "ecut": cutoff, "dedecut": "estimate"}}
        }
        for cutoff in (*CUTOFFS, 800)
    },
    "grid of 0.12 Å": {"parameters": {"h": 0.12}},
    "k-points 2x3x3": {"parameters": {"kpts": {"size": [2, 3, 3]}}},
    "k-points 1x2x2 with the origin": {"parameters": {"kpts": {"size": [1, 2, 2], "gamma": True}}},
    "density to 1e-6": {"parameters": {"convergence": {"density": 1e-6, "energy": 1e-6}}},
    "second start": {"order": {"skip": 1}},
    "U = 4.3 eV": {"parameters": {"setups": {"Fe": ":d,4.3,0"}}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wanted", type=Path)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    states = {f.info["order"].split(":")[1]: f for f in read_labelled(options.wanted)[:16]}
    write_labelled(options.out / "states.extxyz", [states[order] for order in ORDERS])
    base = tomllib.loads(options.settings.read_text())
    results = {}
    for name, change in CHANGES.items():
        settings = {table: {**base.get(table, {}), **change.get(table, {})} for table in
                    {*base, *change}}  # fmt: skip
        if "parameters" in change and "mode" in change["parameters"]:
            settings.pop("basis", None)  # the slopes of another cutoff
        found = computed(options.out, name, settings, options.out / "states.extxyz")
        if found:
            results[name] = found
    strained = []
    for length in STRAINS:
        state = states[ORDERS[0]].copy()
        state.set_cell(state.cell.array * length, scale_atoms=True)
        strained.append(state)
    write_labelled(options.out / "strained.extxyz", strained)
    cells = computed(options.out, "strained cells", base, options.out / "strained.extxyz")
    table = {
        "changes": compare(results),
        "slopes": slopes(results, options.settings),
        "pressures": pressures([cells[key] for key in sorted(cells)]),
    }
    (options.out / "recipe.json").write_text(json.dumps(table, indent=1) + "\n")
    (options.out / "recipe.md").write_text(markdown(table))


def computed(folder: Path, name: str, settings: dict[str, Any], states: Path) -> dict[str, Atoms]:
    """Label the states with these settings, or take what is there; frames by their source."""
    stem = folder / name.replace(" ", "_").replace("=", "").replace(".", "_")
    stem.with_suffix(".toml").write_text(toml_text(settings))
    out = stem.with_suffix(".labelled.extxyz")
    subprocess.run(
        ["redoxmc", "compute", str(states), "--out", str(out),
         "--settings", str(stem.with_suffix(".toml"))], check=False)  # fmt: skip
    return {f.info["source"]: f for f in read_labelled(out)} if out.exists() else {}


def slopes(results: dict[str, dict[str, Atoms]], settings: Path) -> list[dict[str, Any]]:
    """The slope of the energy (eV/eV and cell) with the cutoff that the plane waves amount to."""
    kpts = load_settings("gpaw", settings).parameters["kpts"]
    rows = []
    for number, order in enumerate(ORDERS):
        points = []
        for cutoff in CUTOFFS:
            frame = results.get(f"cutoff {cutoff} eV", {}).get(f"states.extxyz#{number}")
            if frame is not None:
                reached = effective_cutoff(frame.cell.array, cutoff, k_points(frame, kpts))
                points.append((reached, frame.get_potential_energy()))
        if len(points) == len(CUTOFFS):
            (x1, e1), (x2, e2) = points
            rows.append({"order": order, "eV_per_eV": (e2 - e1) / (x2 - x1)})
    return rows


def pressures(cells: list[Atoms]) -> list[dict[str, float]]:
    """Pressures (GPa) between neighbouring volumes, from energies and from stresses."""
    rows = []
    for one, two in pairwise(sorted(cells, key=lambda frame: frame.get_volume())):
        fall = one.get_potential_energy() - two.get_potential_energy()
        mean = (one.get_stress()[:3].mean() + two.get_stress()[:3].mean()) / 2
        rows.append({
            "volume_A3": (one.get_volume() + two.get_volume()) / 2,
            "of_energies_GPa": GPA * fall / (two.get_volume() - one.get_volume()),
            "of_stresses_GPa": -GPA * float(mean),
        })  # fmt: skip
    return rows


def compare(results: dict[str, dict[str, Atoms]]) -> list[dict[str, Any]]:
    """One row for each change and order: what differs from the recipe."""
    reference = results["recipe"]
    rows: list[dict[str, Any]] = []
    for name, frames in results.items():
        for number, order in enumerate(ORDERS):
            source = f"states.extxyz#{number}"
            if source not in frames or source not in reference:
                rows.append({"change": name, "order": order, "converged": source in frames})
                continue
            one, two = frames[source], reference[source]
            moments = one.get_magnetic_moments()
            ions = [k for k, s in enumerate(one.arrays[COLUMN]) if abs(moments[k]) > 1]
            forces = one.get_forces() - two.get_forces()
            rows.append({
                "change": name,
                "order": order,
                "converged": True,
                "order_kept": bool(one.info["order_kept"]),
                "iterations": int(one.info["scf_iterations"]),
                "energy_eV": one.get_potential_energy(),
                "formation_meV_per_fu": formation(frames, number),
                "formation_of_recipe_meV_per_fu": formation(reference, number),
                "forces_meV_per_A": 1000 * float(np.abs(forces).mean()),
                "stress_GPa": [round(float(v), 2) for v in
                               GPA * (one.get_stress() - two.get_stress())[:3]],
                "moments": [round(float(moments[k]), 2) for k in ions],
                "orbitals_kept": one.info.get("orbitals_kept"),
            })  # fmt: skip
    return rows


def formation(frames: dict[str, Atoms], number: int) -> float | None:
    """Formation energy from the end members, meV per formula unit; None without these."""
    ends = [frames.get(f"states.extxyz#{k}") for k in (0, 1)]
    if None in ends:
        return None
    one = frames[f"states.extxyz#{number}"]
    redox = ORDERS[number].split("|")[0]
    n, x = len(redox), redox.count("1") / len(redox)
    empty, full = (end.get_potential_energy() for end in ends if end is not None)
    return float(1000 * (one.get_potential_energy() - (1 - x) * empty - x * full) / n)


def markdown(table: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        "| change | order | iterations | formation, meV/f.u. | with the recipe | forces, meV/Å | "
        "stress xx yy zz, GPa | moments, µB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table["changes"]:
        if "energy_eV" not in row:
            lines.append(f"| {row['change']} | {row['order']} | not converged | | | | | |")
            continue
        numbers = [
            "" if row[key] is None else f"{row[key]:.1f}"
            for key in (
                "formation_meV_per_fu",
                "formation_of_recipe_meV_per_fu",
                "forces_meV_per_A",
            )
        ]
        lines.append(
            f"| {row['change']} | {row['order']} | {row['iterations']} | {' | '.join(numbers)} | "
            f"{' '.join(map(str, row['stress_GPa']))} | {' '.join(map(str, row['moments']))} |"
        )
    lines += ["", "| order | slope of the energy with the cutoff, meV/eV |", "|---|---|"]
    lines += [f"| {row['order']} | {1000 * row['eV_per_eV']:.2f} |" for row in table["slopes"]]
    lines += ["", "| volume, Å^3 | pressure of energies, GPa | of stresses, GPa |", "|---|---|---|"]
    lines += [
        f"| {row['volume_A3']:.1f} | {row['of_energies_GPa']:.2f} | {row['of_stresses_GPa']:.2f} |"
        for row in table["pressures"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
