"""The model card: what a model folder says about itself, readable without torch."""

import hashlib
import json
import tomllib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redoxmc.errors import InputError
from redoxmc.species import Species

FORMAT = 1  # of redoxmc.json inside model.pt and of card.toml
METADATA = "redoxmc.json"


@dataclass(frozen=True)
class Bonds:
    """Coordination of a redox species in the training data: where a start puts its ligands.

    mean: mean distance to the nearest ligands in Å. coordination: how many. ligand: their species.
    """

    mean: float
    coordination: int
    ligand: Species


@dataclass(frozen=True)
class ModelCard:
    """What the driver knows of a model.

    folder: where it lies. species: the species table; LAMMPS type i+1 is species[i].
    bonds: by species name. lammps_charges: partial charges (e) of a classical model, by species
    name, empty for a learned one. sha256: of the file that determines energies.
    """

    folder: Path
    name: str
    architecture: str
    charge_aware: bool
    species: tuple[Species, ...]
    bonds: dict[str, Bonds]
    sha256: str
    lammps_charges: dict[str, float] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def is_classical(self) -> bool:
        """True for stock LAMMPS styles in `potential.lmp`, False for a TorchScript `model.pt`."""
        return self.architecture == "classical"

    @property
    def energy_file(self) -> Path:
        """What determines energies: `model.pt`, or `potential.lmp` of a classical model."""
        return self.folder / ("potential.lmp" if self.is_classical else "model.pt")


def read_metadata(model: Path) -> dict[str, Any]:
    """Read `redoxmc.json` from a TorchScript file without loading it.

    Raises InputError where the file is missing, truncated, not ours, or of a newer format.
    """
    try:
        with zipfile.ZipFile(model) as archive:
            names = [n for n in archive.namelist() if n.endswith(f"/extra/{METADATA}")]
            if not names:
                raise InputError(
                    f"{model} carries no {METADATA}: it was not written by 'redoxmc export'."
                )
            data: dict[str, Any] = json.loads(archive.read(names[0]))
    except FileNotFoundError:
        raise InputError(f"{model} does not exist; a model folder holds model.pt.") from None
    except (zipfile.BadZipFile, OSError, json.JSONDecodeError) as error:
        raise InputError(f"{model} is not a complete TorchScript model ({error}).") from None
    if data.get("format", 0) > FORMAT:
        raise InputError(
            f"{model} has format {data['format']}; this redoxmc reads up to {FORMAT}: update it."
        )
    return data


def load_card(folder: Path) -> ModelCard:
    """Read and check `card.toml` of a model folder and the presence of its energy file.

    Raises InputError with one sentence where something is missing or malformed.
    """
    path = folder / "card.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; a model folder holds card.toml.") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    if raw.get("format", 0) > FORMAT:
        raise InputError(f"{path} has format {raw['format']}; this redoxmc reads up to {FORMAT}.")
    try:
        species = tuple(Species.parse(name) for name in raw["species"])
        bonds = {
            name: Bonds(float(b["mean_A"]), int(b["coordination"]), Species.parse(b["ligand"]))
            for name, b in raw.get("bonds", {}).items()
        }
        architecture, aware = str(raw["architecture"]), bool(raw["charge_aware"])
    except KeyError as error:
        raise InputError(f"{path} lacks the key {error}.") from None
    charges = {k: float(v) for k, v in raw.get("lammps_charges", {}).items()}
    card = ModelCard(
        folder.resolve(),
        folder.resolve().name,
        architecture,
        aware,
        species,
        bonds,
        "",
        charges,
        raw,
    )
    if not card.is_classical:
        names = [s["name"] for s in read_metadata(card.energy_file)["species"]]
        if names != [str(s) for s in species]:
            raise InputError(f"{path}: species {list(map(str, species))} but model.pt has {names}.")
    try:
        digest = hashlib.sha256(card.energy_file.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise InputError(f"{card.energy_file} does not exist.") from None
    return ModelCard(**{**card.__dict__, "sha256": digest})
