"""What is fuzzed: for each kind of file, a damaged one, what reads it, and what may come out."""

import os
import random
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fuzz_mutate as mutate
import numpy as np
from dft_files import frames, write_outcar, write_vasprun
from fuzz_stored import (
    prepare_checkpoint,
    prepare_results,
    prepare_training,
    read_checkpoint,
    read_results,
    read_training,
)
from fuzz_verdict import demand

from redoxmc.campaign.system import load_system
from redoxmc.config.reading import parse_table
from redoxmc.config.training import load_training_config
from redoxmc.data.assign import Rules
from redoxmc.data.label import label_files
from redoxmc.errors import InputError
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


@dataclass(frozen=True)
class Target:
    """prepare: writes a damaged file into a folder. read: reads it; raises or returns.

    what: is read, for the table.
    """

    prepare: Callable[[Path, random.Random], None]
    read: Callable[[Path], None]
    what: str


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
    damage = mutate.damage_settings if rng.random() < 0.8 else mutate.damage_text
    _campaign(folder, damage(text, rng), (OLIVINE / "host.cif").read_text(encoding="utf-8"))


def _prepare_cif(folder: Path, rng: random.Random) -> None:
    host = (OLIVINE / "host.cif").read_text(encoding="utf-8")
    _campaign(folder, CONFIG.replace("[1, 2, 1]", "[1, 1, 1]"), mutate.damage_text(host, rng))


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
    settings = path.suffix == ".toml" and rng.random() < 0.7
    damage = mutate.damage_settings if settings else mutate.damage_text
    text = damage(path.read_text(encoding="utf-8"), rng)
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
        path.write_bytes(mutate.damage_zip(data, "redoxmc.json", rng))
    else:
        path.write_bytes(mutate.damage_bytes(data, rng))


def _read_model(folder: Path) -> None:
    """As a run does: the card, then another process that opens the file (here: this one)."""
    load_card(folder / "model")
    from redoxmc.models.probe import open_and_evaluate

    open_and_evaluate(folder / "model" / "model.pt")


def _prepare_extxyz(folder: Path, rng: random.Random) -> None:
    path = folder / "state.extxyz"
    text = (POTENTIALS / "mace-nafepo4-small" / "example.extxyz").read_text(encoding="utf-8")
    path.write_text(mutate.damage_text(text, rng), encoding="utf-8", errors="replace")


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
    path.write_text(mutate.damage_text(path.read_text(), rng), encoding="utf-8", errors="replace")


def _prepare_vasprun(folder: Path, rng: random.Random) -> None:
    path = folder / "vasprun.xml"
    write_vasprun(path, frames(1))  # projections are the last step's
    path.write_text(mutate.damage_text(path.read_text(), rng), encoding="utf-8", errors="replace")


def _prepare_labelled(folder: Path, rng: random.Random) -> None:
    path = folder / "frames.extxyz"
    write_labelled(path, frames(2))
    path.write_text(mutate.damage_text(path.read_text(), rng), encoding="utf-8", errors="replace")


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
            raise InputError(f"{dropped.file}, frame {dropped.frame}: {dropped.reason}.")

    return read


def _prepare_settings(folder: Path, rng: random.Random) -> None:
    name = rng.choice(("mace-nafepo4-small", "chgnet-nafepo4", "cpainn-nafepo4"))
    text = (POTENTIALS / name / "train.toml").read_text(encoding="utf-8")
    damage = mutate.damage_settings if rng.random() < 0.8 else mutate.damage_text
    (folder / "train.toml").write_text(damage(text, rng), encoding="utf-8", errors="replace")


def _read_settings(folder: Path) -> None:
    """The file of a training, and its settings of the architecture."""
    config = load_training_config(folder / "train.toml")
    opt, loss = config.optimizer, config.loss
    parse_table(_architectures()[config.architecture], config.model, folder / "train.toml")
    numbers = [opt.learning_rate, opt.final_learning_rate, opt.gradient_clip, loss.delta]
    demand(np.isfinite([*numbers, loss.energy, loss.forces]).all(), "a number is not finite")
    demand(len(set(config.species)) == len(config.species), "a species twice")


def _architectures() -> dict[str, Any]:
    from redoxmc.models.chgnet import ChgnetSettings
    from redoxmc.models.cpainn import CPainnSettings
    from redoxmc.models.mace import MaceSettings

    return {"MACE": MaceSettings, "CHGNet": ChgnetSettings, "cPaiNN": CPainnSettings}


_RUN = "results.h5 of Monte Carlo or dynamics"
TARGETS = {
    "config": Target(_prepare_config, _read_campaign, "campaign.toml, up to the lattice"),
    "cif": Target(_prepare_cif, _read_campaign, "host.cif of a campaign, up to the lattice"),
    "card": Target(_prepare_card, _read_card, "card.toml or potential.lmp of a model"),
    "model": Target(_prepare_model, _read_model, "model.pt, up to an energy"),
    "extxyz": Target(_prepare_extxyz, _read_extxyz, "a structure with charge states"),
    "outcar": Target(_prepare_outcar, _read_dft("OUTCAR"), "OUTCAR, by `redoxmc label`"),
    "vasprun": Target(_prepare_vasprun, _read_dft("vasprun.xml"), "vasprun.xml, by `label`"),
    "labelled": Target(_prepare_labelled, _read_dft("frames.extxyz"), "frames, by `label`"),
    "results": Target(prepare_results, read_results, _RUN),
    "checkpoint": Target(prepare_checkpoint, read_checkpoint, f"{_RUN}, to be resumed"),
    "training": Target(prepare_training, read_training, "last.pt of a training, up to its model"),
    "settings": Target(_prepare_settings, _read_settings, "train.toml, with its [model]"),
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
    _architectures()
    del ase, pymatgen, scipy, spglib
