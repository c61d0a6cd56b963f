"""Checkpoints of a training: everything that its continuation depends on, in one file."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from redoxmc.errors import InputError
from redoxmc.io.files import replace_atomically
from redoxmc.io.frames import short
from redoxmc.models.architectures import build_model
from redoxmc.models.export import load_script
from redoxmc.models.model import Model
from redoxmc.models.table import SpeciesRow
from redoxmc.species import Species

CHECKPOINT_FORMAT = 1


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write plain data and tensors to path, atomically."""
    content = {"format": CHECKPOINT_FORMAT, **content}
    replace_atomically(path, lambda temporary: torch.save(content, temporary))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; InputError where it is missing, damaged, not ours or too new."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch itself does not compare checksums
        if damaged is not None:
            raise ValueError(f"{damaged} is not what was written")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; 'redoxmc train' writes checkpoints.") from None
    except Exception as error:  # torch raises whatever unpickling met
        raise InputError(f"{path} is not a complete checkpoint ({short(error)}).") from None
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise InputError(f"{path} is not a checkpoint of 'redoxmc train'.")
    if content["format"] > CHECKPOINT_FORMAT:
        raise InputError(
            f"{path} has format {content['format']}; this redoxmc reads up to "
            f"{CHECKPOINT_FORMAT}: update redoxmc."
        )
    return content


def describe_model(model: Model) -> dict[str, Any]:
    """Plain data from which `rebuild_model` makes the model again, without its weights."""
    return {
        "architecture": model.architecture,
        "charge_aware": model.charge_aware,
        "settings": model.settings,
        "table": [
            {"name": str(t.species), "row": t.row, "reference": t.reference_energy}
            for t in model.table
        ],
    }


def rebuild_model(description: dict[str, Any], weights: dict[str, torch.Tensor]) -> Model:
    """Build the model in float64 and give it the weights.

    Only parameters are taken from the checkpoint: its constants may have been rounded to float32.
    Raises InputError where the description or the weights are not what `describe_model` gives.
    """
    try:
        return _rebuilt(description, weights)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(
            f"the checkpoint does not describe a model that can be built ({short(error)})."
        ) from None


def _rebuilt(description: dict[str, Any], weights: dict[str, torch.Tensor]) -> Model:
    table = tuple(
        SpeciesRow(Species.parse(entry["name"]), entry["row"], entry["reference"])
        for entry in description["table"]
    )
    model = build_model(
        description["architecture"],
        description["settings"],
        table,
        description["charge_aware"],
        seed=0,
    )
    load_weights(model.module, weights)
    return model


def load_start(path: Path) -> Model:
    """The model of a checkpoint, or of the folder of an exported one; InputError for neither."""
    if not path.is_dir():
        content = load_checkpoint(path)
        return rebuild_model(content["model"], content["weights"])
    module, metadata = load_script(path / "model.pt")
    table = [
        {"name": t["name"], "row": t["row"], "reference": t["reference_energy_eV"]}
        for t in metadata["species"]
    ]
    description = {
        "architecture": metadata["architecture"],
        "charge_aware": metadata["charge_aware"],
        "settings": metadata["hyperparameters"],
        "table": table,
    }
    return rebuild_model(description, dict(module.named_parameters()))


def weights_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of the parameters by name."""
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def load_weights(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Copy parameters into the module; raises InputError where names or shapes differ."""
    parameters = dict(module.named_parameters())
    if parameters.keys() != weights.keys():
        raise InputError("the weights of the checkpoint belong to another architecture.")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter.shape != weights[name].shape:
                raise InputError(f"the checkpoint's weight {name} has another shape.")
            parameter.copy_(weights[name])
