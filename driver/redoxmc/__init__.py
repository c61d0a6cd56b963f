"""Charge-order Monte Carlo for mixed-valence materials, with LAMMPS as the engine.

    results = redoxmc.run("campaign.toml", "results/first")      # the main job
    results = redoxmc.load("results/first")                      # what a job has left
    results.to_dataframe("thermo")                               # also "runs", "states", "traces"
    results.observe(lambda state: state.atoms.get_volume())      # your own averages
    exact = redoxmc.enumerate_states("campaign.toml")            # a small cell, exactly
    sampler = redoxmc.Sampler("campaign.toml")                   # without a folder of results:
    sampler.energy("0110|1100"), sampler.walk(x=0.5, temperature=600.0, steps=100)
    atoms.calc = redoxmc.calculator("potentials/cpainn-nafepo4")   # a model in ASE

A config is a TOML file, the same tables as a dict, or what load_config has made of them. Under
mpirun every rank makes the same calls. Bad input raises redoxmc.errors.InputError. A move of your
own is a class named in the config as "module:Class" (redoxmc.moves.base.Move). The same from a
shell: redoxmc --help.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
# not __all__, which would have help() list them a second time; their types are in __init__.pyi
_PUBLIC = ("Sampler", "calculator", "enumerate_states", "load", "load_config", "run")


def __getattr__(name: str) -> Any:
    """Take public names from `redoxmc.api` when they are asked for: the import costs seconds."""
    if name in _PUBLIC:
        return getattr(importlib.import_module("redoxmc.api"), name)
    raise AttributeError(f"module 'redoxmc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
