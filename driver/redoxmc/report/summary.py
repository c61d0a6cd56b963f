"""summary.json, the structures and everything else that is derived from a store."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.data.extxyz import write_labelled
from redoxmc.errors import InputError
from redoxmc.report.analysis import Analysis
from redoxmc.report.figures import write_figures
from redoxmc.report.page import write_page
from redoxmc.results.files import write_atomically
from redoxmc.results.store import Store, load, merge, save
from redoxmc.structures.lattice import occupancy_of_key
from redoxmc.thermo.voltage import voltage_profile


def write_report(store: Store, out: Path) -> dict[str, Any]:
    """Write summary.json, structures/ and plots/ of a store into `out`; returns the summary."""
    analysis = Analysis.of(store)
    structures = _write_structures(analysis, out)
    summary = summarize(analysis, structures)
    write_atomically(out / "summary.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
    plots = write_figures(analysis, summary, out / "plots")
    write_page(summary, store.header["config"], plots, out / "report.html")
    return summary


def analyze(folders: Sequence[Path], out: Path | None = None) -> dict[str, Any]:
    """Recompute everything derived from the results in a folder; returns the summary.

    Several folders, of one config with different concentrations, are merged into `out`, which they
    need then. Raises InputError where they do not fit together.
    """
    stores = [load(folder / "results.h5") for folder in folders]
    if len(stores) == 1:
        return write_report(stores[0], out or folders[0])
    if out is None:
        raise InputError(
            "analyze: several folders need --out, the folder where they come together."
        )
    if out.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"analyze: --out {out} is one of the folders to merge; choose another.")
    merged = merge(stores, [str(folder) for folder in folders])
    save(merged, out / "results.h5")
    return write_report(merged, out)


def summarize(analysis: Analysis, structures: dict[str, str]) -> dict[str, Any]:
    """The content of summary.json. structures: file of the best structure by name of the chain."""
    store, lattice = analysis.store, analysis.lattice
    versions = store.header["versions"]
    return {
        "schema": 1,
        "complete": store.complete,
        "versions": {name: versions[name] for name in ("redoxmc", "lammps", "torch")},
        "model": store.header["model"],
        "host": {
            "formula": lattice.formula,
            "n_redox_sites": lattice.n_redox,
            "n_ion_sites": lattice.n_ions,
        },
        "distinct_states": len(store.cache),
        "failed_states": [
            {"key": key, "reason": entry.reason}
            for key, entry in store.cache.entries.items()
            if entry.energy is None
        ],
        "exchanges": [
            {
                "x": ladder.chains[0].x,
                "seed": ladder.chains[0].seed,
                "temperatures_K": [chain.temperature for chain in ladder.chains],
                "tried": ladder.tried,
                "accepted": ladder.accepted,
            }
            for ladder in store.ladders
            if len(ladder.chains) > 1
        ],
        "runs": [analysis.run_record(chain, structures.get(chain.name)) for chain in store.chains],
        "thermo": analysis.thermo_records(),
        "voltage": _voltage(analysis),
    }


def _voltage(analysis: Analysis) -> list[dict[str, Any]]:
    """Plateaus between the lowest energies found (0 K); null without a reference for the metal."""
    lowest: dict[float, float] = {}
    for chain in analysis.store.chains:
        trace = analysis.store.traces.get(chain.name)
        if trace and trace.energies:
            energy = min(trace.energies) / analysis.lattice.formula_units
            lowest[chain.x] = min(energy, lowest.get(chain.x, np.inf))
    if len(lowest) < 2:
        return []
    x = sorted(lowest)
    ion = analysis.lattice.species[analysis.lattice.ion_sites[0]].charge
    metal = analysis.config["ions"]["metal_energy"]
    # x counts ions per redox site; a formula unit holds one redox site or more
    per_unit = analysis.lattice.n_redox / analysis.lattice.formula_units
    plateaus = voltage_profile([v * per_unit for v in x], [lowest[v] for v in x], metal, ion)
    return [
        {
            "x_low": p.x_low / per_unit,
            "x_high": p.x_high / per_unit,
            "temperature_K": 0.0,
            "voltage_V": p.voltage,
        }
        for p in plateaus
    ]


def _write_structures(analysis: Analysis, out: Path) -> dict[str, str]:
    """Best and final state of every chain; returns the best ones' files relative to `out`."""
    written = {}
    for chain in analysis.store.chains:
        trace = analysis.store.traces.get(chain.name)
        if trace is None or not trace.energies:
            continue
        best = trace.keys[int(np.argmin(trace.energies))]
        for what, key in (("best", best), ("final", chain.key)):
            atoms = relaxed_atoms(analysis, key)
            if atoms is None:
                continue
            name = f"structures/{chain.name}_{what}.extxyz"
            write_labelled(out / name, [atoms])
            if what == "best":
                written[chain.name] = name
    return written


def relaxed_atoms(analysis: Analysis, key: str) -> Any:
    """The relaxed canonical structure of a state as ase.Atoms, None where it is not kept."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    entry = analysis.store.cache[key]
    if entry.energy is None or entry.positions is None:
        return None
    _, species = analysis.lattice.atoms(occupancy_of_key(key))
    atoms = Atoms([s.element for s in species], entry.positions, cell=entry.cell, pbc=True)
    atoms.arrays["charge_state"] = np.array([str(s) for s in species])
    atoms.info["state"] = key
    atoms.calc = SinglePointCalculator(atoms, energy=entry.energy)
    return atoms
