"""One material: run, enumerated, and the visits of the run held against the enumeration."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import redoxmc
from redoxmc.thermo.entropy import boltzmann_probabilities
from study_tools.cif import write_cif
from twelve.hosts import Material
from twelve.toy import write_model

THIN = 20  # attempted moves between two visits that count
LEAST = 8  # expected visits of a group of states


@dataclass(frozen=True)
class Outcome:
    """A row of the table."""

    material: Material
    sites: str  # redox sites, and ion sites where there are any
    states: int  # distinct ones, of all compositions
    orders: int  # which these stand for
    failed: int  # distinct ones that do not relax: left out of both
    p: float  # of the visits of all compositions together
    points: list[tuple[float, float, bool]]  # x, formation energy (eV/f.u.), on the hull
    minutes: float  # of this machine, for all of it


def compare(material: Material, folder: Path, steps: int) -> Outcome:
    """Run and enumerate a material in a folder. steps: attempted moves of each of two seeds."""
    began = time.monotonic()
    config = tables(material, folder, steps)
    exact = redoxmc.enumerate_states(config)
    results = redoxmc.run(config, folder / "run")
    host = results.summary.host
    sites = [host.n_redox_sites, host.n_ion_sites]
    thermo = results.summary.thermo
    points = [
        (row.x, row.formation_energy_eV_per_fu, bool(row.on_hull))
        for row in thermo
        if row.formation_energy_eV_per_fu is not None
    ]
    return Outcome(
        material,
        " + ".join(str(number) for number in sites if number),
        len(exact.states),
        sum(state.degeneracy for state in exact.states),
        len(exact.failed),
        p_value(exact, results, material.temperature),
        points if len({x for x, *_ in points}) > 1 else [],
        (time.monotonic() - began) / 60,
    )


def tables(material: Material, folder: Path, steps: int) -> dict[str, Any]:
    """Write the host and the model into a folder; returns the tables of the campaign."""
    folder.mkdir(parents=True)
    write_cif(folder / "host.cif", material.cell, material.sites)
    write_model(folder / "model", material.bonds, material.ligand)
    sampling = {"temperatures": [material.temperature], "steps": steps, "seeds": [1, 2]}
    config = {
        "host": {"structure": str(folder / "host.cif"), "supercell": material.supercell},
        "redox": material.redox,
        "model": {"path": str(folder / "model")},
        "relax": {"cell": "fixed"},
        "sampling": sampling | ({"moves": material.moves} if material.moves else {}),
    }
    return config | ({"ions": material.ions} if material.ions else {})


def p_value(exact: Any, results: Any, temperature: float) -> float:
    """Chi-square of the visits of all compositions together, rare states of one x pooled.

    nan where no composition has two groups of states.
    """
    from scipy.stats import chi2

    traces = results.to_dataframe("traces")
    statistic, freedom = 0.0, 0
    for x in sorted({state.x for state in exact.states}):
        here = [state for state in exact.states if state.x == x]
        energies = np.array([state.energy_eV for state in here])
        degeneracies = np.array([state.degeneracy for state in here])
        weights = boltzmann_probabilities(energies, degeneracies, temperature)
        replicas = [run for run in traces["replica"].unique() if run.startswith(f"x{x:.6g}_")]
        visits: Counter[str] = Counter()
        for replica in replicas:
            visits.update(traces[traces["replica"] == replica]["key"].iloc[10 * THIN :: THIN])
        total = sum(visits.values())
        observed = np.array([visits[state.key] for state in here], dtype=float)
        assert observed.sum() == total, "a visited state is not among the enumerated ones"
        part, groups = _chi_square(observed, np.array(weights) * total)
        statistic, freedom = statistic + part, freedom + groups - 1
    return float(chi2.sf(statistic, freedom)) if freedom else float("nan")


def _chi_square(observed: np.ndarray, expected: np.ndarray) -> tuple[float, int]:
    """The statistic and the number of groups: states of LEAST visits, and the others together."""
    common = expected >= LEAST
    seen, wanted = list(observed[common]), list(expected[common])
    if (~common).any():
        seen.append(observed[~common].sum())
        wanted.append(expected[~common].sum())
        if wanted[-1] < LEAST and len(wanted) > 1:  # too few to count: to the rarest of the others
            rarest = int(np.argmin(wanted[:-1]))
            wanted[rarest] += wanted.pop()
            seen[rarest] += seen.pop()
    if len(seen) < 2:
        return 0.0, 1
    difference = np.array(seen) - np.array(wanted)
    return float((difference**2 / np.array(wanted)).sum()), len(seen)
