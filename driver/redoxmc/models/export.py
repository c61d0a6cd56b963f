"""From a trained model to a model folder: TorchScript with metadata inside, and a card."""

import copy
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from redoxmc.errors import InputError
from redoxmc.io.files import replace_atomically, write_atomically
from redoxmc.io.toml_text import toml_text
from redoxmc.model_card import FORMAT, METADATA, Bonds, read_metadata
from redoxmc.models.model import Model

DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class Provenance:
    """What a card says beside the model itself."""

    training_data_sha256: str = ""  # hash of the training frames
    # mean absolute errors on the test set, by quantity and by species
    errors: Mapping[str, Any] = field(default_factory=dict)
    # number and length of the bonds of the redox species in the data, by species name
    bonds: Mapping[str, Bonds] = field(default_factory=dict)
    # further entries of the card (note, data, training)
    notes: Mapping[str, Any] = field(default_factory=dict)


def export_model(
    model: Model,
    folder: Path,
    provenance: Provenance | None = None,
    *,
    dtype: str = "float64",
    name: str | None = None,
) -> None:
    """Write `model.pt` and `card.toml` into folder (made where absent), each atomically.

    dtype: "float64" or "float32", of weights and arithmetic. name: of the model, the folder's
    where None. Raises InputError for another dtype or a folder that cannot be written to.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is not one of 'float64', 'float32'.")
    provenance = provenance or Provenance()
    metadata = model_metadata(model, provenance, dtype)
    data = script_bytes(model, metadata, DTYPES[dtype])

    def write(path: Path) -> None:
        path.write_bytes(data)

    replace_atomically(folder / "model.pt", write)
    card = card_data(name or folder.resolve().name, metadata, provenance)
    write_atomically(folder / "card.toml", toml_text(card))


def model_metadata(model: Model, provenance: Provenance, dtype: str) -> dict[str, Any]:
    """The content of `redoxmc.json`, which travels inside `model.pt`."""
    return {
        "format": FORMAT,
        "architecture": model.architecture,
        "charge_aware": model.charge_aware,
        "species": [entry.metadata() for entry in model.table],
        "r_cut": model.r_cut,
        "n_layers": model.n_layers,
        "dtype": dtype,
        "units": {"energy": "eV", "length": "angstrom"},
        "training_data_sha256": provenance.training_data_sha256,
        "errors": dict(provenance.errors),
        "hyperparameters": model.settings,
    }


def script_bytes(model: Model, metadata: Mapping[str, Any], dtype: torch.dtype) -> bytes:
    """TorchScript of the model with its metadata inside."""
    module = copy.deepcopy(model.module).to(dtype).eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    buffer = io.BytesIO()  # a file would put its own name into the archive
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit announces its deprecation
        scripted = model.compile(module)
        extra = {METADATA: json.dumps(metadata, indent=1, ensure_ascii=False)}
        torch.jit.save(scripted, buffer, _extra_files=extra)
    return buffer.getvalue()


def card_data(name: str, metadata: Mapping[str, Any], provenance: Provenance) -> dict[str, Any]:
    """The content of `card.toml`."""
    return {
        "format": FORMAT,
        "name": name,
        "architecture": metadata["architecture"],
        "charge_aware": metadata["charge_aware"],
        "species": [entry["name"] for entry in metadata["species"]],
        "r_cut_A": metadata["r_cut"],
        "n_layers": metadata["n_layers"],
        "dtype": metadata["dtype"],
        "training_data_sha256": metadata["training_data_sha256"],
        "bonds": {
            species: {
                "mean_A": round(bond.mean, 4),
                "coordination": bond.coordination,
                "ligand": str(bond.ligand),
            }
            for species, bond in provenance.bonds.items()
        },
        "reference_energies_eV": {
            entry["name"]: entry["reference_energy_eV"] for entry in metadata["species"]
        },
        "errors": dict(provenance.errors),
        "settings": metadata["hyperparameters"],
        **provenance.notes,
    }


def load_script(path: Path) -> tuple[Any, dict[str, Any]]:
    """Load a TorchScript model and its metadata; raises InputError as `read_metadata` does."""
    metadata = read_metadata(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = torch.jit.load(str(path), map_location="cpu").eval()
    except RuntimeError:
        raise InputError(f"{path} is not a complete TorchScript model.") from None
    return module, metadata
