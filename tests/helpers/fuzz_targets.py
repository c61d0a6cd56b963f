"""What is fuzzed: for each kind of file, a damaged one, what reads it, and what may come out."""

import os
import random
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dft_files import frames, write_outcar, write_vasprun
from fuzz_mutate import damage_bytes, damage_text, damage_zip

from redoxmc.campaign.system import load_system
from redoxmc.data.assign import Rules
from redoxmc.data.label import label_files
from redoxmc.io.extxyz import write_labelled
from redoxmc.io.geometry import check_geometry
from redoxmc.io.structure import read_structure
from redoxmc.model_card import load_card
from redoxmc.species import Species

REPO = Path(__file__).resolve().parents[2]
OLIVINE = REPO / "lammps_inputs" / "olivine_nafepo4"
POTENTIALS = REPO / "potentials"
CONFIG = """
[host]
structure = "host.cif"
supercell = [1, 2, 1]
[redox]
reduced = "Fe2+"
oxidised = "Fe3+"
[ions]
species = "Na+"
concentrations = [0.0, 0.25, 0.5]
ordering = "ewald"
metal_energy = -1.3
[model]
path = "model"
[relax]
start = "reference"
cell = "per_x"
force_tolerance = 1e-3
stress_tolerance = 1e-4
site_tolerance = 1.0
max_iterations = 2000
[sampling]
ensemble = "relaxed"
temperatures = [300.0, 600.0]
steps = 2000
seeds = [1, 2]
uniform_draws = 5
standard_error = 0.01
burn_in = 0.1
audit = 0.02
annealing = {start = 900.0, steps = 100}
[sampling.moves]
charge_swap = 1.0
neighbour_swap = 0.5
[parallel]
ranks_per_replica = 1
sync_seconds = 5.0
"""
MD = """
[md]
time_step = 2.0
damping = 100.0
segment = 10
protocol_steps = "auto"
site_tolerance = 1.0
"""
_NOT_IN_MD = ("uniform_draws", "standard_error", "audit", "annealing", "site_")
SPECIES = [Species.parse(name) for name in ("Na+", "Fe2+", "Fe3+", "P5+", "O2-")]


class ImplausibleError(AssertionError):
    """Something was accepted that cannot be right."""


def demand(condition: object, what: str) -> None:
    if not condition:
        raise ImplausibleError(what)


@dataclass(frozen=True)
class Target:
    """prepare: writes a damaged file into a folder. read: reads it; raises or returns."""

    prepare: Callable[[Path, random.Random], None]
    read: Callable[[Path], None]


def _campaign(folder: Path, config: str, host: str) -> None:
    (folder / "campaign.toml").write_text(config, encoding="utf-8", errors="replace")
    (folder / "host.cif").write_text(host, encoding="utf-8", errors="replace")
    model = folder / "model"
    model.mkdir()
    shutil.copytree(POTENTIALS / "reference", model, dirs_exist_ok=True)


def _prepare_config(folder: Path, rng: random.Random) -> None:
    text = CONFIG
    if rng.random() < 0.3:
        lines = (
            "uniform_draws",
            "standard_error",
            "audit",
            "annealing",
            "start =",
            "neighbour",
            "site_",
        )
        kept = [line for line in CONFIG.split("\n") if not line.startswith(lines)]
        text = "\n".join(kept).replace('"relaxed"', '"md"') + MD
    _campaign(folder, damage_text(text, rng), (OLIVINE / "host.cif").read_text(encoding="utf-8"))


def _prepare_cif(folder: Path, rng: random.Random) -> None:
    host = (OLIVINE / "host.cif").read_text(encoding="utf-8")
    _campaign(folder, CONFIG.replace("[1, 2, 1]", "[1, 1, 1]"), damage_text(host, rng))


def _read_campaign(folder: Path) -> None:
    system = load_system(folder / "campaign.toml")
    config, lattice = system.config, system.lattice
    numbers = [*config.sampling.temperatures, *config.ions.concentrations]
    demand(np.isfinite(numbers).all(), "a temperature or concentration is not finite")
    demand(all(0 < t <= 1e7 for t in config.sampling.temperatures), "a temperature")
    demand(0 < config.relax.force_tolerance <= 1, "the force tolerance")
    demand(len(set(system.counts.values())) == len(config.ions.concentrations), "equal counts")
    demand(np.isfinite(lattice.scaled).all(), "a site is not finite")
    volume = np.linalg.det(lattice.cell)
    demand(volume > 2 * len(lattice.species), f"the volume {volume}")
    demand(len(lattice.species) < 10**6, "the number of sites")
    for n_ions in system.counts.values():
        demand(lattice.n_reduced(n_ions) is not None, "a count that is not neutral")


