"""From the name of an architecture and its settings to a model. Imports only the one asked for."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redoxmc.config.reading import parse_table
from redoxmc.errors import InputError, nearest
from redoxmc.models.model import Model
from redoxmc.models.table import SpeciesRow

_MODULES = {  # module, schema of its settings, builder
    "MACE": ("mace", "MaceSettings", "mace_from_table"),
    "CHGNet": ("chgnet", "ChgnetSettings", "chgnet_from_table"),
    "cPaiNN": ("cpainn", "CPainnSettings", "cpainn_from_table"),
}
ARCHITECTURES = tuple(_MODULES)


def build_model(
    architecture: str,
    settings: dict[str, Any],
    table: tuple[SpeciesRow, ...],
    charge_aware: bool,
    seed: int,
    source: Path = Path("[model]"),
) -> Model:
    """Build a float64 model with random weights from the seed.

    source: the file that the settings come from, for the message of the InputError that an unknown
    key or a bad value raises.
    """
    if architecture not in _MODULES:
        raise InputError(f"architecture {architecture!r}; {nearest(architecture, ARCHITECTURES)}")
    name, schema, build = _MODULES[architecture]
    module = importlib.import_module(f"redoxmc.models.{name}")
    checked = parse_table(getattr(module, schema), settings, source)
    model: Model = getattr(module, build)(checked, table, charge_aware, seed)
    return model


def measured_settings(architecture: str, neighbours: float, rms_force: float) -> dict[str, float]:
    """Settings taken from the training set: mean neighbours in r_cut, root mean square force."""
    if architecture == "MACE":
        return {"avg_num_neighbors": neighbours, "scale": rms_force}
    if architecture == "cPaiNN":
        return {"scale": rms_force}
    return {}


def own_references(
    architecture: str, settings: Mapping[str, Any], table: tuple[SpeciesRow, ...]
) -> dict[str, float] | None:
    """Reference energies (eV, by species name) that pretrained weights go with, else None."""
    if architecture == "CHGNet" and settings.get("pretrained", True):
        from redoxmc.models.chgnet import chgnet_references

        return chgnet_references(table)
    return None
