"""From the name of an architecture and its settings to a model. Imports only the one asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redoxmc.config.reading import parse_table
from redoxmc.errors import InputError, nearest
from redoxmc.models.model import Model
from redoxmc.models.table import SpeciesRow

ARCHITECTURES = ("MACE", "CHGNet", "cPaiNN")


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
    if architecture == "MACE":
        from redoxmc.models.mace import MaceSettings, mace_from_table

        return mace_from_table(
            parse_table(MaceSettings, settings, source), table, charge_aware, seed
        )
    if architecture == "CHGNet":
        from redoxmc.models.chgnet import ChgnetSettings, chgnet_from_table

        return chgnet_from_table(
            parse_table(ChgnetSettings, settings, source), table, charge_aware, seed
        )
    if architecture == "cPaiNN":
        from redoxmc.models.cpainn import CPainnSettings, cpainn_from_table

        return cpainn_from_table(
            parse_table(CPainnSettings, settings, source), table, charge_aware, seed
        )
    raise InputError(f"architecture {architecture!r}; {nearest(architecture, ARCHITECTURES)}")


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