def _model_folder(folder: Path, name: str) -> Path:
    model = folder / "model"
    shutil.copytree(POTENTIALS / name, model)
    return model


def _prepare_card(folder: Path, rng: random.Random) -> None:
    model = _model_folder(folder, rng.choice(("reference", "mace-nafepo4-small")))
    path = model / rng.choice(("card.toml", "card.toml", "potential.lmp"))
    if not path.exists():
        path = model / "card.toml"
    text = damage_text(path.read_text(encoding="utf-8"), rng)
    path.write_text(text, encoding="utf-8", errors="replace")


def _read_card(folder: Path) -> None:
    card = load_card(folder / "model")
    demand(len(set(card.species)) == len(card.species) > 0, "the species")
    demand(all(0.3 <= b.mean <= 10 for b in card.bonds.values()), "a bond length")
    demand(all(abs(q) <= 20 for q in card.lammps_charges.values()), "a charge")
    demand(len(card.identity) == 64, "the identity")
    for line in card.commands.lines:
        first = line.split()[0]
        demand(first.startswith(("pair_", "kspace_", "neigh", "special_", "diel", "comm_")), line)


def _prepare_model(folder: Path, rng: random.Random) -> None:
    path = _model_folder(folder, "mace-nafepo4-small") / "model.pt"
    data = path.read_bytes()
    if rng.random() < 0.6:
        path.write_bytes(damage_zip(data, "redoxmc.json", rng))
    else:
        path.write_bytes(damage_bytes(data, rng))


def _read_model(folder: Path) -> None:
    """As a run does: the card, then another process that opens the file (here: this one)."""
    load_card(folder / "model")
    from redoxmc.models.probe import open_and_evaluate

    open_and_evaluate(folder / "model" / "model.pt")


def _prepare_extxyz(folder: Path, rng: random.Random) -> None:
    path = folder / "state.extxyz"
    text = (POTENTIALS / "mace-nafepo4-small" / "example.extxyz").read_text(encoding="utf-8")
    path.write_text(damage_text(text, rng), encoding="utf-8", errors="replace")


def _read_extxyz(folder: Path) -> None:
    path = folder / "state.extxyz"
    atoms = read_structure(path, SPECIES)
    check_geometry(path, atoms)
    states = [Species.parse(str(name)) for name in atoms.arrays["charge_state"]]
    demand(sum(one.charge for one in states) == 0, "the charge")
    demand([one.element for one in states] == list(atoms.symbols), "the elements")


def _prepare_outcar(folder: Path, rng: random.Random) -> None:
    path = folder / "OUTCAR"
    write_outcar(path, frames(2))
    path.write_text(damage_text(path.read_text(), rng), encoding="utf-8", errors="replace")


def _prepare_vasprun(folder: Path, rng: random.Random) -> None:
    path = folder / "vasprun.xml"
    write_vasprun(path, frames(2))
    path.write_text(damage_text(path.read_text(), rng), encoding="utf-8", errors="replace")


def _prepare_labelled(folder: Path, rng: random.Random) -> None:
    path = folder / "frames.extxyz"
    write_labelled(path, frames(2))
    path.write_text(damage_text(path.read_text(), rng), encoding="utf-8", errors="replace")


def _read_dft(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        result = label_files([folder / name], Rules())
        demand(result.read == len(result.frames) + len(result.dropped), "frames got lost")
        for frame in result.frames:
            results = frame.calc.results
            demand(np.isfinite(frame.positions).all(), "a position")
            demand(np.isfinite(results["forces"]).all(), "a force")
            demand(abs(results["energy"]) < 1e6, "the energy")
            states = [Species.parse(str(one)) for one in frame.arrays["charge_state"]]
            demand(sum(one.charge for one in states) == 0, "the charge")
        for dropped in result.dropped:
            demand(dropped.reason and "\n" not in dropped.reason, "a reason")

    return read


TARGETS = {
    "config": Target(_prepare_config, _read_campaign),
    "cif": Target(_prepare_cif, _read_campaign),
    "card": Target(_prepare_card, _read_card),
    "model": Target(_prepare_model, _read_model),
    "extxyz": Target(_prepare_extxyz, _read_extxyz),
    "outcar": Target(_prepare_outcar, _read_dft("OUTCAR")),
    "vasprun": Target(_prepare_vasprun, _read_dft("vasprun.xml")),
    "labelled": Target(_prepare_labelled, _read_dft("frames.extxyz")),
}


def warm_up() -> None:
    """Import what the targets need before processes are forked."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import ase.io.cif
    import ase.io.vasp
    import pymatgen.io.cif
    import pymatgen.optimization.neighbors
    import scipy.spatial
    import spglib
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    del ase, pymatgen, scipy, spglib
