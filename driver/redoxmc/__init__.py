"""Charge-order Monte Carlo for mixed-valence materials, with LAMMPS as the engine.

    import redoxmc

    results = redoxmc.run("campaign.toml", "results/first")      # the main job
    results = redoxmc.load("results/first")                      # what a job has left
    results.to_dataframe("thermo")                               # also "runs", "states", "traces"
    results.observe(lambda state: state.atoms.get_volume())      # your own averages
    exact = redoxmc.enumerate_states("campaign.toml")            # a small cell, exactly
    atoms.calc = redoxmc.calculator("potentials/mace-nafepo4")   # a model in ASE

A campaign is a TOML file, or the same tables as a dict. Under `mpirun` every rank makes the same
calls. Bad input raises `redoxmc.errors.InputError`. The same from a shell: `redoxmc --help`.
A move of your own is a class named in the config as "module:Class" (`redoxmc.moves.base.Move`).
"""

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["calculator", "enumerate_states", "load", "run"]


def __getattr__(name: str) -> Any:
    """Take public names from `redoxmc.api` when they are asked for: the import costs seconds."""
    if name in __all__:
        return getattr(importlib.import_module("redoxmc.api"), name)
    raise AttributeError(f"module 'redoxmc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
