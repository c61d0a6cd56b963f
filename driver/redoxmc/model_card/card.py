"""The model card: what the driver knows of a model, checked against the model's own file."""

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redoxmc.errors import InputError
from redoxmc.model_card.commands import Commands, read_commands
from redoxmc.model_card.fields import Fields
from redoxmc.model_card.lammps_types import check_types, needs_charges
from redoxmc.model_card.metadata import FORMAT, read_metadata
from redoxmc.model_card.tables import (
    Bonds,
    Metal,
    read_bonds,
    read_charges,
    read_metal,
    read_reference_energies,
)
from redoxmc.species import Species


@dataclass(frozen=True)
class ModelCard:
    """What the driver knows of a model."""

    folder: Path  # where it lies
    name: str
    architecture: str
    charge_aware: bool
    species: tuple[Species, ...]  # the species table; LAMMPS type i+1 is species[i]
    bonds: dict[str, Bonds]  # by species name
    sha256: str  # of the file that determines energies
    # partial charges (e) of a classical model, by species name, empty for a learned one
    lammps_charges: dict[str, float] = field(default_factory=dict)
    # of a classical model, eV that each ion of a species adds: how much easier a couple is oxidised
    # than another, which no pair potential says. Empty for a learned one, whose file holds them
    reference_energies: dict[str, float] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)  # the whole card
    metal: Metal | None = None  # the zero of voltages, where the card has it
    # hash of all that determines energies: also the card's bonds and charges, and what a potential
    # reads
    identity: str = ""
    commands: Commands = field(default_factory=lambda: Commands((), ()))  # of a classical model

    @property
    def is_classical(self) -> bool:
        """True for stock LAMMPS styles in `potential.lmp`, False for a TorchScript `model.pt`."""
        return self.architecture == "classical"

    def reference_energy(self, species: Sequence[Species]) -> float:
        """What reference energies of a classical model add for these atoms, eV."""
        if not self.reference_energies:
            return 0.0
        counts = Counter(map(str, species))
        return sum(self.reference_energies.get(name, 0.0) * n for name, n in sorted(counts.items()))

    @property
    def without_bonds(self) -> list[str]:
        """Names of the charge states that have no bond lengths, and so no reference start."""
        return [name for name in redox_species(self.species) if name not in self.bonds]

    @property
    def energy_file(self) -> Path:
        """What determines energies: `model.pt`, or `potential.lmp` of a classical model."""
        return self.folder / ("potential.lmp" if self.is_classical else "model.pt")

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that LAMMPS reads, relative to the folder."""
        return self.commands.files if self.is_classical else ("model.pt",)


def load_card(folder: Path) -> ModelCard:
    """Read and check `card.toml` of a model folder, and its energy file against it.

    Raises InputError with one sentence where something is missing, malformed or contradictory:
    what `model.pt` says of itself counts.
    """
    path = folder / "card.toml"
    fields = Fields(path, _read_toml(path))
    written = fields.count("format", 0, 10**6, 0)
    if written > FORMAT:
        raise InputError(f"{path} has format {written}; this redoxmc reads up to {FORMAT}.")
    species = tuple(fields.as_species("species", name) for name in fields.listed("species"))
    if len(set(species)) != len(species):
        raise InputError(f"{path}: species {_names(species)} hold one twice.")
    architecture, aware = fields.text("architecture"), fields.flag("charge_aware")
    energy_file = folder / ("potential.lmp" if architecture == "classical" else "model.pt")
    commands = Commands((), ())
    if architecture == "classical":
        commands = read_commands(energy_file)
        check_types(energy_file, commands, species)
    else:
        _compare(path, fields, species, read_metadata(energy_file))
    bonds = read_bonds(fields.table("bonds"), species)
    charges = read_charges(fields, species, architecture)
    if not charges and needs_charges(commands):
        raise InputError(
            f"{path}: potential.lmp has Coulomb forces, but there is no table [lammps_charges]; "
            f"give the charge (e) of every species: {_names(species)}."
        )
    _check_example(fields)
    resolved = folder.resolve()
    name, raw = resolved.name, fields.data
    energies = read_reference_energies(fields, species, architecture)
    metal = read_metal(fields.table("metal"))
    card = ModelCard(
        resolved, name, architecture, aware, species, bonds, "", charges, energies, raw, metal
    )
    changes = {"sha256": _hash(card.energy_file), "commands": commands}
    card = ModelCard(**{**card.__dict__, **changes})
    return ModelCard(**{**card.__dict__, "identity": identity_of(card, card.folder)})


def redox_species(species: Sequence[Species]) -> list[str]:
    """Names of the species whose element is there in several charge states."""
    elements = Counter(one.element for one in species)
    return [str(one) for one in species if elements[one.element] > 1]


def identity_of(card: ModelCard, folder: Path) -> str:
    """The hash of all that determines energies, with the model's files taken from a folder."""
    data = {
        "architecture": card.architecture,
        "species": _names(card.species),
        "bonds": {
            name: [bond.mean, bond.coordination, str(bond.ligand)]
            for name, bond in sorted(card.bonds.items())
        },
        "charges": dict(sorted(card.lammps_charges.items())),
        "commands": card.commands.lines,
        "files": {name: _hash(folder / name) for name in sorted(card.files)},
    }
    if card.reference_energies:  # runs from before this table stay resumable
        data["reference_energies"] = dict(sorted(card.reference_energies.items()))
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; a model folder holds card.toml.") from None
    except RecursionError:
        raise InputError(f"{path} cannot be read: it is nested too deeply.") from None
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, no TOML, an endless number
        raise InputError(f"{path} cannot be read: {error}.") from None


def _check_example(fields: Fields) -> None:
    if "example" in fields.data:
        name = fields.text("example")
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(
                f"{fields.source}: example = {name!r} must name a file of the model's folder."
            )


def _compare(path: Path, fields: Fields, species: tuple[Species, ...], own: dict[str, Any]) -> None:
    """Refuse a card that says something else than the file of the model does."""
    said = {**fields.data, "species": _names(species)}
    energies = {entry["name"]: entry["reference_energy_eV"] for entry in own["species"]}
    pairs = [
        ("architecture", own["architecture"]),
        ("charge_aware", own["charge_aware"]),
        ("species", [str(Species.parse(entry["name"])) for entry in own["species"]]),
        ("r_cut_A", own["r_cut"]),
        ("n_layers", own["n_layers"]),
        ("dtype", own["dtype"]),
        ("reference_energies_eV", energies),
        ("training_data_sha256", own.get("training_data_sha256", "")),
    ]
    for key, value in pairs:
        if key in said and said[key] != value:
            raise InputError(
                f"{path}: {key} {_short(said[key])} but model.pt has {_short(value)}; the card "
                "belongs to another model, export it again."
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:199] + "…"


def _names(species: tuple[Species, ...]) -> list[str]:
    return [str(one) for one in species]


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
