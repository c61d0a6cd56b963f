"""What `import redoxmc` offers: the main job, its results, exact averages, a model in ASE."""

from pathlib import Path
from typing import TYPE_CHECKING

from redoxmc.api.sampler import Sampler
from redoxmc.campaign.enumeration import enumerate_states as _enumerate_states
from redoxmc.campaign.run import run_campaign
from redoxmc.config.campaign import Config, Source
from redoxmc.config.campaign import load_config as _load_config
from redoxmc.data.session_calculator import SessionCalculator
from redoxmc.engines.lammps import LammpsSession
from redoxmc.model_card import load_card
from redoxmc.report.loading import Results, load_results
from redoxmc.results.states import Enumeration

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

__all__ = ["Sampler", "calculator", "enumerate_states", "load", "load_config", "run"]


def load_config(config: Source) -> Config:
    """Read and check a campaign: a TOML file, or its tables as a dict.

    Relative paths are relative to the file, or to the working directory. What comes back can be
    looked at and changed (`config.model_copy`), and every function that takes a config takes it.
    """
    return _load_config(config)


def run(config: Source, out: Path | str, *, resume: bool = False) -> Results:
    """Run a campaign into the folder `out`, or continue the one there, and return its results.

    A campaign that a signal or a file STOP ended has `summary.complete` False.
    """
    run_campaign(config, Path(out), resume=resume)
    return load_results(out)


def load(folder: Path | str) -> Results:
    """Return the results in a folder, finished or not; nothing is written."""
    return load_results(folder)


def enumerate_states(config: Source) -> Enumeration:
    """Relax every distinct order of a small cell and return exact Boltzmann averages."""
    return _enumerate_states(config)


def calculator(model: Path | str) -> "Calculator":
    """Return a model folder as an ASE calculator, for atoms with the array `charge_state`."""
    return SessionCalculator(LammpsSession(load_card(Path(model))))
